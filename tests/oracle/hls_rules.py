"""C5 of recording.md: playlists obey RFC 8216."""

from __future__ import annotations

import math
import re
from datetime import timedelta
from fractions import Fraction
from pathlib import Path, PurePosixPath

from oracle import playlist
from oracle.packets import Packet, segment_packets
from oracle.playback import frame_ms, start_ms

WALL_CLOCK_SLACK_S = 0.002


def assert_playlist(path: Path, *, final: bool = True, keyframes: bool = True) -> playlist.Playlist:
    """C5: the playlist is right by RFC 8216, and every segment is what it says.

    Args:
        final: it is finished (VOD, ENDLIST, exact TARGETDURATION); False: it is still growing (EVENT).
        keyframes: every segment of a stream with video begins with a video keyframe.
    """
    listed = playlist.read(path)
    name = path.name
    assert listed.segments, f"{name} lists no segments"
    _assert_head(listed, name, final)
    _assert_targets(listed, name, final)
    _assert_files(listed, name, final)
    contents = list(segment_packets(listed))
    _assert_durations(listed, contents, name)
    _assert_wall_clock(listed, name)
    for segment, packets in zip(listed.segments, contents, strict=True):
        video = [packet for packet in packets if packet.kind == "video"]
        has_video = any(p.kind == "video" for p in _stretch(listed, contents, segment.run))
        if keyframes and has_video:
            assert video, f"{name}: {segment.uri} has no video"
            assert video[0].key, f"{name}: {segment.uri} does not begin with a keyframe"
    return listed


def _assert_head(listed: playlist.Playlist, name: str, final: bool) -> None:
    for tag in ("#EXT-X-VERSION", "#EXT-X-TARGETDURATION", "#EXT-X-MEDIA-SEQUENCE", "#EXT-X-PLAYLIST-TYPE"):
        assert listed.tags.count(tag) == 1, f"{name} has {listed.tags.count(tag)} {tag}"
    fragmented = any(segment.map_uri for segment in listed.segments)
    needed = 6 if fragmented else 3
    assert listed.version >= needed, f"{name}: version {listed.version}, {needed} is needed"
    assert listed.media_sequence == 0, f"{name}: the media sequence starts at {listed.media_sequence}"
    assert listed.kind == ("VOD" if final else "EVENT"), f"{name}: the playlist type is {listed.kind}"
    assert listed.ended == final, f"{name}: {'no ' if final else ''}#EXT-X-ENDLIST"
    for segment in listed.segments:
        needs_map = PurePosixPath(segment.uri).suffix in (".m4s", ".mp4")
        assert needs_map == bool(segment.map_uri), f"{name}: {segment.uri} and #EXT-X-MAP do not go together"


def _assert_targets(listed: playlist.Playlist, name: str, final: bool) -> None:
    durations = [Fraction(segment.duration_text) for segment in listed.segments]
    rounded = [math.floor(duration + Fraction(1, 2)) for duration in durations]
    for segment, seconds in zip(listed.segments, rounded, strict=True):
        assert re.fullmatch(r"\d+\.\d{3,}", segment.duration_text), f"{name}: EXTINF {segment.duration_text}"
        assert seconds <= listed.target_s, (
            f"{name}: {segment.uri} lasts {segment.duration_text} s, TARGETDURATION is {listed.target_s}"
        )
    exact = {max(rounded), math.ceil(max(durations)), 1}
    assert not final or listed.target_s in exact, (
        f"{name}: TARGETDURATION is {listed.target_s}, the longest segment {float(max(durations)):g} s"
    )


def _assert_files(listed: playlist.Playlist, name: str, final: bool) -> None:
    uris = [segment.uri for segment in listed.segments]
    assert len(set(uris)) == len(uris), f"{name} lists a segment twice"
    named = set(uris) | {segment.map_uri for segment in listed.segments if segment.map_uri}
    for uri in named:
        leads_away = "://" in uri or uri.startswith("/") or ".." in PurePosixPath(uri).parts
        assert not leads_away, f"{name}: the URI {uri} leads away"
        assert listed.file(uri).is_file(), f"{name}: {uri} is missing"
        assert listed.file(uri).stat().st_size, f"{name}: {uri} is empty"
    folders = {listed.file(uri).parent for uri in named} - {listed.path.parent}
    if final:
        for folder in folders:
            strays = {entry.name for entry in folder.iterdir()} - {PurePosixPath(uri).name for uri in named}
            assert not strays, f"{name}: {folder.name}/ holds files that it does not list: {sorted(strays)}"


def _assert_durations(listed: playlist.Playlist, contents: list[list[Packet]], name: str) -> None:
    """EXTINF is the distance to the next segment's first packet, to the millisecond; behind the last one of a
    stretch it lies within a frame of the packets' own span."""
    for number, (segment, packets) in enumerate(zip(listed.segments, contents, strict=True)):
        assert packets, f"{name}: {segment.uri} holds no packets"
        said_ms = Fraction(segment.duration_text) * 1000
        last = number + 1 == len(contents) or listed.segments[number + 1].run != segment.run
        begins = number == 0 or listed.segments[number - 1].run != segment.run
        lead_ms = start_ms(packets) - min(p.dts_ms for p in packets)  # audio where a stretch begins
        if last:
            stretch = _stretch(listed, contents, segment.run)
            tracks = [[p for p in packets if p.kind == kind] for kind in ("video", "audio")]
            spans_ms = [t[-1].dts_ms - start_ms(packets) for t in tracks if t]
            frames_ms = [frame_ms([p for p in stretch if p.kind == kind]) for kind in ("video", "audio")]
            slack_ms = max(frames_ms) + 1
            real_ms = max(spans_ms)
            right = abs(said_ms - real_ms) <= slack_ms
            right = right or (begins and abs(said_ms - real_ms - lead_ms) <= slack_ms)
        else:
            real_ms = start_ms(contents[number + 1]) - start_ms(packets)
            right = abs(real_ms - said_ms) <= 1 or (begins and abs(real_ms + lead_ms - said_ms) <= 1)
        assert right, (
            f"{name}: {segment.uri} lasts {float(real_ms):g} ms, EXTINF says {segment.duration_text}"
        )


def _stretch(listed: playlist.Playlist, contents: list[list[Packet]], run: int) -> list[Packet]:
    """The packets between two discontinuities: a segment of one packet does not say how long it lasts."""
    pairs = zip(listed.segments, contents, strict=True)
    return [packet for segment, packets in pairs if segment.run == run for packet in packets]


def _assert_wall_clock(listed: playlist.Playlist, name: str) -> None:
    """PROGRAM-DATE-TIME stands before the first segment of each stretch and runs with EXTINF."""
    previous: playlist.Segment | None = None
    for segment in listed.segments:
        begins = previous is None or previous.run != segment.run
        time = segment.program_time
        assert time or not begins, f"{name}: no PROGRAM-DATE-TIME before {segment.uri}"
        assert time is None or time.tzinfo, f"{name}: the PROGRAM-DATE-TIME of {segment.uri} has no zone"
        if previous and time and previous.program_time:
            expected = previous.program_time + timedelta(seconds=previous.duration_s)
            off_s = (time - expected).total_seconds()
            if begins:
                assert off_s >= -1, f"{name}: PROGRAM-DATE-TIME steps back before {segment.uri}"
            else:
                assert abs(off_s) <= WALL_CLOCK_SLACK_S, (
                    f"{name}: PROGRAM-DATE-TIME of {segment.uri} is {off_s} s off"
                )
        previous = segment

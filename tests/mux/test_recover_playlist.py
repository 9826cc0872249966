"""S2 for HLS: a killed recording gets its playlist, and its last segment is cut to what is whole."""

from __future__ import annotations

import os
import random
import re
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from muxing import PlainFolder, read_stream
from oracle.packets import output_packets
from oracle.playback import assert_f3, assert_plays
from oracle.rules import assert_playlist
from recovering import interrupt_playlist, lost_packets, tears

from engine.errors import MalformedPlaylist, NothingRecorded
from engine.media.codecs import Format
from engine.mux import MuxOptions, open_muxer
from engine.mux.playlist import SegmentNote
from engine.mux.recover import recover_playlist

STARTED = datetime(2026, 2, 3, 4, 5, 6, 789_000, tzinfo=UTC)
KINDS = ["ts", "fmp4"]
LONGEST_LOSS_MS = 1_100  # an open fragment, and the packet that waits for the next one


def options(kind, **more):
    return MuxOptions(hls_segment=kind, hls_time_s=3.0, started_at=STARTED, **more)


@pytest.fixture(scope="module")
def left(sample, tmp_path_factory):
    """A recording of each kind whose last segment is open."""
    stream = read_stream(sample("h264_aac_bframes")).shifted(50_000)
    return {
        kind: interrupt_playlist([stream], tmp_path_factory.mktemp(kind), options(kind)) for kind in KINDS
    }


@pytest.mark.parametrize(
    "name", ["h264_aac_bframes", "aac_only", "h264_opus", "video_only", "h265_enhanced_aac"]
)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("timestamps", ["original", "zero"])
def test_a_killed_recording_is_listed_and_plays(name, kind, timestamps, sample, tmp_path):
    stream = read_stream(sample(name)).shifted(900_000)
    left = interrupt_playlist([stream], tmp_path, options(kind, timestamps=timestamps))
    report = recover_playlist(left.playlist, left.notes)
    listed = assert_playlist(left.playlist)
    assert_f3(left.playlist)
    packets = output_packets(left.playlist)
    assert (report.stats.video_packets, report.stats.audio_packets) == (
        len(packets.video),
        len(packets.audio),
    )
    assert report.stats.first_dts_ms == left.stats.first_dts_ms
    assert left.stats.last_dts_ms - report.stats.last_dts_ms <= LONGEST_LOSS_MS
    assert left.stats.duration_ms - report.stats.duration_ms <= LONGEST_LOSS_MS
    assert report.stats.duration_ms == round(sum(one.duration_s for one in listed.segments) * 1000)
    assert report.problems == []
    assert [track.kind for track in report.tracks] == sorted(
        {one.kind for one in packets.packets}, reverse=True
    )
    lost_packets(sample(name), left.playlist)
    files = [*left.playlist.with_suffix("").iterdir()]
    assert report.size_bytes == sum(path.stat().st_size for path in files)
    text = left.playlist.read_bytes()
    again = recover_playlist(left.playlist, left.notes)
    assert left.playlist.read_bytes() == text
    assert again == replace(report, cut_bytes=0)


def ended(kind, sample, folder, **more):
    """A recording that ended as it should, its notes, and its last playlists."""
    stream = read_stream(sample("h264_aac_bframes")).shifted(70_000)
    out = PlainFolder(folder / "out.m3u8")
    muxer = open_muxer(Format.HLS, stream.tracks, out, options(kind, **more))
    for batch in stream.batches():
        muxer.write(batch)
    muxer.restart(stream.tracks)
    for batch in stream.shifted(400_000).batches():
        muxer.write(batch)
    muxer.close()
    return out, [SegmentNote.of(fields) for fields in out.notes], muxer.stats


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("timestamps", ["original", "zero"])
@pytest.mark.parametrize("missing", ["nothing", "the last note", "the playlist", "its last entry"])
def test_a_recording_that_only_lacks_its_end_is_ended(kind, timestamps, missing, sample, tmp_path):
    out, notes, stats = ended(kind, sample, tmp_path, timestamps=timestamps)
    out.playlist.write_text(out.published[-2])
    if missing == "the last note":
        notes = notes[:-1]
    elif missing == "the playlist":
        out.playlist.unlink()
    elif missing == "its last entry":
        out.playlist.write_text(out.published[-3])
    report = recover_playlist(out.playlist, notes)
    assert out.playlist.read_text() == out.published[-1]
    assert replace(report.stats, media_bytes=0) == replace(stats, media_bytes=0)
    assert report.cut_bytes == 0


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("published", [-1, -2, -3, 0])
def test_without_notes_the_playlist_and_the_folder_tell(kind, published, sample, tmp_path):
    out, _, stats = ended(kind, sample, tmp_path)
    out.playlist.write_text(out.published[published])
    before = out.playlist.stat().st_ino
    report = recover_playlist(out.playlist)
    assert out.playlist.read_text() == out.published[-1]
    assert replace(report.stats, media_bytes=0) == replace(stats, media_bytes=0)
    assert (out.playlist.stat().st_ino == before) == (published == -1), "a playlist that ended stays as it is"


@pytest.mark.parametrize("kind", KINDS)
def test_a_growing_segment_cut_anywhere_keeps_what_is_whole(kind, left, sample, tmp_path):
    data, draw = left[kind].growing.read_bytes(), random.Random(5)
    counts = []
    for number, cut in enumerate(sorted(draw.randrange(len(data) + 1) for _ in range(40))):
        one = left[kind].copy(tmp_path / str(number))
        one.growing.write_bytes(data[:cut])
        report = recover_playlist(one.playlist, one.notes)
        assert_playlist(one.playlist)
        lost_packets(sample("h264_aac_bframes"), one.playlist)
        packets = output_packets(one.playlist)
        found = (report.stats.video_packets, report.stats.audio_packets)
        assert found == (len(packets.video), len(packets.audio))
        counts.append(sum(found))
        if not number % 8:
            assert_plays(one.playlist)
    assert counts == sorted(counts)
    assert len(set(counts)) > (25 if kind == "ts" else 1)


def test_of_transport_packets_only_the_last_frame_may_be_lost(left, sample, tmp_path):
    """Cut behind each transport packet: a frame is kept once all its packets are there."""
    data = left["ts"].growing.read_bytes()
    whole = [at for at in range(188, len(data), 188) if data[at + 1] & 0x40]
    for number, cut in enumerate(range(188 * 40, 188 * 120, 188)):
        one = left["ts"].copy(tmp_path / str(number))
        one.growing.write_bytes(data[:cut])
        recover_playlist(one.playlist, one.notes)
        kept = (one.playlist.with_suffix("") / left["ts"].growing.stem).stat().st_size
        lost = [at for at in whole if kept < at <= cut]
        lost_packets(sample("h264_aac_bframes"), one.playlist)
        assert len(lost) <= 3, "tables may stand in front of the frame that is torn"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("number", range(1, 5))
def test_what_a_torn_write_left_behind_goes(kind, number, left, tmp_path):
    one, plain = left[kind].copy(tmp_path / "torn"), left[kind].copy(tmp_path / "plain")
    tail = tears(number)[number]
    with one.growing.open("ab") as file:
        file.write(tail)
    report = recover_playlist(one.playlist, one.notes)
    expected = recover_playlist(plain.playlist, plain.notes)
    assert one.playlist.read_text() == plain.playlist.read_text()
    assert report == replace(expected, cut_bytes=expected.cut_bytes + len(tail))


@pytest.mark.parametrize("kind", KINDS)
def test_a_segment_without_a_whole_packet_is_removed(kind, left, tmp_path):
    for number, size in enumerate((0, 100, 400)):
        one = left[kind].copy(tmp_path / str(number))
        growing = one.growing
        growing.write_bytes(growing.read_bytes()[:size])
        assert recover_playlist(one.playlist, one.notes).cut_bytes == size
        assert len(assert_playlist(one.playlist).segments) == 2
        assert not growing.exists()


@pytest.mark.parametrize("kind", KINDS)
def test_a_killed_splice_keeps_its_discontinuity(kind, sample, tmp_path):
    streams = [read_stream(sample(name)) for name in ("h264_aac_bframes", "h265_enhanced_aac")]
    left = interrupt_playlist([streams[0].shifted(10_000), streams[1]], tmp_path, options(kind))
    for notes in (left.notes, []):
        one = left.copy(tmp_path / f"{len(notes)}")
        recover_playlist(one.playlist, notes)
        listed = assert_playlist(one.playlist)
        assert [segment.run for segment in listed.segments] == [0, 0, 0, 1, 1, 1]
        assert len({segment.map_uri for segment in listed.segments}) == (2 if kind == "fmp4" else 1)
        assert listed.segments[3].program_time == STARTED + timedelta(milliseconds=8081)


@pytest.mark.parametrize("step", ["rename", "replace", "unlink", "fsync"])
def test_a_crash_within_the_recovery(step, left, tmp_path, monkeypatch):
    """Whichever call is the last one, recovering again has the same outcome."""
    expected = left["fmp4"].copy(tmp_path / "expected")
    recover_playlist(expected.playlist, expected.notes)
    for calls in range(3):
        one = left["fmp4"].copy(tmp_path / str(calls))
        count = iter(range(100))
        real = getattr(os, step)

        def crash(*args, real=real, calls=calls, count=count):
            if next(count) == calls:
                raise KeyboardInterrupt
            return real(*args)

        with monkeypatch.context() as patched:
            patched.setattr(os, step, crash)
            with suppress(KeyboardInterrupt):
                recover_playlist(one.playlist, one.notes)
        recover_playlist(one.playlist, one.notes)
        assert one.playlist.read_text() == expected.playlist.read_text()
        names = {path.name: path.read_bytes() for path in one.playlist.with_suffix("").iterdir()}
        assert names == {path.name: path.read_bytes() for path in expected.playlist.with_suffix("").iterdir()}


def test_a_rename_that_was_torn_between_its_two_names(left, tmp_path):
    one = left["ts"].copy(tmp_path / "one")
    os.link(one.growing, one.growing.with_suffix(""))
    recover_playlist(one.playlist, one.notes)
    assert len(assert_playlist(one.playlist).segments) == 3


def test_a_committed_segment_that_lost_its_end_in_a_power_cut(left, tmp_path):
    one = left["ts"].copy(tmp_path / "one")
    second = one.playlist.with_suffix("") / "00001.ts"
    kept = second.stat().st_size // 2 // 4096 * 4096
    second.write_bytes(second.read_bytes()[:kept] + bytes(second.stat().st_size - kept))
    report = recover_playlist(one.playlist, one.notes)
    packets = output_packets(one.playlist)
    assert report.stats.video_packets == len(packets.video) < left["ts"].stats.video_packets - 20
    assert [segment.run for segment in assert_playlist(one.playlist).segments] == [0, 0, 1]


def test_a_missing_segment_is_said(left, tmp_path):
    one = left["ts"].copy(tmp_path / "one")
    (one.playlist.with_suffix("") / "00000.ts").unlink()
    report = recover_playlist(one.playlist, one.notes)
    assert report.problems == ["00000.ts is missing"]
    assert report.stats.video_packets == len(output_packets(one.playlist).video)
    assert [s.uri for s in assert_playlist(one.playlist).segments] == ["out/00001.ts", "out/00002.ts"]


def test_a_lost_initialization_removes_nothing(left, tmp_path):
    one = left["fmp4"].copy(tmp_path / "one")
    (one.playlist.with_suffix("") / "init-0.mp4").unlink()
    before = {path.name: path.read_bytes() for path in one.playlist.with_suffix("").iterdir()}
    with pytest.raises(MalformedPlaylist, match="left as they are"):
        recover_playlist(one.playlist, one.notes)
    assert {path.name: path.read_bytes() for path in one.playlist.with_suffix("").iterdir()} == before


def test_nothing_recorded_is_named(tmp_path):
    playlist = tmp_path / "out.m3u8"
    with pytest.raises(NothingRecorded):
        recover_playlist(playlist)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "00000.ts.part").write_bytes(b"G")
    with pytest.raises(NothingRecorded):
        recover_playlist(playlist, [SegmentNote("00000.ts", STARTED, 0)])
    assert not playlist.exists()


HOSTILE = [
    ("", "first line"),
    ("#EXTM3U\n#EXTINF:6.0,\n../../etc/passwd\n", "no file of out/"),
    ("#EXTM3U\n#EXTINF:6.0,\nout/../x.ts\n", "no file of out/"),
    ("#EXTM3U\n#EXTINF:6.0,\nhttps://example.com/a.ts\n", "no file of out/"),
    ("#EXTM3U\nout/00000.ts\n", "no #EXTINF"),
    ("#EXTM3U\n#EXTINF:1e9,\nout/00000.ts\n", "no duration"),
    ("#EXTM3U\n#EXTINF:99999999.0,\nout/00000.ts\n", "not believed"),
    ("#EXTM3U\n#EXTINF:1.0,\nout/a.ts\n#EXTINF:1.0,\nout/a.ts\n", "listed twice"),
    ('#EXTM3U\n#EXT-X-KEY:METHOD=AES-128,URI="k"\n', "not known here"),
    ("#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\nlow.m3u8\n", "not known here"),
    ("#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:7\n", "not known here"),
    ('#EXTM3U\n#EXT-X-MAP:URI="out/i.mp4",BYTERANGE="1@0"\n', "no file of out/"),
    ("#EXTM3U\n#EXT-X-PROGRAM-DATE-TIME:yesterday\n", "no date and time"),
    ("#EXTM3U\n#EXT-X-ENDLIST\n#EXTINF:1,\n", "behind #EXT-X-ENDLIST"),
    ("#EXTM3U\n" + "#EXTINF:1.0,\nout/{}.ts\n" * 100_001, "more than 100000"),
    ("#EXTM3U\n" + "#" * (16 << 20), "bytes"),
    ("\udcff", "decode"),
]


@pytest.mark.parametrize(("text", "words"), HOSTILE)
def test_hostile_playlists_are_named_and_left(text, words, tmp_path):
    playlist = tmp_path / "out.m3u8"
    number = iter(range(1 << 20))
    data = re.sub(r"\{\}", lambda _: str(next(number)), text).encode("utf-8", "surrogateescape")
    playlist.write_bytes(data)
    with pytest.raises(MalformedPlaylist, match=words):
        recover_playlist(playlist)
    assert playlist.read_bytes() == data


@settings(max_examples=150)
@given(
    kind=st.sampled_from(KINDS),
    changes=st.lists(st.tuples(st.floats(0, 1), st.binary(min_size=1, max_size=6)), min_size=1, max_size=4),
    target=st.sampled_from(["playlist", "growing", "00001", "init-0.mp4"]),
)
@example(kind="fmp4", changes=[(0.63671875, b"\x80")], target="init-0.mp4")  # segments of days
def test_changed_bytes_give_a_playlist_or_a_named_error(left, tmp_path_factory, kind, changes, target):
    one = left[kind].copy(tmp_path_factory.mktemp("changed") / "one")
    folder = one.playlist.with_suffix("")
    path = one.growing if target == "growing" else one.playlist
    for found in folder.glob(f"{target}*"):
        path = found
    data = bytearray(path.read_bytes())
    for place, written in changes:
        at = int(place * (len(data) - len(written)))
        data[at : at + len(written)] = written
    path.write_bytes(data)
    try:
        recover_playlist(one.playlist)
    except (MalformedPlaylist, NothingRecorded):
        return
    text = one.playlist.read_text()
    assert text.endswith("#EXT-X-ENDLIST\n")
    recover_playlist(one.playlist)
    assert one.playlist.read_text() == text


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"name": "../x.ts"},
        {"name": "00000.ts", "start_ms": "soon"},
        {"map_uri": "../../init.mp4"},
        {"tally": [1, 2]},
        {"starts_at": "never"},
    ],
)
def test_notes_are_not_believed_blindly(fields, left, tmp_path):
    one = left["ts"].copy(tmp_path / "one")
    before = one.playlist.read_text()
    good = one.notes[0].fields()
    with pytest.raises(MalformedPlaylist):
        recover_playlist(one.playlist, [SegmentNote.of({**good, **fields} if fields else {})])
    assert one.playlist.read_text() == before


def test_notes_survive_their_journal(left):
    for note in left["fmp4"].notes:
        assert SegmentNote.of({**note.fields(), "of a later version": 1}) == note

"""F3 of recording.md: each file plays alone."""

from __future__ import annotations

import subprocess
import tempfile
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import imageio_ffmpeg

from oracle import flv, mp4, playlist, ts, units
from oracle.packets import Packet, Recording, output_packets

FFMPEG_TIMEOUT_S = 120
HALF_CLOCK_MS = 1 << 31  # FLV timestamps are signed 32-bit ms

# What FFmpeg 9 does not read in FLV. Everything else of the matrix it reads as it is, in every container.
# Files with these are played from a copy with FourCC signalling, which the FLV reader here makes.
UNREADABLE_FLV = {("av1", "legacy"), ("h266", "legacy"), ("opus", "legacy"), ("mp3 at 8 kHz", "legacy")}


def playable(codec: str, signalling: str, container: str, *, multitrack: bool = False) -> bool:
    """Whether FFmpeg reads a codec with this signalling (`legacy`, `enhanced`) in a container as it is.

    FFmpeg stops at the first tag that holds the configurations of several tracks.
    """
    return container != "flv" or not (multitrack or (codec, signalling) in UNREADABLE_FLV)


def assert_f3(path: Path, *, ffmpeg: str | None = None, apart: bool = False) -> None:
    """F3: decoder configuration and a keyframe first, FFmpeg plays it without a word, durations agree.

    Args:
        apart: a playlist's clock starts over at its discontinuities, which FFmpeg's player does not follow
            without complaint: each stretch is played alone.
    """
    recording = output_packets(path)
    assert recording.packets, f"{path.name} holds no packets"
    if recording.video:
        assert recording.video[0].key, f"{path.name} does not begin with a keyframe"
    {"flv": _assert_flv, "mp4": _assert_mp4, "ts": _assert_ts, "fmp4": _assert_fmp4}.get(
        recording.container, lambda *_: None
    )(path, recording)
    assert_plays(path, ffmpeg=ffmpeg, apart=apart)


def assert_plays(path: Path, *, ffmpeg: str | None = None, apart: bool = False) -> None:
    """`ffmpeg -v error -xerror -i FILE -f null -` prints nothing and ends with 0."""
    if path.suffix == ".flv":
        file = flv.read(path)
        if not _readable(file):
            with tempfile.TemporaryDirectory() as folder:
                copy = Path(folder, "enhanced.flv")
                copy.write_bytes(flv.to_enhanced(file))
                _run(copy, path.name, ffmpeg)
            return
    if path.suffix == ".m3u8":
        listed = playlist.read(path)
        if apart or len({segment.map_uri for segment in listed.segments}) > 1:
            _play_stretches(listed, ffmpeg)
            return
    # FFmpeg does not recognise two frames of AAC by themselves, and is told what they are.
    is_tiny = path.suffix in (".aac", ".mp3") and len(output_packets(path).packets) < 3
    _run(path, path.name, ffmpeg, *(("-f", path.suffix[1:]) if is_tiny else ()))


def _play_stretches(listed: playlist.Playlist, ffmpeg: str | None) -> None:
    """FFmpeg does not read a second EXT-X-MAP: each stretch is played from a playlist of its own."""
    for run in {segment.run for segment in listed.segments}:
        lines = ["#EXTM3U", "#EXT-X-VERSION:7", f"#EXT-X-TARGETDURATION:{listed.target_s}"]
        segments = [segment for segment in listed.segments if segment.run == run]
        if segments[0].map_uri:
            lines.append(f'#EXT-X-MAP:URI="{listed.file(segments[0].map_uri).resolve()}"')
        for segment in segments:
            lines += [f"#EXTINF:{segment.duration_text},", str(listed.file(segment.uri).resolve())]
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(folder, "stretch.m3u8")
            copy.write_text("\n".join([*lines, "#EXT-X-ENDLIST", ""]))
            _run(copy, f"{listed.path.name}, stretch {run}", ffmpeg)


def _run(path: Path, name: str, ffmpeg: str | None, *demuxer: str) -> None:
    command = [ffmpeg or imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-v", "error", "-xerror"]
    # Otherwise times are rounded to the mean frame rate, and where frames are missing two share one. Where a
    # source fell silent between a picture and those shown before it, its times go back: vfr takes them.
    output = ["-fps_mode", "vfr", "-enc_time_base:v", "1:90000", "-f", "null", "-"]
    done = subprocess.run(
        [*command, *demuxer, "-i", str(path), *output],
        capture_output=True,
        text=True,
        timeout=FFMPEG_TIMEOUT_S,
        check=False,
    )
    said = (done.stdout + done.stderr).strip()
    assert done.returncode == 0, f"{name}: ffmpeg ends with {done.returncode}: {said[:2000]}"
    assert not said, f"{name}: ffmpeg says: {said[:2000]}"


def _readable(file: flv.FlvFile) -> bool:
    for tag in file.tags:
        for media in flv.classify(tag):
            codec = media.codec
            if tag.kind == flv.AUDIO and tag.body[0] >> 4 == 14:
                codec = "mp3 at 8 kHz"
            if not playable(codec, media.signalling, "flv", multitrack=media.multitrack):
                return False
    return True


def frame_ms(packets: list[Packet]) -> Fraction:
    """The longest distance between two packets that follow each other in one track."""
    times = [packet.dts_ms for packet in packets]
    return max((after - before for before, after in pairwise(times)), default=Fraction(0))


def start_ms(packets: list[Packet]) -> Fraction:
    """Where a stretch begins: at its first video packet, or its first packet when there is no video."""
    return next((packet for packet in packets if packet.kind == "video"), packets[0]).dts_ms


def _assert_duration(name: str, said_ms: Fraction, packets: list[Packet], frame: Fraction) -> None:
    """A container's duration lies between first-to-last timestamp and one frame more (1 ms for rounding)."""
    times = [packet.dts_ms for packet in packets]
    real_ms = max(times) - min(times)
    assert real_ms - 1 <= said_ms <= real_ms + frame + 1, (
        f"{name}: the container says {float(said_ms):g} ms, the packets span {float(real_ms):g} ms "
        f"and a frame is {float(frame):g} ms"
    )


def _longest_frame(recording: Recording) -> Fraction:
    return max(frame_ms(recording.video), frame_ms(recording.audio))


def _assert_flv(path: Path, recording: Recording) -> None:
    file = flv.read(path)
    configured: set[str] = set()
    for tag in file.tags:
        if tag.kind == flv.SCRIPT:
            continue
        media = flv.main_media(tag)
        if media.role == "config":
            configured.add(media.codec)
        needs = media.codec not in ("mp3", "opus") or (
            media.codec == "opus" and media.signalling == "enhanced"
        )
        if media.role == "frame" and needs:
            assert media.codec in configured, (
                f"{path.name}: {media.codec} frames come before their configuration"
            )
    assert file.has_video == bool(recording.video), (
        f"{path.name}: the header's video flag is {file.has_video}"
    )
    assert file.has_audio == bool(recording.audio), (
        f"{path.name}: the header's audio flag is {file.has_audio}"
    )
    first = file.tags[0]
    assert first.kind == flv.SCRIPT, f"{path.name} does not begin with onMetaData"
    metadata = file.metadata()
    assert isinstance(metadata.get("duration"), float), f"{path.name}: onMetaData has no duration"
    duration_ms = Fraction(metadata["duration"] * 1000)
    _assert_duration(f"{path.name}: onMetaData", duration_ms, recording.packets, _longest_frame(recording))
    assert metadata.get("filesize") == path.stat().st_size, (
        f"{path.name}: filesize is {metadata.get('filesize')}"
    )
    _assert_keyframe_index(path, file, metadata)


def _assert_keyframe_index(path: Path, file: flv.FlvFile, metadata: dict[str, object]) -> None:
    """Every entry of the keyframe index points at a keyframe tag (or the sequence header) with its time."""
    index = metadata.get("keyframes")
    if not isinstance(index, dict):
        return
    tags = {tag.position: tag for tag in file.tags if tag.kind != flv.SCRIPT}
    for time_s, position in zip(index["times"], index["filepositions"], strict=True):
        tag = tags.get(int(position))
        assert tag, f"{path.name}: the keyframe index points at byte {int(position)}, where no tag begins"
        media = flv.main_media(tag)
        assert media.key, f"{path.name}: the keyframe index points at a tag that is no keyframe"
        off_ms = (time_s * 1000 - tag.timestamp + HALF_CLOCK_MS) % (2 * HALF_CLOCK_MS) - HALF_CLOCK_MS
        assert abs(off_ms) < 1, f"{path.name}: the keyframe index says {time_s} s, {off_ms:g} ms off"


def _assert_mp4(path: Path, recording: Recording) -> None:
    movie = mp4.read(path.read_bytes())
    assert not movie.fragmented, f"{path.name} is still fragmented"
    longest_ms = Fraction(0)
    for track in movie.tracks:
        assert track.config or track.codec == "mp3", (
            f"{path.name}: {track.codec} has no decoder configuration"
        )
        assert track.entry not in ("hev1", "avc3", "vvi1"), f"{path.name}: the sample entry is {track.entry}"
        packets = recording.track(track.kind)
        media_ms = track.ms(track.media_ticks)
        _assert_duration(f"{path.name}: the {track.kind} track", media_ms, packets, frame_ms(packets))
        shown = [packet.shown_ms for packet in packets]
        longest_ms = max(longest_ms, max(shown))
        said_ms = Fraction(track.movie_ticks * 1000, track.movie_timescale)
        assert max(shown) - 1 <= said_ms <= max(shown) + frame_ms(packets) * 2 + 1, (
            f"{path.name}: the {track.kind} track's header says {float(said_ms):g} ms, "
            f"its last frame shows at {float(max(shown)):g} ms"
        )
    assert longest_ms - 1 <= movie.duration_ms <= longest_ms + _longest_frame(recording) * 2 + 1, (
        f"{path.name}: the movie header says {float(movie.duration_ms):g} ms, "
        f"the last frame shows at {float(longest_ms):g} ms"
    )


def _assert_ts(path: Path, recording: Recording) -> None:
    listed = playlist.read(path)
    for segment in listed.segments:
        for pes in ts.read(listed.file(segment.uri).read_bytes()):
            if pes.codec in units.PARAMETER_SETS:
                assert not pes.random_access or units.has_parameter_sets(pes.codec, pes.payload), (
                    f"{segment.uri}: a keyframe has no parameter sets in front"
                )
                break
    _assert_playlist_duration(path, listed, recording)


def _assert_fmp4(path: Path, recording: Recording) -> None:
    listed = playlist.read(path)
    for uri in {segment.map_uri for segment in listed.segments if segment.map_uri}:
        movie = mp4.read(listed.file(uri).read_bytes())
        assert movie.tracks, f"{uri} has no tracks"
        for track in movie.tracks:
            assert track.config or track.codec == "mp3", f"{uri}: {track.codec} has no decoder configuration"
    _assert_playlist_duration(path, listed, recording)


def _assert_playlist_duration(path: Path, listed: playlist.Playlist, recording: Recording) -> None:
    """The EXTINF of each stretch between discontinuities add up to its packets."""
    for run in {segment.run for segment in listed.segments}:
        said_ms = sum(
            Fraction(segment.duration_text) * 1000 for segment in listed.segments if segment.run == run
        )
        stretch = Recording(
            path, recording.container, [packet for packet in recording.packets if packet.span == run]
        )
        real_ms = max(packet.dts_ms for packet in stretch.packets) - start_ms(stretch.packets)
        lead_ms = start_ms(stretch.packets) - min(packet.dts_ms for packet in stretch.packets)
        slack_ms = _longest_frame(stretch) + 1
        assert -slack_ms <= said_ms - real_ms <= max(lead_ms, 0) + slack_ms, (
            f"{path.name}: EXTINF add up to {float(said_ms):g} ms, the packets span {float(real_ms):g} ms"
        )

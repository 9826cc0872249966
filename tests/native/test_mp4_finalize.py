"""finalize_mp4 on whole recordings: what comes out is the source, to FFmpeg and to a reader of our tests."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import pytest
from mp4_recording import assert_same, demux, longest_frame_ms, record
from oracle import mp4
from oracle.playback import assert_f3
from programs import need

from engine import _native

SAMPLES = [
    "h264_aac_bframes",
    "h265_enhanced_aac",
    "h266_aac",
    "av1_opus",
    "h264_mp3",
    "h264_opus",
    "mp3_only",
    "aac_only",
    "video_only",
]


def finalized(data: bytes, path: Path) -> dict[str, int]:
    """Writes a growing file and finalizes it."""
    path.write_bytes(data)
    return _native.finalize_mp4(str(path))


def check(source: Path, path: Path) -> None:
    data, packets = record(source)
    numbers = finalized(data, path)
    found, _, duration_ms = demux(path)
    assert_same(found, packets)
    frame_ms = longest_frame_ms(packets)
    assert min(packet.pts_ms for packet in found) == 0
    last_ms = max(packet.pts_ms for packet in found)
    assert last_ms < numbers["duration_ms"] <= last_ms + frame_ms + 1
    # FFmpeg sums up durations in decoding order, which may end earlier than what is shown.
    assert max(packet.dts_ms for packet in found) < duration_ms <= numbers["duration_ms"]
    assert numbers["tracks"] == len({packet.stream for packet in packets})
    assert numbers["samples"] == len(packets)
    assert numbers["bytes"] == path.stat().st_size
    assert [kind for kind, _, _ in mp4.boxes(path.read_bytes())] == [b"ftyp", b"mdat", b"moov"]
    assert_f3(path)


@pytest.mark.parametrize("name", SAMPLES)
def test_a_finalized_sample_is_its_source(name: str, sample: Callable[[str], Path], tmp_path: Path) -> None:
    check(sample(name), tmp_path / "file.mp4")


def test_a_finalized_capture_is_its_source(capture: Path, tmp_path: Path) -> None:
    check(capture, tmp_path / "file.mp4")


@pytest.mark.parametrize("name", [name for name in SAMPLES if name != "h266_aac"])
def test_an_old_ffmpeg_plays_it_too(name: str, sample: Callable[[str], Path], tmp_path: Path) -> None:
    path = tmp_path / "file.mp4"
    finalized(record(sample(name))[0], path)
    command = [need("ffmpeg"), "-nostdin", "-v", "error", "-xerror", "-i", path, "-f", "null", "-"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout + done.stderr == ""


@pytest.mark.parametrize("name", SAMPLES)
def test_tables_say_what_the_fragments_said(name: str, sample: Callable[[str], Path], tmp_path: Path) -> None:
    """Tick by tick: the fragments are read by the tests' own reader, and so is the result."""
    data, _ = record(sample(name))
    path = tmp_path / "file.mp4"
    finalized(data, path)
    before, after = mp4.read(data), mp4.read(path.read_bytes())
    origins = set()
    for growing, regular in zip(before.tracks, after.tracks, strict=True):
        start = growing.samples[0].dts
        assert [(s.dts - start, s.cts, s.key, s.payload) for s in growing.samples] == [
            (s.dts, s.cts, s.key, s.payload) for s in regular.samples
        ]
        assert regular.samples[-1].duration == growing.samples[-1].duration
        assert regular.media_ticks == regular.samples[-1].dts + regular.samples[-1].duration
        assert (regular.entry, regular.config) == (growing.entry, growing.config)
        shown = [round(regular.shown_ms(sample)) for sample in regular.samples]
        stamped = [round(growing.ms(sample.dts + sample.cts)) for sample in growing.samples]
        origins |= {stamp - show for stamp, show in zip(stamped, shown, strict=True)}
    assert len(origins) == 1


def test_a_second_call_changes_nothing(sample: Callable[[str], Path], tmp_path: Path) -> None:
    path = tmp_path / "file.mp4"
    first = finalized(record(sample("h264_aac_bframes"))[0], path)
    data = path.read_bytes()
    assert _native.finalize_mp4(str(path)) == first
    assert path.read_bytes() == data


def test_seeking_finds_keyframes(sample: Callable[[str], Path], tmp_path: Path) -> None:
    path = tmp_path / "file.mp4"
    finalized(record(sample("h264_aac_bframes"))[0], path)
    with av.open(str(path)) as opened:
        video = opened.streams.video[0]
        assert video.time_base is not None
        for wanted_s in (0, 3, 7):
            opened.seek(int(wanted_s / video.time_base), stream=video)
            packet = next(opened.demux(video))
            assert packet.pts is not None
            assert packet.is_keyframe
            assert wanted_s - 1.1 <= packet.pts * video.time_base <= wanted_s + Fraction(1, 10)


def test_media_beyond_4_gib(sample: Callable[[str], Path], tmp_path: Path) -> None:
    """The fragments of a real recording behind 5 GiB of a sparse box: offsets need 64 bits."""
    data, packets = record(sample("h264_aac_bframes"))
    kinds = list(mp4.boxes(data))
    first_fragment = next(start - 8 for kind, start, _ in kinds if kind == b"moof")
    gap = 5 << 30
    path = tmp_path / "big.mp4"
    with path.open("wb") as file:
        file.write(data[:first_fragment])
        file.write((1).to_bytes(4, "big") + b"skip" + gap.to_bytes(8, "big"))
        file.seek(gap - 16, 1)
        file.write(data[first_fragment:])
    if path.stat().st_blocks * 512 > 1 << 30:
        pytest.skip("the file system keeps no sparse files")
    numbers = _native.finalize_mp4(str(path))
    assert numbers["samples"] == len(packets)
    assert numbers["bytes"] > gap
    with path.open("rb") as file:
        file.seek(gap + len(data) - 16)
        assert b"co64" in file.read()
    found, ends, _ = demux(path)
    assert_same(found, packets)
    assert min(ends) > gap
    scanned = _native.scan_mp4(str(path))
    assert scanned["problem"] is None
    assert _native.finalize_mp4(str(path)) == numbers

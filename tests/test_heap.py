"""Memory that is free goes back to the system, and FFmpeg takes some only where it is asked."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.heap import Heap, Trimming

PAGE_BYTES = 4096


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE_BYTES


def blocks_of(total_bytes: int) -> list[bytes]:
    """Blocks below the size that glibc maps one by one."""
    return [bytes([1]) * 100_000 for _ in range(total_bytes // 100_000)]


def test_holes_are_given_back_when_there_are_many() -> None:
    trimming = Trimming(Heap())
    assert trimming.check()  # it is not known yet what cannot be given back
    for total_bytes, is_trimmed in [(8_000_000, False), (100_000_000, True), (8_000_000, False)]:
        blocks = blocks_of(total_bytes)
        assert not trimming.check()  # they are used
        last = blocks[-1]  # is kept, so that the top stays in use
        blocks.clear()
        full = resident_bytes()
        assert trimming.check() == is_trimmed
        assert (full - resident_bytes() > total_bytes * 0.8) == is_trimmed
        assert len(last) == 100_000


class ToldHeap(Heap):
    """One whose unused MB are told in turn."""

    def __init__(self, *told: int) -> None:
        super().__init__()
        self.told = list(told)

    def unused_bytes(self) -> int:
        return self.told.pop(0) << 20


def test_what_is_spare_is_counted_from_the_least_that_was_unused() -> None:
    trimming = Trimming(ToldHeap(100, 100, 90, 60, 80, 90, 61, 80))
    assert [trimming.check() for _ in range(6)] == [True, False, False, False, True, False]


class UnknownHeap(Heap):
    """Of a C library that does not tell what is free."""

    def unused_bytes(self) -> None:
        return None


def test_what_is_not_told_is_trimmed_each_time() -> None:
    trimming = Trimming(UnknownHeap())
    assert [trimming.check() for _ in range(3)] == [True] * 3


RECORD = """
import sys
from engine.cli.main import main
sys.argv[0] = "reel"
try:
    main()
finally:
    sys.stderr.write("av is loaded" if "av" in sys.modules else "av is not loaded")
"""


@pytest.mark.parametrize(("formats", "is_needed"), [("flv,hls,aac", False), ("mp4", True)])
def test_ffmpeg_is_loaded_where_it_is_asked(
    formats: str, is_needed: bool, sample: Callable[[str], Path], tmp_path: Path
) -> None:
    source = sample("h264_aac_bframes").resolve().as_uri()
    arguments = ["record", source, "--format", formats, "--output", str(tmp_path), "--duration", "1", "-q"]
    ended = subprocess.run(
        [sys.executable, "-P", "-c", RECORD, *arguments], capture_output=True, text=True, timeout=60
    )
    assert ended.stderr == ("av is loaded" if is_needed else "av is not loaded")
    assert len(list(tmp_path.rglob("*.json"))) == len(formats.split(","))


@pytest.mark.parametrize(("format", "is_loaded"), [("FLV", False), ("HLS", False), ("MP4", True)])
def test_ffmpeg_is_loaded_before_media_comes(format: str, is_loaded: bool) -> None:
    ask = "import sys; from engine.media.codecs import Format; from engine.mux import prepare; "
    ask += f"prepare([Format.{format}]); print('av' in sys.modules)"
    ended = subprocess.run([sys.executable, "-P", "-c", ask], capture_output=True, text=True, timeout=60)
    assert ended.stdout.strip() == str(is_loaded)

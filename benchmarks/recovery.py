"""`python -m benchmarks.recovery`: how long it takes to make a recording whole again that a crash left.

Two hours of 25 fps video with 48 kHz AAC, 517,500 packets, written by the muxers and never closed. MP4 is
recovered by its tables alone, so its payloads are small; FLV is read through, so it gets as many bytes as
`--flv-mib` says. Each is measured on a fresh copy, read once before, and the best of three is printed.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time
from pathlib import Path

import numpy as np

from engine import _native
from engine.media.batch import TAG, Batch, Flag, Kind
from engine.media.codecs import Codec, Format
from engine.media.track import Track
from engine.mux import MuxOptions, open_muxer
from engine.mux.recover import recover
from engine.store import GrowingFile

_SECONDS = 7_200
_FRAME_MS, _SAMPLES, _RATE = 40, 1024, 48_000
_AVC = bytes.fromhex(
    "0164000cffe1001a6764000cacd941419f9f011000000300100000030320f142996001000668ebe0a4b22cfdf8f800"
)
_TRACKS = (Track.from_config(Codec.H264, _AVC), Track.from_config(Codec.AAC, bytes.fromhex("1190")))


def _second(number: int, frame_bytes: int) -> Batch:
    """One second: a keyframe and 24 frames behind it, and the audio that begins in it."""
    first, last = (-(-second * _RATE // _SAMPLES) for second in (number, number + 1))
    start_ms = 1000 * number
    rows = [(start_ms + at, Kind.VIDEO, not at) for at in range(0, 1000, _FRAME_MS)]
    rows += [(1000 * _SAMPLES * at // _RATE, Kind.AUDIO, True) for at in range(first, last)]
    rows.sort(key=lambda row: row[0])
    arena, tags = bytearray(), np.zeros(len(rows), dtype=TAG)
    for row, (dts_ms, kind, key) in enumerate(rows):
        if kind is Kind.VIDEO:
            unit = (b"e" if key else b"A") + b"\x88" * (frame_bytes - 1)
            head, media = (b"\x17" if key else b"\x27") + b"\1\0\0\0", len(unit).to_bytes(4, "big") + unit
        else:
            head, media = b"\xaf\1", b"\x21\x10\x04\x60"
        tag = tags[row]
        tag["dts"], tag["timestamp"] = dts_ms, dts_ms
        tag["offset"], tag["size"] = len(arena), len(head) + len(media)
        tag["media_offset"], tag["media_size"] = len(arena) + len(head), len(media)
        tag["kind"], tag["codec"] = kind, Codec.H264 if kind is Kind.VIDEO else Codec.AAC
        tag["flags"] = int(Flag.KEY) * key
        arena += head + media
    return Batch(bytes(arena), tags)


def _leave(format: Format, path: Path, frame_bytes: int) -> int:
    """A recording that nobody closed; its packets."""
    sink = GrowingFile(path)
    muxer = open_muxer(format, _TRACKS, sink, MuxOptions(expected_duration_s=_SECONDS))
    for number in range(_SECONDS):
        muxer.write(_second(number, frame_bytes))
    sink.abandon()
    stats = muxer.stats
    return stats.video_packets + stats.audio_packets


def _measure(what: str, format: Format, left: Path, packets: int) -> None:
    best: dict[str, float] = {}
    copy = left.with_name("copy")
    for _ in range(3):
        shutil.copyfile(left, copy)
        copy.read_bytes()[:0]
        if format is Format.MP4:
            _time(best, "finalize_mp4", lambda: _native.finalize_mp4(str(copy)))
        else:
            _time(best, "recover", lambda: recover(format, copy))
        _time(best, "recover again (whole)", lambda: recover(format, copy))
    size = left.stat().st_size
    for name, seconds in best.items():
        print(f"{what:5} {packets:8,d} packets {size / 2**20:8.1f} MiB  {name:22} {seconds * 1000:9.1f} ms")


def _time(best: dict[str, float], name: str, work: object) -> None:
    assert callable(work)
    start = time.perf_counter()
    work()
    best[name] = min(best.get(name, 1e9), time.perf_counter() - start)


def main() -> None:
    """Writes, leaves, recovers, prints."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.recovery", description=__doc__)
    parser.add_argument("--flv-mib", type=int, default=1024, help="size of the FLV file (default 1024)")
    parser.add_argument(
        "--folder", type=Path, help="where to write (default: the system's for temporary files)"
    )
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        for format, frame_bytes in (
            (Format.MP4, 16),
            (Format.FLV, max(16, (arguments.flv_mib << 20) // (_SECONDS * 1000 // _FRAME_MS))),
        ):
            left = Path(folder, f"left.{format.value}")
            packets = _leave(format, left, frame_bytes)
            growing = left.with_name(left.name + ".part")
            _measure(format.value, format, growing, packets)
            growing.unlink()


if __name__ == "__main__":
    main()

"""The stream that is recorded: 720p H.264 with AAC at a set bit rate, made once with ffmpeg and kept."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from benchmarks.flv import last_timestamp_ms

_FPS, _GOP_S, _AUDIO_BPS = 25, 2, 128_000
_MOST_BYTES = 64_000_000  # of a file: a stream of many Mb/s is looped sooner
_LONGEST_S, _SHORTEST_S = 60, 10
_SUFFIXES = {"k": 1_000, "M": 1_000_000}

SAMPLE = Path(__file__).resolve().parents[1] / "sample_streams" / "h264_aac_bframes.flv"
"""What a smoke records."""


@dataclass(frozen=True, slots=True)
class Source:
    """An FLV file that an origin loops at real time."""

    path: Path
    name: str  # what a table calls it: the bit rate asked for, or the file's name
    bits_per_s: float  # of the file, over its duration


def parse_bitrate(text: str) -> int:
    """`3M` or `800k`, in bits a second.

    Raises:
        ValueError: it is neither.
    """
    number, factor = (text[:-1], _SUFFIXES[text[-1]]) if text[-1:] in _SUFFIXES else (text, 1)
    bits = int(float(number) * factor)
    if not 100_000 <= bits <= 200_000_000:
        raise ValueError(f"{text}: from 100k to 200M")
    return bits


def source_of(path: Path, name: str | None = None) -> Source:
    """A file as a source.

    Raises:
        RuntimeError: it is not an FLV file with media.
    """
    last_ms = last_timestamp_ms(path)
    if last_ms <= 0:
        raise RuntimeError(f"{path}: no FLV that lasts")
    return Source(path.resolve(), name or path.name, path.stat().st_size * 8000 / last_ms)


def chosen(file: Path | None, ffmpeg: str | None, bitrate: str = "3M") -> Source:
    """The file, or where none is named the stream of a video bit rate.

    Raises:
        RuntimeError: the file is no FLV, or ffmpeg cannot make one.
        FileNotFoundError: there is neither.
    """
    if file is not None:
        return source_of(file)
    if ffmpeg is None:
        raise FileNotFoundError("no ffmpeg to make the stream with: name a FILE")
    return generated(bitrate, ffmpeg)


def generated(bitrate: str, ffmpeg: str) -> Source:
    """The stream of a video bit rate, from the cache or made now (some seconds, once).

    Raises:
        RuntimeError: ffmpeg cannot make it.
    """
    bits = parse_bitrate(bitrate)
    path = _cache() / f"{bits // 1000}k-720p.flv"
    if not path.exists():
        print(f"making {path}", flush=True)
        path.parent.mkdir(parents=True, exist_ok=True)
        growing = path.with_suffix(".tmp")
        made = subprocess.run([*_command(bits, ffmpeg), str(growing)], capture_output=True, text=True)
        if made.returncode:
            raise RuntimeError(f"ffmpeg cannot make a stream of {bitrate}:\n{made.stderr[-1000:]}")
        growing.rename(path)
    return source_of(path, bitrate)


def _cache() -> Path:
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home, "reelkeeper-benchmarks")


def _command(bits: int, ffmpeg: str) -> list[str]:
    length_s = min(_LONGEST_S, max(_SHORTEST_S, _MOST_BYTES * 8 // bits)) // _GOP_S * _GOP_S
    # Noise, so that the encoder has use for the bits; without it high rates are not reached.
    video = f"testsrc2=size=1280x720:rate={_FPS},noise=alls={20 if bits < 10_000_000 else 90}:allf=t"
    gop = str(_FPS * _GOP_S)
    rate = ("-b:v", str(bits), "-maxrate", str(bits), "-bufsize", str(bits))
    return [
        *(ffmpeg, "-nostdin", "-v", "error", "-y"),
        *("-f", "lavfi", "-i", video, "-f", "lavfi", "-i", "anoisesrc=sample_rate=48000:amplitude=0.1"),
        *("-t", str(length_s), "-pix_fmt", "yuv420p", "-c:v", "libx264", "-preset", "veryfast", *rate),
        *("-g", gop, "-keyint_min", gop, "-sc_threshold", "0"),
        *("-c:a", "aac", "-ac", "2", "-b:a", str(_AUDIO_BPS), "-f", "flv"),
    ]

"""ADTS and MP3 files: frames back to back, nothing between them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from engine import _native
from engine.mux.probe.report import Meters, Report, TrackReport

_PIECE_BYTES = 1 << 20
_HEADER_BYTES = 7  # of ADTS; MPEG audio has 4
_ADTS_RATES = (96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350)
_AAC_SAMPLES = 1024


@dataclass(frozen=True, slots=True)
class _Header:
    """What a frame header says."""

    size_bytes: int
    samples: int
    sample_rate: int
    channels: int
    codec_string: str


def probe_adts(path: Path, report: Report) -> None:
    """Every frame of an AAC file (ISO 14496-3 section 1.A.3.2)."""
    report.container = "ADTS"
    _probe(path, report, "AAC", _adts_header)


def probe_mp3(path: Path, report: Report) -> None:
    """Every frame of an MP3 file (ISO 11172-3 section 2.4.1.3)."""
    report.container = "MP3"
    _probe(path, report, "MP3", _mp3_header)


def _adts_header(data: bytes) -> _Header | None:
    rate = data[2] >> 2 & 15
    size = (data[3] & 3) << 11 | data[4] << 3 | data[5] >> 5
    if data[0] != 0xFF or data[1] & 0xF6 != 0xF0 or rate >= len(_ADTS_RATES) or size < _HEADER_BYTES:
        return None
    channels = (data[2] & 1) << 2 | data[3] >> 6
    samples = _AAC_SAMPLES * ((data[6] & 3) + 1)
    return _Header(size, samples, _ADTS_RATES[rate], channels, f"mp4a.40.{(data[2] >> 6) + 1}")


def _mp3_header(data: bytes) -> _Header | None:
    try:
        fields = _native.parse_mp3_header(data[:4])
    except ValueError:
        return None
    samples, rate = int(fields["samples"]), int(fields["sample_rate"])
    size = samples * int(fields["bitrate"]) // 8 // rate + (data[2] >> 1 & 1)
    return (
        _Header(size, samples, rate, int(fields["channels"]), str(fields["codec_string"]))
        if size > 4
        else None
    )


def _probe(path: Path, report: Report, codec: str, read: Callable[[bytes], _Header | None]) -> None:
    meters = Meters(report)
    walk = _Walk(read)
    track = TrackReport("audio", codec)
    meter = meters.new(track)
    with path.open("rb") as file:
        while piece := file.read(_PIECE_BYTES):
            times_ms, payload_bytes = walk.feed(piece)
            meter.add(np.array(times_ms), np.ones(len(times_ms), dtype=np.bool_), payload_bytes)
    walk.end()
    meters.finish()
    if walk.first is None:
        report.damage("no frame in it")
        return
    track.sample_rate, track.channels = walk.first.sample_rate, walk.first.channels
    track.codec_string = walk.first.codec_string
    if walk.strays_bytes:
        report.damage(
            f"{walk.strays_bytes} bytes are not part of any frame, the first at byte {walk.first_stray}"
        )
    if walk.missing_bytes:
        report.damage(f"ends inside a frame: {walk.missing_bytes} bytes are missing")


class _Walk:
    """Steps from header to header; what is between them is strays."""

    def __init__(self, read: Callable[[bytes], _Header | None]) -> None:
        self._read = read
        self._rest = b""
        self._at = 0
        self._time_ms = 0.0
        self.first: _Header | None = None
        self.first_stray = 0
        self.strays_bytes = 0
        self.missing_bytes = 0

    def feed(self, piece: bytes) -> tuple[list[float], int]:
        """Times of the frames that are whole with this piece, and their bytes."""
        data = self._rest + piece
        at, times_ms, start = 0, [], self.strays_bytes
        while len(data) - at >= _HEADER_BYTES:
            header = self._read(data[at : at + _HEADER_BYTES])
            if header is None:
                self.first_stray = self.first_stray if self.strays_bytes else self._at + at
                self.strays_bytes += 1
                at += 1
                continue
            if at + header.size_bytes > len(data):
                break
            self.first = self.first or header
            times_ms.append(self._time_ms)
            self._time_ms += header.samples * 1000 / header.sample_rate
            at += header.size_bytes
        self._rest = data[at:]
        self._at += at
        return times_ms, at - (self.strays_bytes - start)

    def end(self) -> None:
        """No more pieces: what is left is the start of a frame, or strays."""
        header = self._read(self._rest) if len(self._rest) >= _HEADER_BYTES else None
        if header is not None:
            self.missing_bytes = header.size_bytes - len(self._rest)
        elif self._rest:
            self.first_stray = self.first_stray if self.strays_bytes else self._at
            self.strays_bytes += len(self._rest)

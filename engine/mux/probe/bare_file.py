"""ADTS and MP3 files: frames back to back, nothing between them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from engine.mux.audio_frames import HEADER_BYTES, FrameHeader, adts_header, mp3_header
from engine.mux.probe.report import Meters, Report, TrackReport

_PIECE_BYTES = 1 << 20


def probe_adts(path: Path, report: Report) -> None:
    """Every frame of an AAC file (ISO 14496-3 section 1.A.3.2)."""
    report.container = "ADTS"
    _probe(path, report, "AAC", adts_header)


def probe_mp3(path: Path, report: Report) -> None:
    """Every frame of an MP3 file (ISO 11172-3 section 2.4.1.3)."""
    report.container = "MP3"
    _probe(path, report, "MP3", mp3_header)


def _probe(path: Path, report: Report, codec: str, read: Callable[[bytes], FrameHeader | None]) -> None:
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

    def __init__(self, read: Callable[[bytes], FrameHeader | None]) -> None:
        self._read = read
        self._rest = b""
        self._at = 0
        self._time_ms = 0.0
        self.first: FrameHeader | None = None
        self.first_stray = 0
        self.strays_bytes = 0
        self.missing_bytes = 0

    def feed(self, piece: bytes) -> tuple[list[float], int]:
        """Times of the frames that are whole with this piece, and their bytes."""
        data = self._rest + piece
        at, times_ms, start = 0, [], self.strays_bytes
        while len(data) - at >= HEADER_BYTES:
            header = self._read(data[at : at + HEADER_BYTES])
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
        header = self._read(self._rest) if len(self._rest) >= HEADER_BYTES else None
        if header is not None:
            self.missing_bytes = header.size_bytes - len(self._rest)
        elif self._rest:
            self.first_stray = self.first_stray if self.strays_bytes else self._at
            self.strays_bytes += len(self._rest)

"""AAC and MP3: cut to whole frames."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import BinaryIO

from engine.errors import MalformedAudio, NothingRecorded
from engine.media.codecs import Format
from engine.media.events import TrackInfo
from engine.mux.audio_frames import HEADER_BYTES, FrameHeader, adts_header, mp3_header
from engine.mux.base import Stats
from engine.mux.recover import tear
from engine.mux.recover.report import Recovered, on_source_clock

_LARGEST_FRAME_BYTES = 8191  # of ADTS; MPEG audio frames are smaller
_READERS: dict[Format, tuple[str, Callable[[bytes], FrameHeader | None]]] = {
    Format.AAC: ("AAC", adts_header),
    Format.MP3: ("MP3", mp3_header),
}


def recover_audio(path: Path, format: Format, first_dts_ms: int | None, grown: bool) -> Recovered:
    """Makes a file end with its last whole frame (ISO 13818-7 section 6.2, ISO 11172-3 section 2.4.1)."""
    codec, read = _READERS[format]
    with tear.opened(path) as file:
        size, end = tear.size_of(file), tear.data_end(file)
        walk = _Walk(read)
        for piece in tear.pieces(file, end):
            walk.feed(piece)
            if walk.stray:
                break
        _check(path, file, walk, end, grown)
        if walk.first is None:
            raise NothingRecorded(f"{path}: no whole frame in its {size} bytes")
        track = TrackInfo(
            kind="audio",
            codec=codec,
            codec_string=walk.first.codec_string,
            sample_rate=walk.first.sample_rate,
            channels=walk.first.channels,
        )
        stats = on_source_clock(walk.stats(), first_dts_ms)
        if format is Format.AAC:
            stats = replace(stats, media_bytes=stats.media_bytes - HEADER_BYTES * stats.audio_packets)
        return Recovered(stats, walk.end, tear.cut(file, walk.end), (track,))


def _check(path: Path, file: BinaryIO, walk: _Walk, end: int, grown: bool) -> None:
    """Refuses what a crash does not do.

    Raises:
        MalformedAudio: the file does not begin with a frame, or frames may follow behind what is none.
    """
    if not walk.stray:
        return
    if walk.end == 0 and end > _LARGEST_FRAME_BYTES:
        raise MalformedAudio(f"{path}: it does not begin with a frame, left as it is")
    if not grown and end == tear.size_of(file):
        raise MalformedAudio(f"{path}: byte {walk.end} begins no frame, left as it is")


@dataclass(slots=True)
class _Walk:
    """Steps from frame to frame, to the first bytes that begin none."""

    read: Callable[[bytes], FrameHeader | None]
    first: FrameHeader | None = None
    end: int = 0
    """Of the whole frames."""
    stray: bool = False
    _rest: bytes = b""
    _frames: int = 0
    _time_ms: float = 0.0
    _starts_ms: list[float] = field(default_factory=list)  # of the last two frames

    def feed(self, piece: bytes) -> None:
        data, at = self._rest + piece, 0
        while len(data) - at >= HEADER_BYTES:
            header = self.read(data[at : at + HEADER_BYTES])
            if header is None:
                self.stray = True
                break
            if at + header.size_bytes > len(data):
                break
            self.first = self.first or header
            self._frames += 1
            self._starts_ms = [*self._starts_ms[-1:], self._time_ms]
            self._time_ms += header.samples * 1000 / header.sample_rate
            at += header.size_bytes
        self._rest = data[at:]
        self.end += at

    def stats(self) -> Stats:
        """Times as a muxer takes them, in whole ms; the last frame lasts as long as the one before."""
        starts_ms = [round(start_ms) for start_ms in self._starts_ms]
        return Stats(
            audio_packets=self._frames,
            media_bytes=self.end,
            first_dts_ms=0,
            last_dts_ms=starts_ms[-1],
            duration_ms=starts_ms[-1] + starts_ms[-1] - starts_ms[0],
        )

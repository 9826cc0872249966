"""Audio alone, as FFmpeg writes it: ADTS and bare MP3."""

from __future__ import annotations

from collections.abc import Sequence

from engine.errors import MuxError
from engine.media.batch import Batch
from engine.media.codecs import Format
from engine.media.track import Track
from engine.mux.av_packets import ADTS, BARE_MP3, PacketWriter
from engine.mux.base import Sink, Stats
from engine.mux.frames import frames_of
from engine.mux.tally import Tally

_RECIPES = {Format.AAC: ADTS, Format.MP3: BARE_MP3}


class AudioMuxer:
    """The audio packets of a stream to one file."""

    def __init__(self, format: Format, tracks: Sequence[Track], sink: Sink) -> None:
        held = [track for track in tracks if not track.is_video]
        self._tally = Tally()
        self._writer: PacketWriter | None = PacketWriter(_RECIPES[format], held, self._tally)
        self._codecs = frozenset(int(track.codec) for track in held)
        self._sink = sink
        self._origin_ms: int | None = None
        self._put(self._writer.header)

    def write(self, batch: Batch) -> None:
        """Adds the frames of the file's track."""
        if self._writer is None:
            raise MuxError("the file is closed")
        frames = frames_of(batch, self._codecs)
        if not frames:
            return
        if self._origin_ms is None:
            self._origin_ms = min(frame[0] for frame in frames)
        self._put(self._writer.mux(batch.arena, frames, self._origin_ms))
        self._tally.add(frames)

    def close(self) -> None:
        """Writes what is still open."""
        writer, self._writer = self._writer, None
        if writer is not None:
            self._put(writer.finish())

    @property
    def stats(self) -> Stats:
        """Packets, bytes and times so far."""
        return self._tally.stats()

    def _put(self, data: bytes) -> None:
        if data:
            self._sink.write(data)

"""Audio alone: AAC in ADTS frames, and bare MP3."""

from __future__ import annotations

from collections.abc import Sequence

from engine import _native
from engine.errors import MuxError
from engine.media.batch import Batch
from engine.media.track import Track
from engine.mux.base import Sink, Stats
from engine.mux.tally import Tally, counted


class AudioMuxer:
    """The audio frames of a stream to one file."""

    def __init__(self, tracks: Sequence[Track], sink: Sink) -> None:
        track = next(track for track in tracks if not track.is_video)
        self._tally = Tally()
        try:
            self._writer = _native.ElementaryWriter(int(track.codec), track.config)
        except ValueError as error:
            raise MuxError(f"{track.codec.label}: {error}") from error
        self._codecs = (int(track.codec),)
        self._sink = sink
        self._closed = False

    def write(self, batch: Batch) -> None:
        """Adds the frames of the file's track."""
        if self._closed:
            raise MuxError("the file is closed")
        self._sink.write(counted(self._tally, self._writer.mux, batch.arena, batch.table))
        self._tally.take(batch, self._codecs)

    def pause(self) -> None:
        """Nothing waits to be written."""

    def close(self) -> None:
        """Nothing waits to be written."""
        self._closed = True

    @property
    def stats(self) -> Stats:
        """Packets, bytes and times so far."""
        return self._tally.stats()

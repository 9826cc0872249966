"""MP4 while it grows: fragments, which `engine._native.finalize_mp4` turns into a regular file in place."""

from __future__ import annotations

import struct
from collections.abc import Sequence

from engine.errors import MuxError
from engine.media.batch import Batch
from engine.media.track import Track
from engine.mux.base import Sink, Stats
from engine.mux.frames import earliest_ms
from engine.mux.segments import Fragments
from engine.mux.tally import Tally

_PLACEHOLDER = struct.pack(
    ">I4s8x", 16, b"free"
)  # becomes the 64-bit header of one mdat when the file closes


class Mp4Muxer:
    """Frames to one file, on a clock that starts at 0 with the first batch's earliest frame."""

    def __init__(self, tracks: Sequence[Track], sink: Sink) -> None:
        self._tally = Tally()
        self._fragments = Fragments(self._tally)
        self._fragments.use(tracks)
        self._codecs = frozenset(int(track.codec) for track in tracks)
        self._sink = sink
        self._origin_ms: int | None = None
        self._closed = False
        sink.write(_with_placeholder(self._fragments.head))

    def write(self, batch: Batch) -> None:
        """Adds the frames of the file's tracks."""
        if self._closed:
            raise MuxError("the file is closed")
        if self._origin_ms is None:
            self._origin_ms = earliest_ms(batch, self._codecs)
            if self._origin_ms is None:
                return
        self._sink.write(self._fragments.mux(batch, self._origin_ms))
        self._tally.take(batch, self._codecs)

    def pause(self) -> None:
        """Writes the open fragment."""
        self._sink.write(self._fragments.finish())

    def close(self) -> None:
        """Writes what is still open."""
        if not self._closed:
            self._closed = True
            self._sink.write(self._fragments.finish())

    @property
    def stats(self) -> Stats:
        """Packets, bytes and times so far."""
        return self._tally.stats()


def _with_placeholder(head: bytes) -> bytes:
    """ftyp, a 16-byte free box, moov."""
    ftyp_bytes = int.from_bytes(head[:4], "big")
    return head[:ftyp_bytes] + _PLACEHOLDER + head[ftyp_bytes:]

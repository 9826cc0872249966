"""What writes the bytes of media: MPEG-TS packets and MP4 fragments, made in Rust.

They take whole batches; FFmpeg, asked through PyAV, takes one packet at a time and is many times slower.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from engine import _native
from engine._native import Pieces
from engine.errors import MuxError
from engine.media.batch import Batch
from engine.media.track import Track
from engine.mux.tally import Tally, counted


class SegmentWriter(Protocol):
    """The bytes of one media segment after the other."""

    @property
    def suffix(self) -> str:
        """What the names of its segments end in."""

    @property
    def head(self) -> bytes:
        """The initialization section; empty when segments have none."""

    def use(self, tracks: Sequence[Track]) -> None:
        """What follows has these tracks.

        Raises:
            MuxError: they cannot be written.
        """

    def begin(self) -> None:
        """A segment begins: its first bytes say what it holds, and its clock may be another."""

    def mux(self, batch: Batch, origin_ms: int) -> Pieces:
        """The bytes that the frames of a batch complete; times are written from `origin_ms` on.

        A packet that cannot be read is left out and counted.

        Raises:
            MuxError: nothing of a track could be read for a while.
        """

    def finish(self) -> bytes | Pieces:
        """The last bytes of the segment."""


class Fragments:
    """MP4 fragments; their numbers go on."""

    suffix = "m4s"

    def __init__(self, tally: Tally) -> None:
        self._tally = tally
        self._writer: _native.FragmentWriter | None = None
        self.head = b""

    def use(self, tracks: Sequence[Track]) -> None:
        """As `SegmentWriter.use`; FFmpeg describes the tracks."""
        next_sequence = 1 if self._writer is None else self._writer.next_sequence
        self.head = load_ffmpeg()(tracks)
        codecs = [int(track.codec) for track in tracks]
        try:
            self._writer = _native.FragmentWriter(self.head, codecs, next_sequence)
        except ValueError as error:
            raise MuxError(f"mp4: {error}") from error

    def begin(self) -> None:
        """A fragment needs no more than the initialization section."""

    def mux(self, batch: Batch, origin_ms: int) -> Pieces:
        """As `SegmentWriter.mux`."""
        assert self._writer is not None
        return counted(self._tally, self._writer.mux, batch.arena, batch.table, origin_ms)

    def finish(self) -> bytes | Pieces:
        """The last fragment."""
        return b"" if self._writer is None else self._writer.finish()


class TransportPackets:
    """MPEG-TS packets; continuity counters go on."""

    suffix = "ts"
    head = b""

    def __init__(self, tally: Tally) -> None:
        self._tally = tally
        self._writer = _native.TransportWriter()
        self._tracks: list[tuple[int, bytes, int, int]] = []

    def use(self, tracks: Sequence[Track]) -> None:
        """As `SegmentWriter.use`."""
        self._tracks = [
            (int(track.codec), track.config, track.channels, track.sample_rate) for track in tracks
        ]
        self.begin()

    def begin(self) -> None:
        """A segment begins, with its tables."""
        try:
            self._writer.begin_segment(self._tracks)
        except ValueError as error:
            raise MuxError(f"mpegts: {error}") from error

    def mux(self, batch: Batch, origin_ms: int) -> Pieces:
        """As `SegmentWriter.mux`."""
        return counted(self._tally, self._writer.mux, batch.arena, batch.table, origin_ms)

    def finish(self) -> bytes:
        """Nothing: no packet waits."""
        return b""


def load_ffmpeg() -> Callable[[Sequence[Track]], bytes]:
    """`mp4_head`, imported when it is first needed: FFmpeg comes with it."""
    from engine.mux.mp4_head import mp4_head

    return mp4_head

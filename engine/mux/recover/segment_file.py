"""One media segment on disk: cut where it is torn, measured where nobody noted what is in it."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from engine import _native
from engine.media.events import TrackInfo
from engine.mux.frames import FIRST_AUDIO_CODEC, Frame
from engine.mux.libav import av
from engine.mux.recover import tear
from engine.mux.recover.mp4_file import described
from engine.mux.recover.playlist_text import LONGEST_MS
from engine.mux.recover.transport_segment import TransportWalk
from engine.mux.tally import Tally

if TYPE_CHECKING:
    from engine._native import TrackTables

_PART = ".part"
_LARGEST_INIT_BYTES = 1 << 20
_BACK_MS, _AHEAD_MS = 1_000, 10_000  # rule F6: beyond these the clock has jumped


@dataclass(slots=True)
class Segment:
    """What is known of a segment before it is read."""

    name: str
    starts_at: datetime | None = None
    start_ms: int | None = None
    origin_ms: int = 0
    discontinuity: bool | None = False
    """None: its times tell."""
    map_name: str | None = None
    duration_ms: int | None = None
    size_bytes: int | None = None
    tally: Sequence[int | None] | None = None


@dataclass(frozen=True, slots=True)
class Read:
    """A segment that is whole."""

    start_ms: int
    duration_ms: int
    is_exact: bool
    """Otherwise the next segment on the same clock decides how long it lasts."""
    discontinuity: bool
    cut_bytes: int


class SegmentReader:
    """Reads the segments of a playlist in order, and counts what they hold."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._trusting = True
        self._init: tuple[str, bytes] = ("", b"")
        self._first: tuple[Path, str | None] | None = None
        self.tally = Tally()

    def lose(self) -> None:
        """A segment is gone: what is noted of those behind it counts its packets."""
        self._trusting = False

    def read(self, path: Path, segment: Segment) -> Read | None:
        """Cuts and measures a segment; None for one without a whole packet.

        What its note says is believed as long as sizes agree with it.

        Raises:
            ValueError: it cannot be read.
            OSError: as usual.
        """
        with tear.opened(path) as file:
            size, end = tear.size_of(file), tear.data_end(file)
            agrees = end == size and segment.size_bytes in (None, size)
            start_ms, noted_ms = segment.start_ms, segment.duration_ms
            believed = agrees and self._trusting and segment.tally is not None
            if believed and start_ms is not None and noted_ms is not None:
                self.tally = Tally.resumed(segment.tally or ())
                self._note_first(segment)
                return Read(start_ms, noted_ms, True, bool(segment.discontinuity), 0)
            self._trusting &= segment.tally is None
            measure = _Measure(self.tally, segment)
            if segment.map_name is None:
                whole = _read_transport(file, end, measure, path.suffix != _PART and end == size)
            else:
                whole, tables = _native.segment_tracks(self._header(segment.map_name), str(path), end)
                measure.take_tables(tables)
            if measure.start_ms is None:
                return None
            cut_bytes = tear.cut(file, whole)
        self._note_first(segment)
        complete = agrees and not cut_bytes
        if complete and noted_ms is not None:
            return Read(measure.start_ms, noted_ms, True, measure.breaks, 0)
        return Read(measure.start_ms, measure.duration_ms(), not complete, measure.breaks, cut_bytes)

    def _header(self, name: str) -> bytes:
        """An initialization section."""
        if self._init[0] != name:
            with (self._folder / name).open("rb") as file:
                self._init = name, file.read(_LARGEST_INIT_BYTES)
        return self._init[1]

    def _note_first(self, segment: Segment) -> None:
        if self._first is None:
            self._first = self._folder / segment.name, segment.map_name

    def tracks(self) -> tuple[TrackInfo, ...]:
        """The tracks of the first segment, as far as FFmpeg knows them. Of fragments it sees only the
        initialization section."""
        if self._first is None:
            return ()
        path, map_name = self._first
        try:
            if map_name is not None:
                return described(io.BytesIO(self._header(map_name)), "mp4")
            with path.open("rb") as file:
                return described(file, "mpegts")
        except (av.error.FFmpegError, ValueError, OSError):
            return ()


def _read_transport(file: BinaryIO, end: int, measure: _Measure, closed: bool) -> int:
    walk = TransportWalk(measure.take, measure.near_ms, measure.segment.origin_ms)
    for piece in tear.pieces(file, end):
        walk.feed(piece)
    walk.finish(closed)
    return walk.whole_bytes


class _Measure:
    """The frames of one segment, added to the tally."""

    def __init__(self, tally: Tally, segment: Segment) -> None:
        self._tally = tally
        self.segment = segment
        self.start_ms: int | None = None
        self.breaks = bool(segment.discontinuity)
        self.near_ms = segment.start_ms
        """What its first frame's time is near to."""
        if self.near_ms is None and not self.breaks:
            self.near_ms = tally.end_ms()

    def take(self, frames: list[Frame]) -> None:
        """Adds frames in order."""
        if frames:
            self._begin(next((frame[0] for frame in frames if frame[4] < FIRST_AUDIO_CODEC), frames[0][0]))
            self._tally.add(frames)

    def take_tables(self, tracks: list[TrackTables]) -> None:
        """Adds all that the segment holds."""
        held = [track for track in tracks if track["kind"] in ("video", "audio") and track["samples"]]
        firsts = [track for track in held if track["kind"] == "video"] or held
        if not firsts:
            return
        origin_ms = self.segment.origin_ms
        self._begin(min(track["first_dts_ms"] for track in firsts) + origin_ms)
        for track in held:
            self._tally.add_tables(track, origin_ms)

    def _begin(self, first_ms: int) -> None:
        if self.start_ms is not None:
            return
        self.start_ms = first_ms if self.segment.start_ms is None else self.segment.start_ms
        end_ms = self._tally.end_ms()
        if self.segment.discontinuity is None and end_ms is not None:
            self.breaks = not -_BACK_MS <= self.start_ms - end_ms <= _AHEAD_MS
        if self.breaks:
            self._tally.discontinuity()

    def duration_ms(self) -> int:
        """To the end of the last frame.

        Raises:
            ValueError: no segment lasts as long.
        """
        duration_ms = max(0, (self._tally.end_ms() or 0) - (self.start_ms or 0))
        if duration_ms > LONGEST_MS:
            raise ValueError(f"its {duration_ms} ms are not believed")
        return duration_ms

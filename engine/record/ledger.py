"""The gap ledger: every moment of the window is recorded, or in a gap with its reason (G1). Pure.

Time is accounted for from the window's start to `until`, and never twice: a recorded interval that begins
later leaves a gap behind it, and one that begins earlier counts from `until` on. So recorded intervals and
gaps tile the window whatever is said in whichever order.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from engine.media.events import GapReason
from engine.media.manifest import Gap, Interval, Part


class _Piece(NamedTuple):  # made at each tick: cheaper than a frozen dataclass
    start: datetime
    end: datetime
    reason: GapReason | None  # None: recorded


class Ledger:
    """The account of one output's window, or of a recording's.

    What is not recorded is missing for the reason of the last `mark`; behind recorded media that is, until
    another is given, that the source sent nothing.
    """

    def __init__(self, start: datetime, reason: GapReason = "not_live") -> None:
        self.until = start
        self._part_start = start
        self._pieces: list[_Piece] = []  # of the part
        self._marks: list[tuple[datetime, GapReason]] = [(start, reason)]  # of what follows `until`

    @property
    def reason(self) -> GapReason:
        """Why nothing is recorded now, if nothing is."""
        return self._marks[-1][1]

    @property
    def missing_since(self) -> datetime:
        """When what is missing now began to be, as far as it is known."""
        last = self._pieces[-1] if self._pieces else None
        return self.until if last is None or last.reason is None else last.start

    def mark(self, reason: GapReason, at: datetime | None = None) -> None:
        """What is not recorded from `at` on (None: from `until` on) is missing for this reason."""
        at = self.until if at is None else max(at, self.until)
        self._marks = [mark for mark in self._marks if mark[0] < at]
        self._marks.append((at, reason))

    def record(self, start: datetime | None, end: datetime) -> list[Gap]:
        """Media of this interval is recorded; `start` of None goes on where the last ended.

        Returns the gaps that this closes.
        """
        if end <= self.until or (start is not None and end < start):
            return []
        gaps = [] if start is None else self.miss(start)
        if end > self.until:  # a single frame ends the gap before it, and lasts no time itself
            self._add(self.until, end, None)
        later: list[tuple[datetime, GapReason]] = []
        if self._marks[-1][0] > end:
            later = [mark for mark in self._marks if mark[0] > end]
        self._marks = [(end, "stalled"), *later]
        return gaps

    def miss(self, to: datetime) -> list[Gap]:
        """Nothing more is recorded of the time before `to`; the gaps that it falls into."""
        if to <= self.until:
            return []
        missed: list[_Piece] = []
        starts = [self.until, *(at for at, _ in self._marks[1:] if at < to)]
        for start, end, (_, reason) in zip(starts, [*starts[1:], to], self._marks, strict=False):
            if end > start:
                missed.append(_Piece(start, end, reason))
                self._add(start, end, reason)
        self._marks = [(to, self._marks[len(starts) - 1][1]), *self._marks[len(starts) :]]
        return [_gap(piece) for piece in missed]

    def lose(self, start: datetime, reason: GapReason) -> None:
        """What was taken for recorded from `start` on is lost after all."""
        pieces: list[_Piece] = []
        for piece in self._pieces:
            if piece.reason is not None or piece.end <= start:
                pieces.append(piece)
                continue
            if piece.start < start:
                pieces.append(piece._replace(end=start))
            pieces.append(piece._replace(start=max(piece.start, start), reason=reason))
        self._pieces = _merged(pieces)

    def split(self, at: datetime | None = None) -> Part:
        """The part from the last split to `at` (None: to `until`); another part begins there."""
        at = self.until if at is None else max(min(at, self.until), self._part_start)
        ended: list[_Piece] = []
        rest: list[_Piece] = []
        for piece in self._pieces:
            if piece.start < at:
                ended.append(piece._replace(end=min(piece.end, at)))
            if piece.end > at:
                rest.append(piece._replace(start=max(piece.start, at)))
        covers = Interval(start=self._part_start, end=at)
        self._part_start, self._pieces = at, rest
        recorded = [Interval(start=piece.start, end=piece.end) for piece in ended if piece.reason is None]
        return Part(covers=covers, recorded=recorded, gaps=[_gap(p) for p in ended if p.reason is not None])

    def give_back(self, part: Part) -> None:
        """A part that was split off is not covered by any file: it is part of the next one."""
        pieces = [_Piece(one.start, one.end, None) for one in part.recorded]
        pieces += [_Piece(gap.start, gap.end, gap.reason) for gap in part.gaps]
        self._part_start = part.covers.start
        self._pieces = _merged(sorted([*pieces, *self._pieces], key=lambda piece: piece.start))

    def forget(self) -> None:
        """What was said so far is known elsewhere: another part begins at `until`."""
        self._part_start = self.until
        self._pieces.clear()

    def _add(self, start: datetime, end: datetime, reason: GapReason | None) -> None:
        if self._pieces and self._pieces[-1].reason == reason:
            self._pieces[-1] = _Piece(self._pieces[-1].start, end, reason)
        else:
            self._pieces.append(_Piece(start, end, reason))
        self.until = end


def _merged(pieces: Sequence[_Piece]) -> list[_Piece]:
    """Neighbours of one kind as one."""
    merged: list[_Piece] = []
    for piece in pieces:
        if merged and merged[-1].reason == piece.reason:
            merged[-1] = merged[-1]._replace(end=piece.end)
        else:
            merged.append(piece)
    return merged


def tile(covers: Interval, gaps: Sequence[Gap]) -> Part:
    """The part that is recorded but for these gaps."""
    ledger = Ledger(covers.start)
    for gap in gaps:
        if gap.start < covers.end:
            ledger.record(None, gap.start)
            ledger.mark(gap.reason)
            ledger.miss(min(gap.end, covers.end))
    ledger.record(None, covers.end)
    return ledger.split()


def join(first: Part, second: Part) -> Part:
    """Two parts, the second behind the first, as one."""
    covers = Interval(start=first.covers.start, end=max(first.covers.end, second.covers.end))
    return tile(covers, [*first.gaps, *second.gaps])


def _gap(piece: _Piece) -> Gap:
    assert piece.reason is not None
    return Gap(start=piece.start, end=piece.end, reason=piece.reason)

"""Where media lies on the wall clock. Pure.

A packet arrives some time after it was made, and the first ones of a connection (what the origin kept since
its last keyframe) much later. So one clock of media is placed by the packet that was delayed least: media
time passes as wall time does, and no packet arrives before it was made.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from engine.media.batch import Batch, Role
from engine.media.limits import HOLE_MS

_NEVER = datetime.min.replace(tzinfo=UTC)
_HOLE = timedelta(milliseconds=HOLE_MS)


class Span(NamedTuple):
    """Media without a hole. `start` of None: it goes on from the media before."""

    start: datetime | None
    end: datetime


@dataclass(slots=True)
class WallClock:
    """The wall clock of one push. Nothing of it was made before `floor`, where the push before it ends."""

    floor: datetime = _NEVER
    epoch: int = 0
    """How often the media's clock jumped."""
    zero: datetime | None = None
    """When media of dts 0 was made, as far as it is known: a packet that is delayed less makes it earlier."""
    _last_dts: int | None = None
    _until: datetime | None = None

    def copy(self) -> WallClock:
        """It as it stands now."""
        return WallClock(self.floor, self.epoch, self.zero, self._last_dts, self._until)

    @property
    def until(self) -> datetime:
        """When its last media was made."""
        return self._until or self.floor

    def at(self, dts_ms: int) -> datetime:
        """When media of this time was made, as the account has it: nothing before the floor."""
        return max(self.made_at(dts_ms), self.floor)

    def made_at(self, dts_ms: int) -> datetime:
        """When media of this time was made."""
        return self.until if self.zero is None else self.zero + timedelta(milliseconds=dts_ms)

    def restart(self) -> None:
        """The media's clock jumped."""
        self.zero = self._last_dts = None
        self.epoch += 1

    def spans(self, batch: Batch, now: datetime) -> list[Span]:
        """The stretches of a batch of one clock that arrived by `now`, split where the source sent nothing
        for a while."""
        if (survey := batch.survey) is not None:
            first, last = survey.first_ms, survey.last_ms
        else:
            dts = _dts_of(batch)
            if not len(dts):
                return []
            first, last = int(dts.min()), int(dts.max())
        zero = now - timedelta(milliseconds=last)
        self.zero = zero if self.zero is None else min(self.zero, zero)
        start = None if self._goes_on(first) else self.at(first)
        spans = self._split(batch, start) if last - first > HOLE_MS else [Span(start, self.at(last))]
        self._last_dts = last if self._last_dts is None else max(last, self._last_dts)
        self._until = spans[-1].end
        return spans

    def _split(self, batch: Batch, start: datetime | None) -> list[Span]:
        ordered = np.sort(_dts_of(batch))
        starts, ends = [start], []
        for before in np.flatnonzero(np.diff(ordered) > HOLE_MS).tolist():
            ends.append(self.at(int(ordered[before])))
            starts.append(self.at(int(ordered[before + 1])))
        ends.append(self.at(int(ordered[-1])))
        return [Span(start, end) for start, end in zip(starts, ends, strict=True)]

    def _goes_on(self, first: int) -> bool:
        if self._last_dts is not None:
            return first - self._last_dts <= HOLE_MS
        return self._until is not None and self.at(first) - self._until <= _HOLE


def _dts_of(batch: Batch) -> npt.NDArray[np.int64]:
    """The times of its frames."""
    dts: npt.NDArray[np.int64] = batch.tags["dts"][batch.tags["role"] == int(Role.FRAME)]
    return dts

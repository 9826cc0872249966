"""Wire timestamps to a 64-bit media timeline (F6). Pure.

The wire says 32-bit milliseconds; some origins mask them to 31 or 24 bits. `Timeline.place` fills the `dts`
column of a batch: frames in the order received are joined by the signed 32-bit difference between neighbours,
so that a wrap is a step like any other. Configuration and script tags carry far-off timestamps often enough
that they never move the clock: they take the time of the frame before them.

A step of one track beyond the limits is a jump: its row gets `Flag.DISCONTINUITY`, and the other track is
believed anew. The result does not depend on how the input is split into batches.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from engine.media.batch import Batch, Flag, Kind, Role
from engine.media.limits import JUMP_AHEAD_MS, JUMP_BACK_MS

_SHORT_WRAPS_MS = (1 << 24, 1 << 31)  # origins that mask the timestamp
_NEGATIVE_FROM = (1 << 32) - 60_000  # FLV timestamps are signed: a stream may begin a little below zero


@dataclass(slots=True, frozen=True)
class Jump:
    """A clock that jumped: the step of one track's neighbouring frames."""

    kind: Kind
    step_ms: int


@dataclass(slots=True)
class Timeline:
    """The media timeline of one connection."""

    _wire: int | None = None  # the last frame's wire timestamp
    _dts: int = 0  # and its place on the timeline
    _last: dict[int, int] = field(default_factory=dict)  # kind -> dts of its last frame

    def place(self, batch: Batch) -> list[Jump]:
        """Fill the batch's `dts` column in place and flag its discontinuities, which are returned."""
        tags = batch.tags
        frames = np.flatnonzero((tags["role"] == Role.FRAME) | (tags["role"] == Role.OTHER))
        frames = frames[tags["kind"][frames] != Kind.SCRIPT]
        before = None if self._wire is None else self._dts
        jumps: list[Jump] = []
        if len(frames):
            wire = tags["timestamp"][frames]
            if self._wire is None:
                self._wire = int(wire[0])
                self._dts = self._wire - (1 << 32) * (self._wire >= _NEGATIVE_FROM)
            dts = self._joined(wire)
            kinds = tags["kind"][frames]
            if self._is_smooth(kinds, dts):
                for kind in (Kind.AUDIO, Kind.VIDEO):
                    of_kind = dts[kinds == kind]
                    if len(of_kind):
                        self._last[kind] = int(of_kind[-1])
            else:
                jumps = self._walk(batch, frames, kinds, dts)
            tags["dts"][frames] = dts
            self._wire, self._dts = int(wire[-1]), int(dts[-1])
        self._place_between(tags, frames, before)
        return jumps

    def _joined(self, wire: npt.NDArray[np.uint32]) -> npt.NDArray[np.int64]:
        steps = np.empty(len(wire), dtype=np.uint32)
        steps[0] = (int(wire[0]) - (self._wire or 0)) & 0xFFFFFFFF
        np.subtract(wire[1:], wire[:-1], out=steps[1:])
        return self._dts + np.cumsum(steps.view(np.int32), dtype=np.int64)

    def _is_smooth(self, kinds: npt.NDArray[np.uint8], dts: npt.NDArray[np.int64]) -> bool:
        for kind in (Kind.AUDIO, Kind.VIDEO):
            of_kind = dts[kinds == kind]
            if not len(of_kind):
                continue
            steps = np.diff(of_kind, prepend=self._last.get(kind, of_kind[0]))
            if steps.min() < -JUMP_BACK_MS or steps.max() > JUMP_AHEAD_MS:
                return False
        return True

    def _walk(
        self,
        batch: Batch,
        frames: npt.NDArray[np.intp],
        kinds: npt.NDArray[np.uint8],
        dts: npt.NDArray[np.int64],
    ) -> list[Jump]:
        """Row by row through a batch with a jump: mend masked wraps, flag the rest."""
        last = self._last
        jumps: list[Jump] = []
        for at in range(len(dts)):
            kind = int(kinds[at])
            if kind in last:
                step = int(dts[at]) - last[kind]
                if not -JUMP_BACK_MS <= step <= JUMP_AHEAD_MS:
                    wrap = next((w for w in _SHORT_WRAPS_MS if abs(step + w) <= JUMP_AHEAD_MS), None)
                    if wrap is not None:
                        dts[at:] += wrap
                    else:
                        batch.tags["flags"][frames[at]] |= Flag.DISCONTINUITY
                        jumps.append(Jump(Kind(kind), step))
                        last.clear()
            last[kind] = int(dts[at])
        return jumps

    @staticmethod
    def _place_between(tags: npt.NDArray[np.void], frames: npt.NDArray[np.intp], before: int | None) -> None:
        """Give every other row the time of the frame before it; with none before, it keeps its own."""
        others = np.ones(len(tags), dtype=np.bool_)
        others[frames] = False
        if not others.any():
            return
        rows = np.flatnonzero(others)
        behind = np.searchsorted(frames, rows)
        if before is None:
            rows, behind, before = rows[behind > 0], behind[behind > 0], 0
        known = np.concatenate(([before], tags["dts"][frames]))
        tags["dts"][rows] = known[behind]

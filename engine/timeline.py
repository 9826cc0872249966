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
_FAR = 1 << 62
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
        frames = _frames(batch)
        media = batch if len(frames) == len(batch) else batch.rows(frames)
        before = None if self._wire is None else self._dts
        jumps: list[Jump] = []
        if len(frames):
            dts = self._joined(media.tags["timestamp"])
            if not self._is_smooth(media, dts):
                jumps = self._walk(batch, frames, dts)
            media.tags["dts"] = dts
            if media is not batch:
                batch.tags["dts"][frames] = dts
            self._dts = int(dts[-1])
            if not jumps:  # with one, `_walk` knows what to believe of each kind
                self._last.update(media.last_dts())
        if len(frames) < len(batch):
            _place_between(batch.tags, frames, before)
        return jumps

    def _joined(self, wire: npt.NDArray[np.uint32]) -> npt.NDArray[np.int64]:
        if self._wire is None:
            self._wire = int(wire[0])
            self._dts = self._wire - (1 << 32) * (self._wire >= _NEGATIVE_FROM)
        steps = np.empty(len(wire), dtype=np.uint32)
        steps[0] = (int(wire[0]) - self._wire) & 0xFFFFFFFF
        np.subtract(wire[1:], wire[:-1], out=steps[1:])
        self._wire = int(wire[-1])
        return self._dts + np.cumsum(steps.view(np.int32), dtype=np.int64)

    def _is_smooth(self, media: Batch, dts: npt.NDArray[np.int64]) -> bool:
        earliest = min(int(dts.min()), *self._last.values(), _FAR)
        latest = max(int(dts.max()), *self._last.values(), -_FAR)
        if latest - earliest <= JUMP_BACK_MS:
            return True  # no two frames are far enough apart: what a tick reads, as a rule
        for kind in (Kind.AUDIO, Kind.VIDEO):
            of_kind = dts[media.tags["kind"] == int(kind)]
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
        dts: npt.NDArray[np.int64],
    ) -> list[Jump]:
        """Row by row through a batch with a jump: mend masked wraps, flag the rest."""
        last = self._last
        kinds = batch.tags["kind"][frames]
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


def _frames(batch: Batch) -> npt.NDArray[np.intp]:
    """The rows that move the clock: audio and video but their configurations."""
    role = batch.tags["role"]
    if not role.any():
        return np.arange(len(batch))
    moves = (role == int(Role.FRAME)) | (role == int(Role.OTHER))
    return np.flatnonzero(moves & (batch.tags["kind"] != int(Kind.SCRIPT)))


def _place_between(tags: npt.NDArray[np.void], frames: npt.NDArray[np.intp], before: int | None) -> None:
    """Give every other row the time of the frame before it; with none before, it keeps its own."""
    others = np.ones(len(tags), dtype=np.bool_)
    others[frames] = False
    rows = np.flatnonzero(others)
    behind = np.searchsorted(frames, rows)
    if before is None:
        rows, behind, before = rows[behind > 0], behind[behind > 0], 0
    known = np.concatenate(([before], tags["dts"][frames]))
    tags["dts"][rows] = known[behind]

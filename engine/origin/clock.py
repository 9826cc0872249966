"""The clocks of a replay: continuous timestamps over the passes of a looped file, and when a row is due."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from engine.media.batch import Batch, Kind, Role

_WIRE_MODULUS = 1 << 32
_JUMP_BACK_MS = 1_000
_JUMP_AHEAD_MS = 10_000


class LoopClock:
    """Gives the rows of each pass of a file timestamps that go on where the pass before ended.

    A pass is as long as its last timestamp minus its first plus one frame, over the track that ends last, so
    that no track steps back at the seam. The first pass keeps the file's timestamps.
    """

    def __init__(self) -> None:
        self._shift_ms = 0
        self._seam_ms: int | None = None
        self._begin_pass()

    def _begin_pass(self) -> None:
        self._wire_ms: int | None = None
        self._first_ms: int | None = None
        self._last_ms: dict[int, int] = {}
        self._frame_ms: dict[int, int] = {}

    def place(self, batch: Batch) -> None:
        """Sets `dts` of the next rows of the pass, in place, from their wire timestamps."""
        tags = batch.tags
        if not len(tags):
            return
        wire = tags["timestamp"].astype(np.int64)
        first = int(wire[0]) if self._wire_ms is None else self._wire_ms
        steps = _signed(np.diff(wire, prepend=first % _WIRE_MODULUS))
        file_ms = first + np.cumsum(steps)
        self._wire_ms = int(file_ms[-1])
        frames = tags["role"] == Role.FRAME
        for kind in (Kind.AUDIO, Kind.VIDEO):
            self._follow(int(kind), file_ms[frames & (tags["kind"] == kind)])
        tags["dts"] = file_ms + self._shift_ms
        if self._seam_ms is not None:  # headers at 0 of a file whose media begins later
            tags["dts"] = np.where(frames, tags["dts"], np.maximum(tags["dts"], self._seam_ms))

    def next_pass(self) -> None:
        """The file begins again."""
        if self._first_ms is not None:
            end_ms = max(last + self._frame_ms.get(kind, 1) for kind, last in self._last_ms.items())
            self._seam_ms = end_ms + self._shift_ms
            self._shift_ms += end_ms - self._first_ms
        self._begin_pass()

    def _follow(self, kind: int, frames_ms: npt.NDArray[np.int64]) -> None:
        if not len(frames_ms):
            return
        first_ms = int(frames_ms.min())
        self._first_ms = first_ms if self._first_ms is None else min(self._first_ms, first_ms)
        steps = np.diff(frames_ms, prepend=self._last_ms.get(kind, int(frames_ms[0])))
        ahead = steps[(steps > 0) & (steps <= _JUMP_AHEAD_MS)]
        if len(ahead):
            self._frame_ms[kind] = int(ahead[-1])
        self._last_ms[kind] = int(frames_ms.max())


class PaceClock:
    """When rows are due, in ms of media time from the first row on.

    A timestamp that jumps is due at once: a live encoder whose clock jumps does not stop sending either.
    """

    def __init__(self) -> None:
        self._last_dts: int | None = None
        self._due_ms = 0

    def due(self, batch: Batch) -> npt.NDArray[np.int64]:
        """When each row is due; never decreasing."""
        dts = batch.tags["dts"]
        steps = np.diff(dts, prepend=int(dts[0]) if self._last_dts is None else self._last_dts)
        steps = np.where((steps < -_JUMP_BACK_MS) | (steps > _JUMP_AHEAD_MS), 0, steps)
        due_ms = self._due_ms + np.cumsum(steps)
        self._last_dts, self._due_ms = int(dts[-1]), int(due_ms[-1])
        return np.maximum.accumulate(due_ms)


def _signed(steps: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Differences of 32-bit timestamps, the short way round."""
    half = _WIRE_MODULUS // 2
    signed: npt.NDArray[np.int64] = (steps + half) % _WIRE_MODULUS - half
    return signed

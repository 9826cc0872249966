"""Wire timestamps to a 64-bit media timeline (F6). Pure.

The wire says 32-bit milliseconds, signed in FLV; some origins mask them to 31 or 24 bits. `Timeline.place`
fills the `dts` column of a batch: frames in the order received are joined by the signed 32-bit difference
between neighbours, so that a wrap is a step like any other. Configuration and script tags carry far-off
timestamps often enough that they never move the clock: they take the time of the frame before them. Equal
timestamps and small steps back are the source's (F2) and stay.

A step of one track beyond the limits is a jump. So is a step back behind repeated headers that undoes most of
the push, however short that was: another push, glued on. As a discontinuity the row is flagged with
`Flag.DISCONTINUITY`, and the other track is believed anew. As a repair the track goes on one frame
distance later, and the other track moves by as much when it jumps too, which keeps the new clock's distance
of audio and video.

A batch in which nothing of this happens is placed by a few operations on its columns, any other one row by
row. The result does not depend on how the input is split into batches.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from itertools import pairwise
from typing import Literal

import numpy as np
import numpy.typing as npt

from engine import _native
from engine.media.batch import Batch, Flag, Kind, Role
from engine.media.limits import JUMP_AHEAD_MS, JUMP_BACK_MS
from engine.timeline.repair import Repair, What

_AUDIO, _VIDEO = int(Kind.AUDIO), int(Kind.VIDEO)
_WRAP_MS = 1 << 32
_MASKED_WRAPS_MS = (1 << 24, 1 << 31)
_NEGATIVE_FROM = _WRAP_MS - 60_000  # a stream may begin a little below zero
_APART_MS = 60_000  # audio and video that start further apart may straddle a masked wrap
_MEASURED_FRAMES = 64  # the frames whose distances are the usual ones: a second of most streams
_NOMINAL_STEP_MS = {Kind.VIDEO: 40, Kind.AUDIO: 23}  # where a track has had no two frames to measure


class Timeline:
    """The media timeline of one connection.

    `jump` is what becomes of a jump, the limits say how far one track may step back and ahead without one.
    """

    def __init__(
        self,
        *,
        jump: Literal["discontinuity", "repair"] = "discontinuity",
        jump_back_ms: int = JUMP_BACK_MS,
        jump_ahead_ms: int = JUMP_AHEAD_MS,
    ) -> None:
        self._continues = jump == "repair"
        self._back_ms, self._ahead_ms = self._farthest_ms = jump_back_ms, jump_ahead_ms
        self._wire: int | None = None  # the last frame's wire timestamp
        self._clock = 0  # where that is on the timeline, with every wire step taken as it is
        self._dts = 0  # where the frame was placed
        self._kind = 0
        self._moved: dict[int, int] = {}  # kind -> dts less clock, while not the same for every kind
        self._last: dict[int, int] = {}  # kind -> dts of its last frame
        self._start: dict[int, int] = {}  # kind -> dts of its first frame in this push
        self._unmasked: dict[int, int] = {}  # kind -> the masked wraps it has made, in ms
        self._headers: set[int] = set()  # kinds whose headers came again, and no frame since
        self._checked: dict[int, What] = {}  # kind -> what a reset of its next frame's time would be
        self._recent: deque[tuple[int, int]] = deque(maxlen=_MEASURED_FRAMES)  # (kind, dts), when continuing

    def place(self, batch: Batch) -> list[Repair]:
        """Fill the batch's `dts` column in place, and flag its discontinuities; what was found wrong."""
        if self._pass_surveyed(batch):
            return []
        frames = _rows_of_frames(batch)
        if frames is None:
            return self._place_frames(batch, {}) if len(batch) else []
        tags = batch.tags
        if self._wire is None:
            before = None
            tags["dts"] = self._clock + _signed(tags["timestamp"])
        else:
            before = self._dts
        headers = _headers_before(tags, frames)
        repairs: list[Repair] = []
        if len(frames):
            media = batch.rows(frames)
            repairs = self._place_frames(media, headers)
            tags[frames] = media.tags
        else:
            self._note_headers(headers.get(0, ()))
        _place_between(tags, frames, before)
        return repairs

    def _place_frames(self, media: Batch, headers: dict[int, list[int]]) -> list[Repair]:
        dts = self._joined(media.tags["timestamp"])
        if self._moved:
            dts += self._moved_by(media.tags["kind"])
        media.tags["dts"] = dts
        last = media.last_dts()
        if headers or self._checked or not self._is_smooth(media, dts, last):
            return self._walk(media, dts, headers)
        self._pass(media, dts, last)
        return []

    def shift(self, offset_ms: int) -> None:
        """Move the clock: everything placed from now on is `offset_ms` later, and that is no jump.

        For a connection that turns out to go on where the one before it ended.
        """
        self._clock += offset_ms
        self._dts += offset_ms
        for times in (self._last, self._start):
            for kind in times:
                times[kind] += offset_ms
        self._recent = deque(((kind, dts + offset_ms) for kind, dts in self._recent), maxlen=_MEASURED_FRAMES)

    # Whole batches

    def _pass_surveyed(self, batch: Batch) -> bool:
        """Place a plain batch on a clock that goes on: true for almost every batch of a running stream."""
        if self._wire is None or self._moved or self._checked or self._headers or self._continues:
            return False
        last = self._last
        survey = _native.survey(
            batch.table, self._wire, self._clock, last.get(_AUDIO), last.get(_VIDEO), self._farthest_ms
        )
        if survey is None:
            return False
        batch.place(survey)
        self._wire = survey.last_wire
        self._clock = self._dts = survey.end_ms
        self._kind = survey.last_kind
        last.update(survey.last_of)
        return True

    def _joined(self, wire: npt.NDArray[np.uint32]) -> npt.NDArray[np.int64]:
        """The clock at each frame."""
        if self._wire is None:
            self._wire = int(wire[0])
            self._clock += int(_signed(wire[:1])[0])
        steps = np.empty(len(wire), dtype=np.uint32)
        steps[0] = (int(wire[0]) - self._wire) & 0xFFFFFFFF
        np.subtract(wire[1:], wire[:-1], out=steps[1:])
        self._wire = int(wire[-1])
        clock = self._clock + np.cumsum(steps.view(np.int32), dtype=np.int64)
        self._clock = int(clock[-1])
        return clock

    def _moved_by(self, kinds: npt.NDArray[np.uint8]) -> npt.NDArray[np.int64]:
        """What is added to the clock at each frame."""
        audio, video = self._moved.get(Kind.AUDIO, 0), self._moved.get(Kind.VIDEO, 0)
        return np.where(kinds == int(Kind.VIDEO), video, audio)

    def _is_smooth(self, media: Batch, dts: npt.NDArray[np.int64], last: dict[int, int]) -> bool:
        if not last.keys() <= self._last.keys():
            return False  # a track's first frame
        earliest = min(int(dts.min()), *self._last.values())
        latest = max(int(dts.max()), *self._last.values())
        if latest - earliest <= min(self._back_ms, self._ahead_ms):
            return True  # no two frames are far enough apart: what a tick reads, as a rule
        for kind in last:
            steps = np.diff(dts[media.tags["kind"] == kind], prepend=self._last[kind])
            if steps.min() < -self._back_ms or steps.max() > self._ahead_ms:
                return False
        return True

    def _pass(self, media: Batch, dts: npt.NDArray[np.int64], last: dict[int, int]) -> None:
        self._dts = int(dts[-1])
        self._kind = int(media.tags["kind"][-1])
        self._last.update(last)
        if self._continues:
            self._recent.extend(zip(media.tags["kind"].tolist(), dts.tolist(), strict=True))

    # Row by row

    def _walk(
        self, media: Batch, placed: npt.NDArray[np.int64], headers: dict[int, list[int]]
    ) -> list[Repair]:
        kinds: list[int] = media.tags["kind"].tolist()
        moved = self._moved_by(media.tags["kind"]).tolist()
        clock = [dts - by for dts, by in zip(placed.tolist(), moved, strict=True)]
        if not self._moved:
            self._moved = dict.fromkeys(self._last, 0)
        repairs: list[Repair] = []
        dts: list[int] = []
        for at, kind in enumerate(kinds):
            self._note_headers(headers.get(at, ()))
            repair = self._place_frame(kind, clock[at])
            if repair is not None:
                repairs.append(repair)
                if not self._continues and repair.what is not What.WRAPPED:
                    media.tags["flags"][at] |= Flag.DISCONTINUITY
            dts.append(self._dts)
        self._note_headers(headers.get(len(kinds), ()))
        media.tags["dts"] = dts
        self._settle()
        return repairs

    def _settle(self) -> None:
        """When every kind is moved by as much, it is the clock that is moved."""
        if len(set(self._moved.values())) == 1:
            self._clock += self._moved.popitem()[1]
            self._moved.clear()

    def _place_frame(self, kind: int, clock: int) -> Repair | None:
        """Place one frame, which makes it the last one."""
        repair = self._found(kind, clock)
        self._last[kind] = self._dts
        self._kind = kind
        self._headers.discard(kind)
        self._checked.pop(kind, None)
        if not self._headers:
            self._checked.clear()
        if self._continues:
            self._recent.append((kind, self._dts))
        return repair

    def _found(self, kind: int, clock: int) -> Repair | None:
        """Where a frame belongs (in `_dts`), and what was wrong with its time."""
        is_first = kind not in self._last
        moved = self._moved.get(self._kind if is_first else kind, 0)
        if is_first and not self._last:
            self._set(kind, clock, moved)
            return None
        moved += _least(clock + moved - self._dts) - (clock + moved - self._dts)
        known = self._kind if is_first else kind
        gained = self._unmasked.get(known, 0)
        step = clock + moved - (self._dts if is_first else self._last[kind])
        wire = max(self._wire_of(known), self._on_wire(clock))
        small, self._unmasked[kind] = self._small(step, gained, wire, is_first=is_first)
        self._set(kind, clock, moved + small - step)
        reset = None if is_first or not self._is_reset(kind, small) else self._checked.get(kind)
        if not is_first and (reset is not None or not self._is_within(small)):
            return self._jumped(kind, clock, small, reset)
        if self._unmasked[kind] > gained:
            return Repair(What.WRAPPED, Kind(kind), step, self._dts)
        return None

    def _set(self, kind: int, clock: int, moved: int) -> None:
        self._moved[kind] = moved
        self._dts = clock + moved
        self._start.setdefault(kind, self._dts)

    def _is_within(self, step: int) -> bool:
        return -self._back_ms <= step <= self._ahead_ms

    def _wire_of(self, kind: int) -> int:
        """The wire timestamp of the last frame of a kind."""
        return self._on_wire(self._last[kind] - self._moved.get(kind, 0))

    def _on_wire(self, clock: int) -> int:
        """What the wire said where the clock was there."""
        assert self._wire is not None
        return (clock - self._clock + self._wire) % _WRAP_MS

    def _small(self, step: int, gained: int, wire: int, *, is_first: bool) -> tuple[int, int]:
        """A step without the lengths of wrapping clocks in it, if that makes it small, and the new `gained`.

        A clock that says `wire`, beyond a mask, on either side of the step does not wrap there. A frame from
        before a masked wrap that comes behind one from after it takes back what was gained.
        Small is: within the limits, of a step from the same track's last frame; `_APART_MS`, from another's.
        """
        if self._is_within(step):
            return step, gained
        for wrap in _MASKED_WRAPS_MS:
            back, ahead = _least(step - wrap), _least(step + wrap)
            if gained >= wrap and (abs(back) <= _APART_MS if is_first else -self._back_ms <= back <= 0):
                return back, gained - wrap
            if wire < wrap and (abs(ahead) <= _APART_MS if is_first else self._is_within(ahead)):
                return ahead, gained + wrap
        return (_least(step) if self._is_within(_least(step)) else step), gained

    # Jumps and glued pushes

    def _jumped(self, kind: int, clock: int, step: int, reset: What | None) -> Repair | None:
        if not self._continues:
            moved = self._moved[kind]
            for known in (self._last, self._moved, self._start, self._unmasked):
                known.clear()
            self._headers.clear()
            self._set(kind, clock, moved)
            return Repair(reset or What.JUMP, Kind(kind), step, self._dts)
        if reset is None:
            for moved in self._moved.values():  # the other track has jumped, and this one follows it
                follows = clock + moved - self._last[kind]
                is_reset = kind in self._checked and self._is_reset(kind, follows)
                if self._is_within(follows) and not is_reset:
                    self._set(kind, clock, moved)
                    return None
        place = self._last[kind] + self._usual_step_ms(kind)
        if reset is What.GLUED:
            place = self._begin_push(kind, clock, place)
        self._set(kind, clock, place - clock)
        return Repair(reset or What.CONTINUED, Kind(kind), step, self._dts)

    def _begin_push(self, kind: int, clock: int, place: int) -> int:
        """Continue with a glued push, which moves as a whole: its place, behind all of the one before.

        Where that is a jump (tracks that are far apart), behind the track's own last frame.
        """
        behind = max(place, self._start[kind], place + max(self._last.values()) - self._last[kind])
        if self._is_within(behind - self._last[kind]):
            place = behind
        others = self._last.keys() - {kind}
        self._moved = dict.fromkeys(self._last, place - clock)
        self._start = {known: max(start, place) for known, start in self._start.items()}
        self._headers = others
        self._checked = dict.fromkeys(others, What.CONTINUED)
        return place

    def _usual_step_ms(self, kind: int) -> int:
        """The track's usual distance between frames: the median of those it had lately."""
        times = [dts for of_kind, dts in self._recent if of_kind == kind]
        steps = sorted(later - earlier for earlier, later in pairwise(times) if later > earlier)
        usual = steps[len(steps) // 2] if steps else _NOMINAL_STEP_MS[Kind(kind)]
        return min(usual, self._ahead_ms)

    def _note_headers(self, kinds: Iterable[int]) -> None:
        for kind in kinds:
            self._headers.add(kind)
            self._checked = dict.fromkeys(self._last, What.GLUED)

    def _is_reset(self, kind: int, step: int) -> bool:
        """A step back that is a jump, or undoes more than half of the push."""
        last = self._last[kind]
        return step < 0 and (step < -self._back_ms or -step > last + step - self._start[kind])


def _least(step: int) -> int:
    """A step without whole lengths of the wire clock: the smallest of those that look alike on the wire."""
    return (step + _WRAP_MS // 2) % _WRAP_MS - _WRAP_MS // 2


def _signed(wire: npt.NDArray[np.uint32]) -> npt.NDArray[np.int64]:
    """Wire timestamps of a stream's beginning: those at the end of the range are a little below zero."""
    return wire.astype(np.int64) - (wire >= _NEGATIVE_FROM) * _WRAP_MS


def _rows_of_frames(batch: Batch) -> npt.NDArray[np.intp] | None:
    """The rows that move the clock: audio and video but their configurations. None: all of them."""
    role = batch.tags["role"]
    if not role.any():
        return None
    moves = (role == int(Role.FRAME)) | (role == int(Role.OTHER))
    return np.flatnonzero(moves & (batch.tags["kind"] != int(Kind.SCRIPT)))


def _headers_before(tags: npt.NDArray[np.void], frames: npt.NDArray[np.intp]) -> dict[int, list[int]]:
    """Which kinds' configurations come before the n-th frame."""
    headers: dict[int, list[int]] = {}
    for row in np.flatnonzero(tags["role"] == int(Role.CONFIG)):
        headers.setdefault(int(np.searchsorted(frames, row)), []).append(int(tags["kind"][row]))
    return headers


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

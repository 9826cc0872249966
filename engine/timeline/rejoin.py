"""Media that comes again after a reconnect, recognised by its content and dropped (F1). Pure.

An origin begins a connection with media it has sent before: its last group of pictures. `Rejoin` compares the
frames of a new connection with the `Memory` of what was recorded. They are a replay when, audio and video
alike, they match the memory in content and in their distances from some frame on to the memory's very end:
what comes behind that joins what was recorded. Anything else is `Fresh`, and nothing of it is dropped: a
doubt costs a doubled second, never a lost frame.

* A replay has the times that were recorded, or earlier ones on a clock that started over. Old content with
  later times is new media: a loop, a still picture.
* On the recorded clock itself a match is a replay. On another one it must be the only match: where the memory
  repeats itself, content does not tell which part of it came again.
* It must hold a keyframe when there is video, and two frames that differ. Silence proves nothing.
* Another decoder configuration than the last, or a kind that was not recorded, is new media.

Decisions are taken row by row: how the rows are split into batches plays no part.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from engine.media.batch import Batch, Flag, Kind, Role
from engine.media.limits import OPENING_BYTES, OPENING_WAIT_MS, REMEMBERED_PACKETS, REPLAY_JITTER_MS
from engine.timeline.memory import Memory, Recorded, frame_digests, header_digest


@dataclass(frozen=True, slots=True, eq=False)
class Fresh:
    """New media: every row of the connection so far, as it was fed."""

    batches: list[Batch]


@dataclass(frozen=True, slots=True, eq=False)
class Joined:
    """The connection goes on where the recording ended.

    `batches_after` are the rows that were not recorded yet, in the order received and on the recorded clock:
    `offset_ms` is added to their dts, and is what to shift the connection's timeline by. `from_keyframe` is
    the same for a file that must begin now: the headers, and everything from the last repeated keyframe on.
    """

    batches_after: list[Batch]
    from_keyframe: list[Batch]
    offset_ms: int
    dropped_packets: int
    dropped_ms: int


Outcome = Fresh | Joined


class Rejoin:
    """Decides once what a new connection's media is. Holds it until then."""

    def __init__(self, memory: Memory) -> None:
        self._headers = memory.headers
        self._tracks = {kind: _Alignments(recorded) for kind, recorded in memory.recorded().items()}
        self._lead = next(iter(self._tracks.values()), None)  # video, if there was any
        self._held: list[Batch] = []
        self._held_rows = 0
        self._held_bytes = 0

    @property
    def has_held(self) -> bool:
        """Something was fed."""
        return bool(self._held)

    def feed(self, batch: Batch) -> Outcome | None:
        """Take in placed rows of the connection; None while it is undecided. Not to be called after that."""
        self._held.append(batch)
        digests = frame_digests(batch).tolist()
        for row, digest in enumerate(digests):
            outcome = self._take(batch, row, digest)
            if outcome is not None:
                return outcome
        return None

    def finish(self) -> Outcome:
        """The connection ended undecided. What matches so far is a replay that was cut short."""
        offset = self._only_offset()
        return self._fresh() if offset is None else self._joined_if_proven(offset)

    def _take(self, batch: Batch, row: int, digest: int) -> Outcome | None:
        tag = batch.tags[row]
        kind = int(tag["kind"])
        self._held_rows += 1
        self._held_bytes += int(tag["size"])
        if tag["role"] == Role.CONFIG and self._headers.get(kind) != header_digest(batch, row):
            return self._fresh()
        if digest:
            track = self._tracks.get(kind)
            if track is None:
                return self._fresh()
            if track.take(digest, int(tag["dts"])):
                outcome = self._decide()
                if outcome is not None:
                    return outcome
        too_much = self._held_bytes > OPENING_BYTES or self._held_rows > 2 * REMEMBERED_PACKETS
        if too_much or any(track.unmatched_ms > OPENING_WAIT_MS for track in self._tracks.values()):
            return self._fresh()
        return None

    # The decision

    def _decide(self) -> Outcome | None:
        if self._lead is None or not self._lead.seen:
            return None
        offsets = self._offsets()
        if not len(offsets):
            return self._fresh()
        offset = self._only_offset()
        if offset is not None:
            complete = all(track.is_complete(offset) for track in self._tracks.values())
            return self._joined_if_proven(offset) if complete else None
        undecided = any(
            not track.is_complete(int(each)) for each in offsets for track in self._tracks.values()
        )
        return None if undecided else self._fresh()

    def _offsets(self) -> npt.NDArray[np.int64]:
        """What could lie between the new clock and the recorded one, by all that came."""
        assert self._lead is not None
        offsets = np.unique(self._lead.offsets[self._lead.offsets >= -REPLAY_JITTER_MS])
        for track in self._tracks.values():
            if track is not self._lead and len(offsets):
                offsets = offsets[track.allows(offsets)]
        return offsets

    def _only_offset(self) -> int | None:
        """The recorded clock's own, or the only one."""
        if self._lead is None or not self._lead.seen:
            return None
        offsets = self._offsets()
        own = offsets[np.abs(offsets) <= REPLAY_JITTER_MS]
        if len(own):
            return int(own[np.argmin(np.abs(own))])
        return int(offsets[0]) if len(offsets) == 1 else None

    def _fresh(self) -> Fresh:
        return Fresh(self._held)

    def _joined_if_proven(self, offset: int) -> Outcome:
        runs = {kind: track.repeated(offset) for kind, track in self._tracks.items()}
        digests = np.concatenate([run.digests for run in runs.values()])
        has_key = Kind.VIDEO not in runs or bool(runs[Kind.VIDEO].keys.any())
        if not has_key or len(np.unique(digests)) < 2:
            return self._fresh()
        return _joined(self._held, {kind: len(run) for kind, run in runs.items()}, offset)


class _Alignments:
    """Where in the recorded frames of one kind the new ones may have begun."""

    def __init__(self, recorded: Recorded) -> None:
        self._recorded = recorded
        self._starts = np.empty(0, dtype=np.intp)  # rising
        self._times: list[int] = []  # of the new frames
        self.offsets = np.empty(0, dtype=np.int64)  # from the new clock to the recorded one, of each start

    @property
    def seen(self) -> int:
        """How many new frames came."""
        return len(self._times)

    def take(self, digest: int, dts: int) -> bool:
        """Take in the next new frame; true when that may decide something."""
        known, seen = self._recorded, self.seen
        self._times.append(dts)
        if not seen:
            self._starts = np.flatnonzero(known.digests == np.uint64(digest))
            self.offsets = known.dts[self._starts] - dts
            return True
        at = self._starts + seen
        is_inside = at < len(known)
        at[~is_inside] = -1
        stays = known.digests[at] == np.uint64(digest)
        stays &= np.abs(known.dts[at] - dts - self.offsets) <= REPLAY_JITTER_MS
        stays |= ~is_inside
        self._starts, self.offsets = self._starts[stays], self.offsets[stays]
        return bool((at == len(known) - 1).any()) or not stays.all()

    @property
    def unmatched_ms(self) -> int:
        """The media that no start explains."""
        reach = len(self._recorded) - int(self._starts[0]) if len(self._starts) else 0
        return self._times[-1] - self._times[reach] if reach < self.seen else 0

    def allows(self, offsets: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
        """Which offsets between the clocks are possible."""
        if not self.seen:
            return np.ones(len(offsets), dtype=np.bool_)
        own = np.sort(self.offsets)
        at = np.searchsorted(own, offsets - REPLAY_JITTER_MS)
        upper = np.append(own, np.iinfo(np.int64).max)[at]
        return (upper <= offsets + REPLAY_JITTER_MS) | self._follows(offsets)

    def _follows(self, offsets: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
        """Where nothing came again: the first new frame is the one behind the last recorded one."""
        gap = self._times[0] + offsets - self._recorded.dts[-1]
        follows: npt.NDArray[np.bool_] = (gap >= 0) & (gap <= self._recorded.longest_step_ms)
        return follows

    def is_complete(self, offset: int) -> bool:
        """All that was recorded has come again, where the clocks are `offset` apart."""
        return self.seen > 0 and self._start(offset) + self.seen >= len(self._recorded)

    def repeated(self, offset: int) -> Recorded:
        """The recorded frames that came again: as many of the new ones, from the first on."""
        start = self._start(offset)
        return self._recorded.slice(start, start + self.seen)

    def _start(self, offset: int) -> int:
        near = self._starts[np.abs(self.offsets - offset) <= REPLAY_JITTER_MS]
        return int(near[-1]) if len(near) else len(self._recorded)


def _joined(held: list[Batch], repeated: dict[int, int], offset_ms: int) -> Joined:
    """The outcome when the first `repeated` frames of each kind are dropped.

    Rows that are no frames go with them where all around them goes.
    """
    tags = np.concatenate([batch.tags for batch in held])
    is_frame = tags["role"] == int(Role.FRAME)
    drops = np.zeros(len(tags), dtype=np.bool_)
    for kind, count in repeated.items():
        drops[np.flatnonzero(is_frame & (tags["kind"] == kind))[:count]] = True
    dropped = tags[drops]
    last = int(np.flatnonzero(drops)[-1])
    news = np.flatnonzero(is_frame & ~drops)
    end = min(last, int(news[0])) if len(news) else last
    stays = ~drops
    stays[:end] = False
    keys = np.flatnonzero(drops & (tags["kind"] == int(Kind.VIDEO)) & (tags["flags"] & Flag.KEY != 0))
    begins = stays.copy()
    begins[:end] |= ~is_frame[:end]
    if len(keys):
        begins[keys[-1] :] = True
    return Joined(
        _selected(held, stays, offset_ms),
        _selected(held, begins, offset_ms),
        offset_ms,
        dropped_packets=len(dropped),
        dropped_ms=int(dropped["dts"].max() - dropped["dts"].min()),
    )


def _selected(batches: list[Batch], selection: npt.NDArray[np.bool_], offset_ms: int) -> list[Batch]:
    """The selected rows on another clock; the batches stay as they are."""
    selected = []
    begin = 0
    for batch in batches:
        rows = batch.rows(selection[begin : begin + len(batch)])
        begin += len(batch)
        if len(rows):
            rows.tags["dts"] += offset_ms
            selected.append(rows)
    return selected

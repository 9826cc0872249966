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
* It must hold a keyframe when there is video. On another clock, and where there is no video, also two frames
  that differ: a single picture may come back, and silence proves nothing.
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
        tags = batch.tags
        columns = (tags["kind"], tags["role"], tags["size"], tags["dts"], frame_digests(batch))
        for row, values in enumerate(zip(*(column.tolist() for column in columns), strict=True)):
            kind, role, size, dts, digest = values
            self._held_rows += 1
            self._held_bytes += size
            if role == Role.CONFIG and self._headers.get(kind) != header_digest(batch, row):
                return self._fresh()
            outcome = self._take(kind, dts, digest) if digest else None
            if outcome is not None or self._is_too_much():
                return outcome or self._fresh()
        return None

    @property
    def is_on_recorded_clock(self) -> bool:
        """What came so far may be a replay on the recorded clock itself, at whatever pace it is sent."""
        return any(abs(offset) <= REPLAY_JITTER_MS for offset in self._offsets())

    def give_up(self) -> Fresh:
        """It has taken too long: take the connection for new media."""
        return self._fresh()

    def finish(self) -> Outcome:
        """The connection ended undecided. What matches so far is a replay that was cut short."""
        offset = _only(self._offsets())
        return self._fresh() if offset is None else self._joined_if_proven(offset)

    def _is_too_much(self) -> bool:
        return self._held_bytes > OPENING_BYTES or self._held_rows > 2 * REMEMBERED_PACKETS

    # The decision

    def _take(self, kind: int, dts: int, digest: int) -> Outcome | None:
        track = self._tracks.get(kind)
        if track is None:
            return self._fresh()
        if track.take(digest, dts):
            outcome = self._decide()
            if outcome is not None:
                return outcome
        return self._fresh() if track.unmatched_ms > OPENING_WAIT_MS else None

    def _decide(self) -> Outcome | None:
        if self._lead is None or not self._lead.seen:
            return None
        offsets = self._offsets()
        if not offsets:
            return self._fresh()
        offset = _only(offsets)
        if offset is not None:
            return self._joined_if_proven(offset) if self._is_complete(offset) else None
        complete = [each for each in self._lead.complete_offsets & set(offsets) if self._is_complete(each)]
        return self._fresh() if len(complete) > 1 else None

    def _offsets(self) -> list[int]:
        """What could lie between the new clock and the recorded one, by all that came."""
        if self._lead is None:
            return []
        offsets = {offset for offset in self._lead.offsets if offset >= -REPLAY_JITTER_MS}
        for track in self._tracks.values():
            if track is not self._lead and track.seen:
                offsets = track.allowed(offsets)
        return sorted(offsets)

    def _is_complete(self, offset: int) -> bool:
        return all(track.is_complete(offset) for track in self._tracks.values())

    def _fresh(self) -> Fresh:
        return Fresh(self._held)

    def _joined_if_proven(self, offset: int) -> Outcome:
        runs = {kind: track.repeated(offset) for kind, track in self._tracks.items()}
        digests = np.concatenate([run.digests for run in runs.values()])
        pictures = runs.get(Kind.VIDEO)
        has_key = pictures is not None and bool(pictures.keys.any())
        is_proven = len(np.unique(digests)) > 1 or (has_key and abs(offset) <= REPLAY_JITTER_MS)
        if not is_proven or (pictures is not None and not has_key):
            return self._fresh()
        return _joined(self._held, {kind: len(run) for kind, run in runs.items()}, offset)


def _only(offsets: list[int]) -> int | None:
    """The recorded clock's own, or the only one."""
    own = min(offsets, key=abs, default=0)
    if len(offsets) == 1 or (offsets and abs(own) <= REPLAY_JITTER_MS):
        return own
    return None


class _Alignments:
    """Where in the recorded frames of one kind the new ones may have begun.

    An alignment is the place of the first new frame among the recorded ones, and how far the clocks are apart
    there. It is open until it fails, or has reached the last recorded frame and is complete.
    """

    def __init__(self, recorded: Recorded) -> None:
        self._recorded = recorded
        self._digests: list[int] = recorded.digests.tolist()
        self._recorded_times: list[int] = recorded.dts.tolist()
        self._longest_step_ms = recorded.longest_step_ms
        self._times: list[int] = []  # of the new frames
        self._open: list[tuple[int, int]] = []  # (start, offset), starts rising
        self._complete: list[tuple[int, int]] = []  # starts falling, and behind those that are open

    @property
    def seen(self) -> int:
        """How many new frames came."""
        return len(self._times)

    @property
    def offsets(self) -> list[int]:
        """From the new clock to the recorded one, of every alignment."""
        return [offset for _, offset in (*self._open, *self._complete)]

    @property
    def complete_offsets(self) -> set[int]:
        """Those of alignments in which all that was recorded came again."""
        return {offset for _, offset in self._complete}

    def take(self, digest: int, dts: int) -> bool:
        """Take in the next new frame; true when that may decide something."""
        before, seen = len(self._open), self.seen
        self._times.append(dts)
        if seen:
            self._open = [each for each in self._open if self._goes_on(*each, seen, digest, dts)]
        else:
            starts = (start for start, known in enumerate(self._digests) if known == digest)
            self._open = [(start, self._recorded_times[start] - dts) for start in starts]
        is_changed = not seen or len(self._open) != before
        if self._open and self._open[-1][0] + self.seen == len(self._digests):
            self._complete.append(self._open.pop())
            is_changed = True
        return is_changed

    def _goes_on(self, start: int, offset: int, seen: int, digest: int, dts: int) -> bool:
        apart = self._recorded_times[start + seen] - dts - offset
        return self._digests[start + seen] == digest and abs(apart) <= REPLAY_JITTER_MS

    @property
    def unmatched_ms(self) -> int:
        """The media that no alignment explains."""
        first = self._open[0] if self._open else self._complete[-1] if self._complete else None
        reach = 0 if first is None else len(self._digests) - first[0]
        return self._times[-1] - self._times[reach] if reach < self.seen else 0

    def allowed(self, offsets: set[int]) -> set[int]:
        """Those of the offsets between the clocks that these frames allow."""
        jitter = range(-REPLAY_JITTER_MS, REPLAY_JITTER_MS + 1)
        near = {offset + by for offset in self.offsets for by in jitter}
        return {offset for offset in offsets if offset in near or self._follows(offset)}

    def _follows(self, offset: int) -> bool:
        """Nothing came again: the first new frame is the one behind the last recorded one."""
        gap = self._times[0] + offset - self._recorded_times[-1]
        return 0 <= gap <= self._longest_step_ms

    def is_complete(self, offset: int) -> bool:
        """All that was recorded has come again, where the clocks are `offset` apart."""
        return self.seen > 0 and self._start(offset) + self.seen >= len(self._digests)

    def repeated(self, offset: int) -> Recorded:
        """The recorded frames that came again: as many of the new ones, from the first on."""
        start = self._start(offset)
        return self._recorded.slice(start, start + self.seen)

    def _start(self, offset: int) -> int:
        for start, own in (*self._complete, *reversed(self._open)):
            if abs(own - offset) <= REPLAY_JITTER_MS:
                return start
        return len(self._digests)


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

"""The pure stages of one recording, from the batches of its connections to operations with their wall time.

A connection that breaks leaves its sections open for a while (`break_off`): when the next one goes on exactly
where it broke off, its media goes on in them as if nothing had happened. Otherwise they end (`finish`), and
the next connection is another push.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

import numpy as np

from engine.errors import ReelError
from engine.media.batch import Batch, Flag, Kind, Role
from engine.media.limits import REJOIN_WAIT_S
from engine.record.limit import MediaLimit
from engine.record.wall_clock import Span, WallClock
from engine.segment import Begin, Cause, CutRule, Grown, Media, Note, Operation, Segmenter, file_bytes
from engine.timeline import Repair, Timeline, What
from engine.timeline.memory import Memory
from engine.timeline.rejoin import Fresh, Joined, Rejoin

_CLOCK_CHANGES = (What.JUMP, What.CONTINUED, What.GLUED)


@dataclass(frozen=True, slots=True)
class _Arrived:
    """Rows of a connection, what was found wrong with them, and when they came."""

    batch: Batch
    repairs: list[Repair]
    now: datetime


@dataclass(slots=True)
class Taken:
    """What rows came to."""

    wall: WallClock
    """As it stood then."""
    operations: list[Operation] = field(default_factory=list)
    spans: list[Span] = field(default_factory=list)
    repairs: list[Repair] = field(default_factory=list)
    joined: Joined | None = None
    """A reconnect sent again what is recorded."""
    begins_again: bool = False
    """The last repeated keyframe and what follows it begin a new file."""
    ends_broken: bool = False
    """A connection that broke is not gone on with: another push comes behind this."""


class Intake:
    """Batches in, operations out, over all connections of a recording.

    Args:
        start: When the recording's window begins.
        limit: Where the recording ends.
        rule: When a new file begins.
        audio_only: Video is left out.
        jump: What a jumping clock becomes.
        splices: A push may go on in the files of the one before, until `close_files`: its first cut is due
            when those are as long as files may be.
    """

    def __init__(
        self,
        start: datetime,
        limit: MediaLimit,
        *,
        rule: CutRule,
        audio_only: bool,
        jump: Literal["discontinuity", "repair"],
        splices: bool = False,
    ) -> None:
        self._limit = limit
        self._rule = rule
        self._audio_only = audio_only
        self._jump = jump
        self._splices = splices
        self._spliced = Grown()  # by earlier pushes in the files that are open
        self._begun: Begin | None = None  # the newest section
        self._begun_bytes = 0  # of its media
        self._next_section = 0
        self._timeline = Timeline(jump=jump)
        self._segmenter = self._new_segmenter()
        self._wall = WallClock(floor=start)
        self._memory = Memory()  # of the last push that is recorded
        self._coming = Memory()  # of this one
        self._rejoin: Rejoin | None = None
        self._held: list[_Arrived] = []  # since `_rejoin` began
        self.is_broken_off = False
        """A connection broke, and its sections are open."""
        self._has_ended = False  # the sections of the push have
        self.was_live = False
        """The last connection sent media that is recorded, or was before."""

    def _new_segmenter(self) -> Segmenter:
        return Segmenter(
            self._rule,
            audio_only=self._audio_only,
            first_section=self._next_section,
            before=self._spliced,
        )

    def why_not_started(self) -> ReelError:
        """Why a push that ended without a first cut point could not be recorded."""
        return self._segmenter.why_not_started()

    def connect(self, *, may_repeat: bool, made_since: datetime | None = None) -> None:
        """A connection begins. `may_repeat`: the one before broke, so that this one may send again what is
        recorded; otherwise it is another push. `made_since`: nothing of it was made before."""
        self._timeline = Timeline(jump=self._jump)
        self._rejoin = Rejoin(self._memory) if may_repeat and not self._memory.is_empty else None
        self._held.clear()
        self.was_live = False
        if not self.is_broken_off:
            self._begin_push()
        if made_since is not None:
            self._wall.floor = max(self._wall.floor, made_since)

    def _begin_push(self) -> None:
        self._has_ended = False
        self._next_section = self._segmenter.next_section
        self._segmenter = self._new_segmenter()
        self._wall = WallClock(floor=self._wall.until)
        self._coming = Memory()

    def feed(self, batch: Batch, now: datetime) -> list[Taken]:
        """Take in a batch that arrived by `now`; its `dts` column is filled in place."""
        repairs = self._timeline.place(batch)
        if self._rejoin is None:
            return [*self._end_broken(), self._pass(batch, repairs, now)]
        self._held.append(_Arrived(batch, repairs, now))
        return self._decide(self._rejoin.feed(batch) or self._give_up(self._rejoin, now), now)

    def _give_up(self, rejoin: Rejoin, now: datetime) -> Fresh | None:
        is_late = (now - self._held[0].now).total_seconds() > REJOIN_WAIT_S
        return rejoin.give_up() if is_late and not rejoin.is_on_recorded_clock else None

    def break_off(self, now: datetime) -> list[Taken]:
        """The connection broke. What it sent is passed on; its sections stay open."""
        taken = self._settle(now)
        self.is_broken_off = self._segmenter.started
        return taken

    def finish(self, now: datetime) -> list[Taken]:
        """The push is over: its sections end."""
        return [*self._settle(now), self._end_sections()]

    def close_sections(self) -> list[Taken]:
        """No connection went on where the last one broke off."""
        return [self._end_sections()]

    def close_files(self) -> None:
        """No push goes on in the files of the last one."""
        self._spliced = Grown()

    def _end_sections(self, *, ends_broken: bool = False) -> Taken:
        self.is_broken_off = False
        self._has_ended = True
        operations = self._limit.pass_through(self._segmenter.finish())
        taken = self._complete(Taken(self._wall.copy(), operations, ends_broken=ends_broken))
        last_ms, begun = self._limit.last_dts, self._begun
        if self._splices and last_ms is not None and begun is not None:
            self._spliced = Grown(
                self._spliced.duration_ms + max(last_ms - begun.dts_ms, 0),
                self._spliced.size_bytes + self._begun_bytes,
            )
        self._begun = None
        return taken

    def _settle(self, now: datetime) -> list[Taken]:
        """The connection ended before it was known what its first media is. One that sent nothing that could
        begin a push changes nothing."""
        rejoin, self._rejoin = self._rejoin, None
        if rejoin is None or not rejoin.has_held:
            return []
        outcome = rejoin.finish()
        if isinstance(outcome, Joined) or _may_begin(outcome.batches):
            return self._decide(outcome, now)
        return []

    def _decide(self, outcome: Fresh | Joined | None, now: datetime) -> list[Taken]:
        """What a reconnect's first media is, once that is known."""
        if outcome is None:
            return []
        held, self._held, self._rejoin = self._held, [], None
        if isinstance(outcome, Fresh):
            passed = (self._pass(arrived.batch, arrived.repairs, arrived.now) for arrived in held)
            return [*self._end_broken(), *passed]
        self.was_live = True
        self._timeline.shift(outcome.offset_ms)
        begins_again = not self.is_broken_off  # the files are finished: a new one begins with a keyframe
        if self._has_ended:
            self._begin_push()
        self.is_broken_off = False
        told = Taken(self._wall.copy(), joined=outcome, begins_again=begins_again)
        told.repairs += [repair for arrived in held for repair in arrived.repairs]
        batches = outcome.from_keyframe if begins_again else outcome.batches_after
        return [told, *(self._pass(batch, [], now) for batch in batches)]

    def _end_broken(self) -> list[Taken]:
        """What comes now is another push than the one before."""
        ended = [self._end_sections(ends_broken=True)] if self.is_broken_off else []
        if self._has_ended:
            self._begin_push()
        return ended

    def _pass(self, batch: Batch, repairs: list[Repair], now: datetime) -> Taken:
        operations = self._limit.pass_through(self._segmenter.feed(batch))
        self._coming.remember(batch)
        self.was_live = self._segmenter.started
        if self.was_live:
            self._memory = self._coming
        for repair in repairs:
            if repair.what in _CLOCK_CHANGES:
                self._wall.restart()
        spans = self._wall.spans(batch, now) if batch.survey is not None else self._spans_of(batch, now)
        return self._complete(Taken(self._wall.copy(), operations, spans, repairs))

    def _spans_of(self, batch: Batch, now: datetime) -> list[Span]:
        """The stretches of a batch in which the clock may jump."""
        spans: list[Span] = []
        start = 0
        for row in _jumps(batch):
            spans += self._wall.spans(batch.rows(slice(start, row)), now)
            self._wall.restart()
            start = row
        return spans + self._wall.spans(batch.rows(slice(start, None)) if start else batch, now)

    def _complete(self, taken: Taken) -> Taken:
        for one in taken.operations:
            if isinstance(one, Begin):
                self._begun, self._begun_bytes = one, 0
                if one.cause is Cause.FIRST:
                    # What was held until then, from the first cut point on.
                    taken.spans = [Span(self._wall.at(one.dts_ms), self._wall.until)]
                else:
                    self._spliced = Grown()
            elif isinstance(one, Media) and self._begun is not None and one.section == self._begun.section:
                self._begun_bytes += file_bytes(one.batch)
        last_dts = self._limit.last_dts if self._limit.reached else None
        if last_dts is not None:
            end = self._wall.at(last_dts)
            taken.spans = [
                Span(span.start, min(span.end, end)) for span in taken.spans if (span.start or end) <= end
            ]
        if not self._segmenter.started:
            taken.spans.clear()  # nothing is recorded yet
        return taken


def _jumps(batch: Batch) -> list[int]:
    """The rows at which the clock jumps."""
    rows: list[int] = np.flatnonzero(batch.tags["flags"] & int(Flag.DISCONTINUITY)).tolist()
    return rows


def _may_begin(batches: Iterable[Batch]) -> bool:
    """Whether a push could begin with these rows: at a keyframe, or at any frame where there is no video."""
    has_video = has_frames = False
    for batch in batches:
        tags = batch.tags
        frames = tags["role"] == int(Role.FRAME)
        video = frames & (tags["kind"] == int(Kind.VIDEO))
        if (tags["flags"][video] & int(Flag.KEY)).any():
            return True
        has_video |= bool(video.any())
        has_frames |= bool(frames.any())
    return has_frames and not has_video


def notes_of(taken: Taken) -> list[Note]:
    """What users should hear of: the notes among the operations, repairs and duplicates."""
    notes: list[Note] = []
    for one in taken.operations:
        if isinstance(one, Note):
            notes.append(one)
    for repair in taken.repairs:
        notes.append(Note(repair.what, str(repair)))
    if taken.joined is not None and taken.joined.dropped_packets:
        done = "left out"
        if taken.begins_again:
            done = "those from the last keyframe on begin the new file, the others are left out"
        notes.append(
            Note(
                "duplicate_media",
                f"{taken.joined.dropped_packets} packets ({taken.joined.dropped_ms} ms) that are recorded "
                f"already came again after a reconnect: {done}",
            )
        )
    return notes

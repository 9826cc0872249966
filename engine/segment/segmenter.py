"""From batches to sections: first cut point, cuts by interval and size, and track changes (C1, C3, F4)."""

from __future__ import annotations

import numpy as np

from engine.errors import MalformedConfig, ReelError, StreamNotFound
from engine.media.batch import Batch, Kind
from engine.segment.cut_rule import CutRule, Grown
from engine.segment.opening import Opening
from engine.segment.operations import Operation, joined
from engine.segment.sections import Sections
from engine.segment.tracks import TrackBook


class Segmenter:
    """The segment stage of one push: batches with placed timestamps in, operations out.

    Sections are numbered from `first_section`, so that the pushes of a recording never share a number.
    `before` is what the file holds that the push goes on in: its first cut is due earlier by that.
    """

    def __init__(
        self,
        rule: CutRule,
        *,
        audio_only: bool = False,
        first_section: int = 0,
        before: Grown = Grown(),  # noqa: B008 - it is frozen
    ) -> None:
        self._audio_only = audio_only
        self._book = TrackBook()
        self._opening: Opening | None = Opening(self._book)
        self._sections = Sections(self._book, rule, first_section, before)

    @property
    def started(self) -> bool:
        """Whether the first cut point was reached."""
        return self._opening is None

    @property
    def next_section(self) -> int:
        """The number the next section will have."""
        return self._sections.next_section

    def feed(self, batch: Batch) -> list[Operation]:
        """The operations that a batch causes, in order."""
        if self._audio_only:
            batch = batch.rows(batch.tags["kind"] != np.uint8(Kind.VIDEO))
        operations: list[Operation] = []
        if self._opening is not None:
            batch, operations = self._open(self._opening, batch)
        if self._opening is None and (batch.survey is not None or len(batch)):
            operations += self._sections.feed(batch)
        return [*self._book.take_notes(), *operations] if self._book.notes else operations

    def _open(self, opening: Opening, batch: Batch) -> tuple[Batch, list[Operation]]:
        """Look for the first cut point: the rows behind the decision, and what starting caused."""
        for at in range(len(batch)):
            if opening.feed(batch.rows(slice(at, at + 1))):
                return batch.rows(slice(at + 1, None)), self._start(opening)
        return Batch.empty(), []

    def finish(self) -> list[Operation]:
        """The push ended: start with what there is if it had not started, then end every section."""
        operations: list[Operation] = []
        if self._opening is not None and self._opening.finish():
            operations = self._start(self._opening)
        return [*self._book.take_notes(), *operations, *self._sections.finish()]

    def _start(self, opening: Opening) -> list[Operation]:
        self._opening = None
        media = opening.release()
        operations = self._sections.start(opening.kinds, int(media[0].tags["dts"][0]))
        for row in media:
            operations += self._sections.feed(row)
        return joined(operations)

    def why_not_started(self) -> ReelError:
        """Why a push that ended without a first cut point could not be recorded."""
        if self._opening is None or not self._opening.saw_frames:
            return StreamNotFound("the stream ended before it sent any media")
        if not self._book.tracks:
            return MalformedConfig(
                "frames came, but no decoder configuration (sequence header) before the end"
            )
        return StreamNotFound("the stream ended before its first keyframe")

"""The end of a recording that was asked for S seconds of media. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from engine.media.batch import Batch
from engine.segment import Begin, Cause, End, Media, Operation


@dataclass(slots=True)
class MediaLimit:
    """Lets operations through until `duration_ms` of media has passed; None never ends.

    Media time is counted per clock: a push, or a jump of its clock, starts another.
    """

    duration_ms: int | None
    reached: bool = False
    used_ms: int = 0
    """Media time let through by the clocks before this one."""
    _start_dts: int = 0
    _last_dts: int | None = None

    @property
    def last_dts(self) -> int | None:
        """The last packet let through, on the clock of the moment."""
        return self._last_dts

    @property
    def recorded_ms(self) -> int:
        """Media time let through so far."""
        return self.used_ms + (0 if self._last_dts is None else self._last_dts - self._start_dts)

    def pass_through(self, operations: Iterable[Operation]) -> list[Operation]:
        """The operations that are within the limit; those that end sections always are."""
        kept: list[Operation] = []
        for operation in operations:
            passed = self._trim_media(operation) if isinstance(operation, Media) else self._trim(operation)
            if passed is not None:
                kept.append(passed)
        return kept

    def _trim(self, operation: Operation) -> Operation | None:
        if isinstance(operation, End):
            return operation
        if self.reached:
            return None
        if isinstance(operation, Begin) and operation.cause in (Cause.FIRST, Cause.JUMP):
            self.used_ms = self.recorded_ms
            self._start_dts, self._last_dts = operation.dts_ms, None
        return operation

    def _trim_media(self, media: Media) -> Media | None:
        if self.reached:
            return None
        batch, survey = media.batch, media.batch.survey
        last_dts = self._last_of(batch) if survey is None else survey.last_ms
        if self.duration_ms is not None and last_dts - self._start_dts >= self.duration_ms - self.used_ms:
            late = np.flatnonzero(batch.tags["dts"] - self._start_dts >= self.duration_ms - self.used_ms)
            if len(late):
                self.reached = True
                batch = batch.rows(slice(0, int(late[0])))
                media, survey, last_dts = Media(media.section, batch), None, self._last_of(batch)
        if survey is None and not len(batch):
            return None
        self._last_dts = max(last_dts, self._start_dts if self._last_dts is None else self._last_dts)
        return media

    def _last_of(self, batch: Batch) -> int:
        return int(batch.tags["dts"].max(initial=self._start_dts))

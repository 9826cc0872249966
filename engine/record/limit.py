"""The end of a recording that was asked for S seconds of media. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

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
        return [kept for operation in operations if (kept := self._trim(operation)) is not None]

    def _trim(self, operation: Operation) -> Operation | None:
        if isinstance(operation, End):
            return operation
        if self.reached:
            return None
        if isinstance(operation, Begin) and operation.cause in (Cause.FIRST, Cause.JUMP):
            self.used_ms = self.recorded_ms
            self._start_dts, self._last_dts = operation.dts_ms, None
        if isinstance(operation, Media):
            return self._trim_media(operation)
        return operation

    def _trim_media(self, media: Media) -> Media | None:
        dts, survey = media.batch.tags["dts"], media.batch.survey
        last_dts = int(dts.max(initial=self._start_dts)) if survey is None else survey.last_ms
        if self.duration_ms is not None and last_dts - self._start_dts >= self.duration_ms - self.used_ms:
            late = np.flatnonzero(dts - self._start_dts >= self.duration_ms - self.used_ms)
            if len(late):
                self.reached = True
                media = Media(media.section, media.batch.rows(slice(0, int(late[0]))))
                dts = media.batch.tags["dts"]
                last_dts = int(dts.max(initial=self._start_dts))
        if not len(dts):
            return None
        self._last_dts = max(last_dts, self._start_dts if self._last_dts is None else self._last_dts)
        return media

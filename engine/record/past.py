"""What an earlier process recorded under the same id: where its window began, and what is accounted for.
Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from pydantic import AwareDatetime, BaseModel, ConfigDict

from engine.media.codecs import Format
from engine.media.events import GapReason
from engine.record.ledger import Ledger


class Missing(BaseModel):
    """From a moment on nothing was recorded, of one format or of any."""

    model_config = ConfigDict(frozen=True)

    reason: GapReason
    at: AwareDatetime
    format: Format | None = None


@dataclass(frozen=True, slots=True)
class Past:
    """The part of the window that is over. A recording without a past begins its window now."""

    start: datetime
    recorded_ms: int = 0
    died: datetime | None = None
    """When the process that recorded it was last alive; None: there is no past."""
    covered: Mapping[Format, datetime] = field(default_factory=dict)
    """How far the manifests of each format go."""
    missing: tuple[Missing, ...] = ()
    """What was missing when it died."""

    @classmethod
    def none(cls, now: datetime) -> Past:
        """A window that begins now."""
        return cls(now)

    @property
    def until(self) -> datetime:
        """How far the window is accounted for."""
        return max(self.covered.values(), default=self.start)

    def ledger(self) -> Ledger:
        """The account of the recording's window from here on."""
        return self._ledger(self.until, None)

    def ledger_of(self, format: Format) -> Ledger:
        """The account of one format's window from where its manifests end."""
        return self._ledger(self.covered.get(format, self.start), format)

    def _ledger(self, start: datetime, format: Format | None) -> Ledger:
        if self.died is None:
            return Ledger(start)
        known = [one for one in self.missing if one.format in (None, format)]
        if not known and start > self.start:  # it was recording
            return Ledger(start, "process_down")
        ledger = Ledger(start)
        for one in known:
            ledger.mark(one.reason, one.at)
        ledger.mark("process_down", self.died)
        return ledger

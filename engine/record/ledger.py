"""The gap ledger: every moment of the window is recorded, or in a gap with its reason (G1). Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from engine.media.events import GapReason


@dataclass(frozen=True, slots=True)
class Gap:
    """A part of the window that is not recorded."""

    reason: GapReason
    start: datetime
    end: datetime


@dataclass(slots=True)
class Ledger:
    """The gaps of one recording, in order and never overlapping."""

    gaps: list[Gap] = field(default_factory=list)
    _open: tuple[GapReason, datetime] | None = None

    @property
    def open_reason(self) -> GapReason | None:
        """The reason of the gap that is open now."""
        return self._open[0] if self._open else None

    def open(self, reason: GapReason, at: datetime) -> None:
        """A gap begins. One that is open already goes on with its own reason."""
        if self._open is None:
            self._open = (reason, at)

    def close(self, at: datetime) -> Gap | None:
        """The open gap ends; it is returned, unless it has no length."""
        if self._open is None:
            return None
        (reason, start), self._open = self._open, None
        gap = Gap(reason, start, at)
        if at > start:
            self.gaps.append(gap)
        return gap

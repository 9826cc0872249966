"""The wall clock of one recording: that of its beginning, and from there on it only goes forward.

A machine's clock is set, steps back and follows leap seconds and daylight saving by whoever runs it. The
account of a window, the order of events and the names of files must not.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta


def wall_now() -> datetime:
    """What the machine says, in UTC."""
    return datetime.now(UTC)


@dataclass(slots=True)
class SteadyClock:
    """UTC at the beginning, plus what has passed since."""

    wall: Callable[[], datetime] = wall_now
    passed_s: Callable[[], float] = time.monotonic
    _begun: datetime = field(init=False)
    _begun_s: float = field(init=False)

    def __post_init__(self) -> None:
        self._begun, self._begun_s = self.wall(), self.passed_s()

    def now(self) -> datetime:
        """The present moment."""
        return self._begun + timedelta(seconds=self.passed_s() - self._begun_s)

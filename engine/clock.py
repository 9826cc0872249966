"""Wall time and steady time. Whoever needs the time is given a clock, so that tests run in virtual time.

The machine's clock is set by hand, steps back, and follows leap seconds and daylight saving. The account of a
window, the order of events and the names of files must not: they are dated by a `SteadyClock`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta


def wall_now() -> datetime:
    """The machine's present time, in UTC."""
    return datetime.now(UTC)


@dataclass(slots=True)
class SteadyClock:
    """A clock that only goes forward: wall time at its creation plus the monotonic time since."""

    wall: Callable[[], datetime] = wall_now
    passed_s: Callable[[], float] = time.monotonic
    _began: datetime = field(init=False)
    _began_s: float = field(init=False)

    def __post_init__(self) -> None:
        self._began, self._began_s = self.wall(), self.passed_s()

    def now(self) -> datetime:
        """Present time, in UTC."""
        return self._began + timedelta(seconds=self.passed_s() - self._began_s)

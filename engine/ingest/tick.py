"""How long to sleep between reads, and how long between connections. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass
from random import Random

from engine.media.limits import (
    BACKOFF_FIRST_S,
    BACKOFF_LAST_S,
    TICK_FIRST_S,
    TICK_LAST_S,
)

_SLOTTED_S = TICK_LAST_S / 4  # shorter ticks end when they end


@dataclass(slots=True)
class Tick:
    """The adaptive tick of one source (design decision 1).

    It starts short, because the kernel's receive window has yet to grow, and lengthens while a read stays
    well under half of that window, so that a sender never waits for us. A few percent of jitter keep many
    recordings from beating together, until ticks are long and end in slots (`wake_time_s`).
    """

    random: Random
    _sleep_s: float = TICK_FIRST_S

    def next_s(self, read_bytes: int, window_bytes: int) -> float:
        """Seconds to sleep after a read that returned `read_bytes`, with a receive window of
        `window_bytes`."""
        if read_bytes * 2 >= window_bytes:
            self._sleep_s = max(self._sleep_s / 2, TICK_FIRST_S / 4)
        elif read_bytes * 4 <= window_bytes:
            self._sleep_s = min(self._sleep_s * 1.5, TICK_LAST_S)
        return (
            self._sleep_s if self._sleep_s >= _SLOTTED_S else self._sleep_s * self.random.uniform(0.95, 1.05)
        )


def wake_time_s(sleep_s: float, now_s: float, wakes_at_s: float) -> float:
    """When a sleep ends: a long one is shortened to end at `wakes_at_s` of the longest tick, or of its half
    or quarter. For all of one slot that is the same number.

    Recordings that wake at one time do so a few times a second at most: a process works while its caches are
    warm and sleeps in between.
    """
    if sleep_s < _SLOTTED_S:
        return now_s + sleep_s
    period_s = TICK_LAST_S
    while period_s > sleep_s:
        period_s /= 2
    return math.floor((now_s + sleep_s - wakes_at_s) / period_s) * period_s + wakes_at_s


@dataclass(slots=True)
class Backoff:
    """Waits before connecting again: doubled each time, with jitter, so that a thousand recordings do not
    return in one instant."""

    random: Random
    _wait_s: float = BACKOFF_FIRST_S

    def next_s(self) -> float:
        """The next wait in seconds."""
        wait_s = self._wait_s
        self._wait_s = min(wait_s * 2, BACKOFF_LAST_S)
        return wait_s * self.random.uniform(0.5, 1.0)

    def reset(self) -> None:
        """The stream was live: the next interruption starts from the first wait."""
        self._wait_s = BACKOFF_FIRST_S

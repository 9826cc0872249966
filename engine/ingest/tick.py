"""How long to sleep between reads, and how long between connections. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass
from random import Random

from engine.media.limits import (
    BACKOFF_FIRST_S,
    BACKOFF_LAST_S,
    SLOT_RECORDINGS,
    TICK_FIRST_S,
    TICK_LAST_S,
    TICK_SLOTS,
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


class Slots:
    """When the recordings of one process wake: a slot is filled before the next one is used, and all share
    what is more than that."""

    def __init__(self) -> None:
        self._taken = [0] * TICK_SLOTS

    def take(self) -> float:
        """A place: the time within a longest tick at which to wake."""
        free = (slot for slot, taken in enumerate(self._taken) if taken < SLOT_RECORDINGS)
        slot = next(free, self._taken.index(min(self._taken)))
        self._taken[slot] += 1
        return slot * TICK_LAST_S / TICK_SLOTS

    def give_back(self, wakes_at_s: float) -> None:
        """A place that `take` gave is free again."""
        self._taken[round(wakes_at_s / TICK_LAST_S * TICK_SLOTS)] -= 1


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

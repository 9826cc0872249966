"""Waking the readers of one process.

Those that sleep until one moment are woken by one timer, and all of them read before the first goes on with
what it read. What a system call copies drives the interpreter out of the processor's cache: with the work of
each between the reads of two, all of it was done with a cold cache.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from engine.media.limits import SLOT_RECORDINGS, TICK_LAST_S, TICK_SLOTS


@dataclass(slots=True)
class Sleeper:
    """A task that waits for `woken`, and what is to be done for it before any other goes on."""

    first: Callable[[], None]
    woken: asyncio.Future[None]

    def wake(self) -> None:
        """Do what comes first; then it goes on, when the event loop comes to it. A defect in what comes first
        is raised where the task waits."""
        if self.woken.done():
            return
        try:
            self.first()
        except Exception as error:
            self.woken.set_exception(error)
        else:
            self.woken.set_result(None)


class Alarm:
    """Wakes sleepers at their time."""

    def __init__(self) -> None:
        self._sleepers: dict[float, list[Sleeper]] = {}

    def set(self, when_s: float, sleeper: Sleeper) -> None:
        """Wake one at a time of the event loop's clock, unless it is woken before."""
        together = self._sleepers.get(when_s)
        if together is None:
            self._sleepers[when_s] = together = []
            asyncio.get_running_loop().call_at(when_s, self._ring, when_s)
        together.append(sleeper)

    def _ring(self, when_s: float) -> None:
        for sleeper in self._sleepers.pop(when_s):
            sleeper.wake()  # none goes on before this loop is over


@dataclass(frozen=True, slots=True)
class Slot:
    """When a recording wakes, and what wakes it with others."""

    wakes_at_s: float = 0.0
    """A place within a longest tick: when long ticks end."""
    alarm: Alarm = field(default_factory=Alarm)


class Slots:
    """When the recordings of one process wake: a slot is filled before the next one is used, and all share
    what is more than that."""

    def __init__(self) -> None:
        alarm = Alarm()
        self._slots = [Slot(number * TICK_LAST_S / TICK_SLOTS, alarm) for number in range(TICK_SLOTS)]
        self._taken = [0] * TICK_SLOTS

    def take(self) -> Slot:
        """A place in one of them."""
        free = (number for number, taken in enumerate(self._taken) if taken < SLOT_RECORDINGS)
        number = next(free, self._taken.index(min(self._taken)))
        self._taken[number] += 1
        return self._slots[number]

    def give_back(self, slot: Slot) -> None:
        """A place that `take` gave is free again."""
        self._taken[self._slots.index(slot)] -= 1

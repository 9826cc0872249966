"""Sleepers of one moment do what comes first before any of them goes on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from engine.ingest.alarm import Alarm, Sleeper, Slots
from engine.media.limits import SLOT_RECORDINGS, TICK_LAST_S, TICK_SLOTS


class Sleepers:
    """Tasks that say what they do."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.loop = asyncio.get_running_loop()
        self.alarm = Alarm()

    def start(self, name: str, when_s: float, first: Callable[[], None] | None = None) -> asyncio.Task[None]:
        """One that wakes at a time."""

        def begin() -> None:
            self.said.append(f"{name} reads")
            if first is not None:
                first()

        async def sleep() -> None:
            sleeper = Sleeper(begin, self.loop.create_future())
            self.alarm.set(when_s, sleeper)
            await sleeper.woken
            self.said.append(f"{name} goes on")

        return asyncio.create_task(sleep())


async def test_all_read_before_the_first_goes_on() -> None:
    sleepers = Sleepers()
    soon_s = sleepers.loop.time() + 0.05
    tasks = [
        sleepers.start("a", soon_s),
        sleepers.start("later", soon_s + 0.05),
        sleepers.start("b", soon_s),
    ]
    await asyncio.gather(*tasks)
    assert sleepers.said == ["a reads", "b reads", "a goes on", "b goes on", "later reads", "later goes on"]


async def test_who_is_cancelled_reads_nothing() -> None:
    sleepers = Sleepers()
    soon_s = sleepers.loop.time() + 0.05
    gone, there = sleepers.start("gone", soon_s), sleepers.start("there", soon_s)
    await asyncio.sleep(0)
    gone.cancel()
    await there
    assert sleepers.said == ["there reads", "there goes on"]


async def test_a_defect_of_one_is_its_own() -> None:
    def fail() -> None:
        raise ValueError("a defect")

    sleepers = Sleepers()
    soon_s = sleepers.loop.time() + 0.05
    failing, well = sleepers.start("failing", soon_s, fail), sleepers.start("well", soon_s)
    with pytest.raises(ValueError, match="a defect"):
        await failing
    await well
    assert sleepers.said == ["failing reads", "well reads", "well goes on"]


async def test_who_is_woken_before_sleeps_its_next_sleep_out() -> None:
    said: list[str] = []
    alarm, loop = Alarm(), asyncio.get_running_loop()
    early = Sleeper(lambda: said.append("early"), loop.create_future())
    alarm.set(loop.time() + 0.02, early)
    early.wake()
    await early.woken
    late = Sleeper(lambda: said.append("late"), loop.create_future())
    alarm.set(loop.time() + 0.2, late)
    await asyncio.sleep(0.1)
    assert said == ["early"]
    await late.woken
    assert said == ["early", "late"]


def test_slots_are_filled_one_after_the_other_and_then_shared() -> None:
    slots = Slots()
    taken = [slots.take() for _ in range(SLOT_RECORDINGS * TICK_SLOTS)]
    assert [slot.wakes_at_s for slot in taken] == [
        pytest.approx(number // SLOT_RECORDINGS * TICK_LAST_S / TICK_SLOTS) for number in range(len(taken))
    ]
    assert len({id(slot.alarm) for slot in taken}) == 1
    assert len({slots.take().wakes_at_s for _ in range(TICK_SLOTS)}) == TICK_SLOTS
    for slot in taken[3:5]:
        slots.give_back(slot)
    assert [slots.take(), slots.take()] == taken[3:5]

"""Writer threads: in order within a recording, and nobody waits for the storage of another (S5, design 6)."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from structlog.testing import capture_logs
from waiting import until

from engine.media.limits import QUEUED_BYTES, WORKER_QUEUED_BYTES
from engine.worker.writers import WriterLane, Writers

DISK, OTHER_DISK = 1, 2


@asynccontextmanager
async def writing() -> AsyncIterator[Writers]:
    """Writers, which are stopped at the end."""
    writers = Writers()
    try:
        yield writers
    finally:
        await asyncio.to_thread(writers.stop)


class Hanging:
    """Storage that hangs until it is let go."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.over = threading.Event()

    def __call__(self) -> None:
        self.begun.set()
        assert self.over.wait(60)


def names() -> list[str]:
    return sorted(thread.name for thread in threading.enumerate() if thread.name.startswith("writer-"))


async def done(*lanes: WriterLane) -> None:
    async with asyncio.timeout(30):
        await asyncio.gather(*(lane.drain() for lane in lanes))


async def test_the_work_of_a_lane_is_done_in_order_whoever_does_it() -> None:
    async with writing() as writers:
        lanes = [writers.lane(DISK) for _ in range(5)]
        found: list[list[int]] = [[] for _ in lanes]
        for number in range(300):
            for lane, mine in zip(lanes, found, strict=True):
                lane.put(lambda mine=mine, number=number: mine.append(number))  # type: ignore[misc]
            if number % 50 == 0:
                await asyncio.sleep(0.03)
        await done(*lanes)
        assert found == [list(range(300))] * 5


async def test_work_is_gathered_and_handed_over_by_itself() -> None:
    async with writing() as writers:
        finished = threading.Event()
        writers.lane(DISK).put(finished.set)
        await until(finished.is_set)


async def test_one_that_hangs_keeps_nothing_from_the_others() -> None:
    async with writing() as writers:
        hung, quick = writers.lane(DISK), writers.lane(DISK)
        hanging, late = Hanging(), threading.Event()
        hung.put(hanging, 10)
        hung.put(late.set, 5)
        await until(hanging.begun.is_set)
        quick.put(lambda: None, 7)
        await done(quick)
        assert len(names()) == 2
        assert not late.is_set()  # what is behind it in its own lane waits
        assert (hung.done_bytes, quick.done_bytes, writers.waiting_bytes) == (0, 7, 15)
        hanging.over.set()
        await done(hung, quick)
        assert late.is_set()
        assert (hung.done_bytes, writers.waiting_bytes) == (15, 0)
        await until(lambda: len(names()) == 1)


async def test_a_thread_that_was_replaced_leaves_the_rest_to_the_other() -> None:
    async with writing() as writers:
        first, second = writers.lane(DISK), writers.lane(DISK)
        hangings = [Hanging() for _ in range(2)]
        first.put(hangings[0])
        await until(hangings[0].begun.is_set)
        second.put(hangings[1])
        await until(hangings[1].begun.is_set)
        order: list[int] = []
        for number in range(10):
            first.put(lambda number=number: order.append(number))  # type: ignore[misc]
        hangings[0].over.set()  # the thread of it ends; the other one hangs, and a third comes
        await done(first)
        assert order == list(range(10))
        hangings[1].over.set()
        await done(second)
        await until(lambda: len(names()) == 1)


async def test_a_disk_that_hangs_altogether_keeps_nothing_from_another() -> None:
    async with writing() as writers:
        hangings = [Hanging() for _ in range(6)]
        hung = [writers.lane(DISK) for _ in hangings]
        other = writers.lane(OTHER_DISK)
        for lane, hanging in zip(hung, hangings, strict=True):
            lane.put(hanging)
        await until(lambda: sum(hanging.begun.is_set() for hanging in hangings) == 4)
        await done(other)
        await asyncio.sleep(0.5)  # no more threads than that are started for it
        assert names() == ["writer-0"] * 4 + ["writer-1"]
        for hanging in hangings:
            hanging.over.set()
        await done(*hung)
        await until(lambda: names() == ["writer-0", "writer-1"])


async def test_a_defect_costs_nobody_anything() -> None:
    async with writing() as writers:
        lane, finished = writers.lane(DISK), threading.Event()

        def broken() -> None:
            raise RuntimeError("a defect")

        with capture_logs() as told:
            lane.put(broken, 3)
            lane.put(finished.set)
            await done(lane)
        assert finished.is_set()
        assert lane.done_bytes == 3
        assert [one["event"] for one in told] == ["writer.failed"]


@pytest.mark.parametrize("lanes", [1, 9])
async def test_a_lane_is_full_when_it_or_all_of_them_hold_too_much(lanes: int) -> None:
    async with writing() as writers:
        hanging = Hanging()
        all_lanes = [writers.lane(DISK) for _ in range(lanes)]
        each = QUEUED_BYTES if lanes == 1 else WORKER_QUEUED_BYTES // lanes
        for lane in all_lanes:
            lane.put(hanging, each)
        assert not any(lane.is_full for lane in all_lanes)
        other = writers.lane(OTHER_DISK)
        all_lanes[0].put(lambda: None, lanes)
        assert all_lanes[0].is_full
        assert other.is_full == (lanes == 9)
        hanging.over.set()
        await done(*all_lanes)
        assert not all_lanes[0].is_full


async def test_what_is_queued_is_done_before_the_threads_end() -> None:
    writers = Writers()
    hung, behind = writers.lane(DISK), writers.lane(DISK)
    hanging, order = Hanging(), list[str]()
    hung.put(hanging)
    await until(hanging.begun.is_set)
    behind.put(lambda: None)
    await done(behind)  # by a second thread; the first is replaced
    hung.put(lambda: order.append("hung"))
    behind.put(lambda: order.append("behind"))
    stopping = asyncio.create_task(asyncio.to_thread(writers.stop))
    await until(lambda: order == ["behind"])
    hanging.over.set()
    await stopping
    assert order == ["behind", "hung"]
    assert names() == []


async def test_threads_come_only_where_work_waits() -> None:
    async with writing() as writers:
        lane, hanging = writers.lane(DISK), Hanging()
        lane.put(hanging)
        await until(hanging.begun.is_set)
        waits: Callable[[], None] = lambda: None  # noqa: E731
        lane.put(waits)
        await asyncio.sleep(0.4)
        assert names() == ["writer-0"]  # nobody else has work
        hanging.over.set()
        await done(lane)


async def test_a_disk_that_is_slow_and_comes_along_has_one_thread() -> None:
    async with writing() as writers:
        lanes = [writers.lane(DISK) for _ in range(3)]
        for lane in lanes * 10:
            lane.put(lambda: time.sleep(0.02))
        most = 0
        draining = asyncio.create_task(done(*lanes))
        while not draining.done():
            most = max(most, len(names()))
            await asyncio.sleep(0.02)
        await draining
        assert most == 1

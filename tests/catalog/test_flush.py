"""One flush for many: who is answered by which, and what becomes of those who wait when it fails."""

from __future__ import annotations

import asyncio
import threading
import traceback
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from engine.catalog.failure import DiskFailure
from engine.catalog.flush import Flush
from engine.errors import CatalogFailed


class Disk:
    """One that flushes when it is told to."""

    def __init__(self) -> None:
        self.begun: list[int] = []  # how much was written when each flush began
        self.written = 0
        self.error: OSError | None = None
        self.may_end = threading.Semaphore(0)

    def flush(self) -> None:
        self.begun.append(self.written)
        assert self.may_end.acquire(timeout=20)
        if self.error is not None:
            raise self.error


@pytest.fixture
def executor() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as executor:
        yield executor


async def until_begun(disk: Disk, number: int) -> None:
    async with asyncio.timeout(20):
        while len(disk.begun) < number:
            await asyncio.sleep(0.001)


async def test_who_comes_while_one_is_under_way_waits_for_the_next(executor: ThreadPoolExecutor) -> None:
    disk = Disk()
    flush = Flush(disk.flush, executor, DiskFailure("reel.db"))

    async def write() -> None:
        disk.written += 1
        await flush.wait()

    first = asyncio.create_task(write())
    await until_begun(disk, 1)
    others = [asyncio.create_task(write()) for _ in range(10)]
    await asyncio.sleep(0)
    disk.may_end.release()
    await first
    await until_begun(disk, 2)
    assert not any(one.done() for one in others)
    disk.may_end.release()
    await asyncio.gather(*others)
    await flush.close()
    assert disk.begun == [1, 11], "one flush for the ten, begun when all had written"


async def test_who_is_cancelled_takes_nobody_along(executor: ThreadPoolExecutor) -> None:
    disk = Disk()
    flush = Flush(disk.flush, executor, DiskFailure("reel.db"))
    waiting = [asyncio.create_task(flush.wait()) for _ in range(3)]
    await until_begun(disk, 1)
    waiting[0].cancel()
    disk.may_end.release(2)
    ended = await asyncio.gather(*waiting, return_exceptions=True)
    assert isinstance(ended[0], asyncio.CancelledError)
    assert ended[1:] == [None, None]
    await flush.close()


async def test_after_a_failure_nothing_is_called_flushed(executor: ThreadPoolExecutor) -> None:
    """Linux forgets pages that it could not write: the next flush succeeds without them."""
    disk, failure = Disk(), DiskFailure("reel.db")
    flush = Flush(disk.flush, executor, failure)
    disk.may_end.release(3)
    await flush.wait()
    failure.check()
    disk.error = OSError(5, "Input/output error")
    ended = await asyncio.gather(flush.wait(), flush.wait(), return_exceptions=True)
    assert [type(one) for one in ended] == [CatalogFailed, CatalogFailed]
    disk.error = None
    with pytest.raises(CatalogFailed, match="Input/output error"):
        await flush.wait()
    with pytest.raises(CatalogFailed, match="Input/output error"):
        failure.check()
    async with asyncio.timeout(20):
        with pytest.raises(CatalogFailed, match="Input/output error"):
            await failure.wait()
    assert len(disk.begun) == 2
    await flush.close()


async def test_every_caller_gets_an_error_of_its_own(executor: ThreadPoolExecutor) -> None:
    """One exception raised again and again would grow by a traceback each time."""
    disk = Disk()
    flush = Flush(disk.flush, executor, DiskFailure("reel.db"))
    disk.may_end.release(1)
    disk.error = OSError(5, "Input/output error")

    async def trace() -> list[str]:
        try:
            await flush.wait()
        except CatalogFailed as error:
            return traceback.format_exception(error)
        pytest.fail("flushed")

    traces = await asyncio.gather(*(trace() for _ in range(5)))
    traces += [await trace() for _ in range(5)]
    assert len({len(one) for one in traces}) == 1
    await flush.close()

"""One flush of the disk for all who wait for one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor

from engine.catalog.failure import DiskFailure


class Flush:
    """Calls `flush` in a thread of `executor`: at once for the first who waits, and once for all who came
    while it was under way.

    After one that failed none is tried: what the system could not write it may have forgotten, and a later
    flush would call it written.
    """

    def __init__(self, flush: Callable[[], None], executor: Executor, failure: DiskFailure) -> None:
        self._flush = flush
        self._executor = executor
        self._failure = failure
        self._has_failed = False
        self._next: asyncio.Future[bool] | None = None  # whether it succeeded
        self._run: asyncio.Task[None] | None = None

    async def wait(self) -> None:
        """Wait until all that was written before this call is on the disk.

        Raises:
            CatalogFailed: a flush failed, so that this is not known.
        """
        if self._next is None:
            self._next = asyncio.get_running_loop().create_future()
            if self._run is None or self._run.done():
                self._run = asyncio.create_task(self._run_all())
        # Whoever is cancelled leaves the flush to the others.
        if not await asyncio.shield(self._next):
            raise self._failure.error()

    async def close(self) -> None:
        """Wait until nothing is under way."""
        if self._run is not None:
            await self._run

    async def _run_all(self) -> None:
        while self._next is not None:
            # Who comes from here on has written what this flush may miss.
            waiting, self._next = self._next, None
            if not self._has_failed:
                try:
                    await asyncio.get_running_loop().run_in_executor(self._executor, self._flush)
                except OSError as error:
                    self._has_failed = True
                    self._failure.report(error)
            waiting.set_result(not self._has_failed)

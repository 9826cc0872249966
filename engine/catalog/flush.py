"""One flush of the disk for all who wait for one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor

from engine.errors import StorageError


class Flush:
    """Calls `flush` in a thread of `executor`: at once for the first who waits, and once for all who came
    while it was under way.

    After one that failed all do: what the system could not write it may have forgotten, and a later flush
    would call it written.
    """

    def __init__(self, flush: Callable[[], None], executor: Executor) -> None:
        self._flush = flush
        self._executor = executor
        self._next: asyncio.Future[None] | None = None
        self._run: asyncio.Task[None] | None = None
        self._failed: StorageError | None = None

    def check(self) -> None:
        """Raises:
        StorageError: a flush failed.
        """
        if self._failed is not None:
            raise self._failed

    async def wait(self) -> None:
        """Until all that was written before this call is on the disk.

        Raises:
            StorageError: that is not known, nor will it be.
        """
        if self._next is None:
            self._next = asyncio.get_running_loop().create_future()
            if self._run is None or self._run.done():
                self._run = asyncio.create_task(self._run_all())
        # Whoever is cancelled leaves the flush to the others.
        await asyncio.shield(self._next)

    async def close(self) -> None:
        """Until nothing is under way."""
        if self._run is not None:
            await self._run

    async def _run_all(self) -> None:
        while self._next is not None:
            # Who comes from here on has written what this flush may miss.
            waiting, self._next = self._next, None
            try:
                self.check()
                await asyncio.get_running_loop().run_in_executor(self._executor, self._flush)
            except OSError as error:
                self._failed = StorageError(f"catalog: what was written may not be on the disk: {error}")
            except StorageError:
                pass
            if self._failed is None:
                waiting.set_result(None)
            else:
                waiting.set_exception(self._failed)
                waiting.exception()  # nobody may be left to hear it

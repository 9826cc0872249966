"""What is to be done after a transaction: of one stream one thing after the other, nobody waiting for it."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Hashable
from contextvars import Context

import structlog

from engine.errors import CatalogFailed, CatalogUnavailable

_log = structlog.get_logger()

_RETRY_S = 1.0

Errand = Callable[[], Awaitable[None]]


class Errands:
    """A queue for each key, which lives as long as something is in it."""

    def __init__(self) -> None:
        self._queues: dict[Hashable, deque[Errand]] = {}
        self._runs: set[asyncio.Task[None]] = set()
        self._is_draining = False

    def put(self, key: Hashable, errand: Errand) -> None:
        """Do it when what was put before under the same key is done."""
        queue = self._queues.get(key)
        if queue is not None:
            queue.append(errand)
            return
        queue = self._queues[key] = deque([errand])
        # In a context of its own: the queue may live on for other requests than the one that began it.
        run = asyncio.get_running_loop().create_task(self._run(key, queue), context=Context())
        self._runs.add(run)
        run.add_done_callback(self._runs.discard)

    async def drain(self) -> None:
        """Wait until nothing is left. What the database cannot store is not tried again."""
        self._is_draining = True
        while self._runs:
            await asyncio.wait(self._runs)

    async def _run(self, key: Hashable, queue: deque[Errand]) -> None:
        try:
            while queue:
                try:
                    await queue[0]()
                except CatalogUnavailable as error:  # the catalog says so
                    if not (self._is_draining or isinstance(error, CatalogFailed)):
                        await asyncio.sleep(_RETRY_S)
                        continue
                except Exception:  # of ours: it must not hold up what comes after it
                    _log.exception("control.errand_failed", key=str(key))
                queue.popleft()
        finally:
            del self._queues[key]

"""Work that a server needs for as long as it runs."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from typing import Any, Self

import structlog

from engine.errors import InternalError, ReelError, unexpected

_log = structlog.get_logger()


class Background:
    """Runs tasks that end only by an error. The first that ends has the whole server end: without it the
    server would take orders that nobody carries out.

    An async context manager, around that of the server's parts: what went wrong first is raised by its end,
    whatever else goes wrong because of it.
    """

    def __init__(self) -> None:
        self._failed = asyncio.Event()
        self._error: ReelError | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self._check()

    def start(self, parts: AsyncExitStack, name: str, work: Coroutine[Any, Any, None]) -> None:
        """Run `work` until `parts` are closed down to those that were there before it."""
        task = asyncio.create_task(work, name=name)
        task.add_done_callback(self._note_end)
        parts.push_async_callback(_cancel, task)

    async def until(self, stopped: asyncio.Event) -> None:
        """Wait for `stopped`.

        Raises:
            ReelError: a task ended before that.
        """
        waits = [asyncio.create_task(event.wait()) for event in (stopped, self._failed)]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        self._check()

    def _check(self) -> None:
        if self._error is not None:
            raise self._error

    def _note_end(self, task: asyncio.Task[None]) -> None:
        if task.cancelled():
            return
        error = task.exception() or InternalError(f"{task.get_name()} ended")
        if self._error is not None:
            return
        if isinstance(error, ReelError):
            self._error, trace = error, None
        else:
            self._error, trace = unexpected(error), error
        _log.error("server.failed", part=task.get_name(), error=str(self._error), exc_info=trace)
        self._failed.set()


async def _cancel(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)

"""Waiting for a database that does not answer."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

from engine.errors import CatalogFailed, CatalogUnavailable

RETRY_S = 1.0


class Patience:
    """Tries again what a database could not store because it did not answer, until the server ends.

    News of pushes and recordings come once: what is dropped here would leave a stream unrecorded, or a
    recording that has ended in the lists.
    """

    def __init__(self) -> None:
        self._ending = asyncio.Event()

    def end(self) -> None:
        """The server ends: nothing is tried more than once from now on."""
        self._ending.set()

    async def store(self, work: Callable[[], Awaitable[None]]) -> None:
        """Do it until it is done.

        Raises:
            CatalogFailed: nothing can be stored any more.
            CatalogUnavailable: the server ends.
        """
        while True:
            try:
                await work()
            except CatalogFailed:
                raise
            except CatalogUnavailable:
                if self._ending.is_set():
                    raise
            else:
                return
            with suppress(TimeoutError):
                await asyncio.wait_for(self._ending.wait(), RETRY_S)

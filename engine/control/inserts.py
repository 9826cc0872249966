"""Stores new tasks: those that come while others are being written go into one statement together.

Hundreds of clients may order in a second, and a transaction for each costs ten times what its share of a
common one does.
"""

from __future__ import annotations

import asyncio
from typing import Any

from sqlalchemy import insert

from engine.catalog import Catalog
from engine.catalog.schema import Task

_COLUMNS = tuple(Task.__table__.columns.keys())


class TaskInserts:
    """The way of tasks into the catalog when nothing else changes with them."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._waiting: list[tuple[dict[str, Any], asyncio.Future[Exception | None]]] = []
        self._writing: asyncio.Task[None] | None = None

    async def add(self, task: Task) -> None:
        """It is on the disk when this returns. What goes wrong goes wrong for all written with it."""
        stored: asyncio.Future[Exception | None] = asyncio.get_running_loop().create_future()
        self._waiting.append(({name: getattr(task, name) for name in _COLUMNS}, stored))
        if self._writing is None:
            self._writing = asyncio.create_task(self._write())
        if (error := await stored) is not None:
            raise error.with_traceback(None)  # raised once for each of its batch, with a trace of its own

    async def _write(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting, []
            failure: Exception | None = None
            try:
                async with self._catalog.begin() as session:
                    await session.execute(insert(Task), [values for values, _ in batch])
            except Exception as error:
                failure = error
            for _, stored in batch:
                if not stored.done():  # whoever waited was cancelled
                    stored.set_result(failure)
        self._writing = None

"""Writers of a database that has one at a time: in turns, and many to a commit.

A commit waits for the disk, a hundred times longer than an insert takes. So whoever comes while others write
joins their transaction, in a savepoint of its own, and all of them are answered after one commit.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession

_MOST_TO_A_COMMIT = 64

WRITES = "writes"
"""The execution option of connections that will write."""


class Turns:
    """Transactions one after the other, committed together."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._turn = asyncio.Lock()
        self._waiting = 0
        self._group: _Group | None = None

    @asynccontextmanager
    async def take(self) -> AsyncIterator[AsyncSession]:
        """A transaction; it is on the disk when the block has ended."""
        group = await self._join()
        try:
            session = AsyncSession(
                group.connection, join_transaction_mode="create_savepoint", expire_on_commit=False
            )
            async with session, session.begin():
                yield session
        finally:
            group.members += 1
            leaving = asyncio.ensure_future(self._leave(group))
            try:  # whoever is cancelled here leaves the others' transaction whole
                await asyncio.shield(leaving)
            finally:
                leaving.add_done_callback(_look_at)
        await asyncio.shield(group.committed)

    async def _join(self) -> _Group:
        self._waiting += 1
        try:
            await self._turn.acquire()
        finally:
            self._waiting -= 1
        if self._group is not None:
            return self._group
        try:
            self._group = _Group(await _begun(self._engine))
        except BaseException:
            self._turn.release()
            raise
        return self._group

    async def _leave(self, group: _Group) -> None:
        """Give the turn to the next one; the last one commits."""
        try:
            if self._waiting == 0 or group.members >= _MOST_TO_A_COMMIT:
                self._group = None
                await group.commit()
        finally:
            self._turn.release()


class _Group:
    """A transaction that several share."""

    def __init__(self, connection: AsyncConnection) -> None:
        self.connection = connection
        self.members = 0
        self.committed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.committed.add_done_callback(_look_at)

    async def commit(self) -> None:
        """Commit for all of them; what goes wrong goes wrong for all."""
        try:
            try:
                await self.connection.commit()
            finally:
                await self.connection.close()
        except Exception as error:
            self.committed.set_exception(error)
        else:
            self.committed.set_result(None)


async def _begun(engine: AsyncEngine) -> AsyncConnection:
    connection = await engine.connect()
    try:
        await connection.execution_options(**{WRITES: True})
        await connection.begin()
    except BaseException:
        await connection.close()
        raise
    return connection


def _look_at(done: asyncio.Future[None]) -> None:
    """Whoever waited was told; that nobody waited is no reason for a warning."""
    if not done.cancelled():
        done.exception()

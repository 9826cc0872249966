"""The database: its connections, and transactions on it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Self

from sqlalchemy import event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine

from engine.errors import UsageError

_BUSY_MS = 10_000


class Catalog:
    """SQLite or PostgreSQL by URL. Use as an async context manager, after `migrate`.

    Raises:
        UsageError: a URL of another database.
    """

    def __init__(self, url: str) -> None:
        try:
            self.url = make_url(url)
        except ArgumentError as error:
            raise UsageError(f"catalog: {error}") from None
        if self.url.drivername not in ("sqlite+aiosqlite", "postgresql+asyncpg"):
            raise UsageError(
                f"catalog: {self.url.drivername} is not known: write sqlite+aiosqlite:///FILE "
                "or postgresql+asyncpg://USER:PASSWORD@HOST/NAME"
            )
        self._engine = create_async_engine(self.url, pool_pre_ping=not self.is_sqlite)
        if self.is_sqlite:
            event.listen(self._engine.sync_engine, "connect", _prepare_sqlite)
        self._sessions = async_sessionmaker(self._engine, expire_on_commit=False)

    @property
    def is_sqlite(self) -> bool:
        """One file, one writer at a time."""
        return self.url.get_backend_name() == "sqlite"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._engine.dispose()

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[AsyncSession]:
        """A transaction, committed when the block ends and rolled back when it raises. What the block found
        stays readable behind it."""
        async with self._sessions() as session, session.begin():
            yield session

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncSession]:
        """For looking only: what the block changes is not kept, what it finds stays readable behind it."""
        async with self._sessions() as session:
            yield session


def _prepare_sqlite(connection: Any, _: object) -> None:
    """Readers do not wait for the writer, and a commit survives a crash of the machine."""
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", f"busy_timeout={_BUSY_MS}"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()

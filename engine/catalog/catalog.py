"""The database: its connections, and transactions on it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Self

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, event, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine

from engine.catalog.turns import WRITES, Turns
from engine.errors import UsageError

_BUSY_MS = 10_000
_MIGRATIONS = Path(__file__).parent / "migrations"
_MIGRATION_LOCK = 0x7265656C  # any number that no other program takes


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
        self._turns: Turns | None = None
        if self.is_sqlite:
            event.listen(self._engine.sync_engine, "connect", _prepare_sqlite)
            event.listen(self._engine.sync_engine, "begin", _begin_sqlite)
            self._turns = Turns(self._engine)
        self._sessions = async_sessionmaker(self._engine, expire_on_commit=False)

    @property
    def is_sqlite(self) -> bool:
        """One file, one writer at a time."""
        return self.url.get_backend_name() == "sqlite"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._engine.dispose()

    async def migrate(self) -> None:
        """Makes the tables what this version needs; nothing when they are."""
        async with self._engine.connect() as connection:
            if self.is_sqlite:
                await connection.execution_options(**{WRITES: True})
            async with connection.begin():
                if not self.is_sqlite:  # several servers may start at once
                    await connection.execute(text(f"SELECT pg_advisory_xact_lock({_MIGRATION_LOCK})"))
                await connection.run_sync(_upgrade)

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[AsyncSession]:
        """A transaction that writes, on the disk when the block has ended, and rolled back when it raises.
        What the block found stays readable behind it."""
        if self._turns is not None:
            async with self._turns.take() as session:
                yield session
        else:
            async with self._sessions() as session, session.begin():
                yield session

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncSession]:
        """A transaction that only reads: one state of the database, and no waiting for writers."""
        async with self._sessions() as session, session.begin():
            yield session


def _upgrade(connection: Connection) -> None:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _prepare_sqlite(connection: Any, _: object) -> None:
    """Readers do not wait for the writer, and a commit survives a crash of the machine."""
    connection.isolation_level = None  # transactions are begun by `_begin_sqlite` alone
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", f"busy_timeout={_BUSY_MS}"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    """A reader that becomes a writer would be refused at once while another writes: writers begin as such."""
    writes = connection.get_execution_options().get(WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

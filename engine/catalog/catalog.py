"""The database: its connections, and transactions on it."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import NoReturn, Self

from alembic import command
from alembic.config import Config
from alembic.util.exc import CommandError
from sqlalchemy import Connection, event, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine

from engine.catalog import sqlite
from engine.catalog.failure import DiskFailure
from engine.catalog.outage import Outage, reason_of
from engine.catalog.private_file import make_private
from engine.errors import CatalogUnavailable, StorageError, UsageError
from engine.masking import masked

_CONNECTIONS = 16  # kept open: opening one takes longer than what is asked on it
_MIGRATIONS = Path(__file__).parent / "migrations"
_UNKNOWN_OPTION = re.compile(r"unexpected keyword argument '([^']*)'")
_MIGRATION_LOCK = 0x7265656C  # any number that no other program takes


class Catalog:
    """SQLite or PostgreSQL by URL. Use as an async context manager, after `migrate`.

    Raises:
        UsageError: a URL of another database.
    """

    def __init__(self, url: str) -> None:
        try:
            self.url = make_url(url)
        except (ArgumentError, ValueError):  # their words quote the URL
            raise UsageError(
                f"catalog: {masked(url)} is no URL of a database: write sqlite+aiosqlite:///FILE "
                "or postgresql+asyncpg://USER:PASSWORD@HOST:PORT/NAME, with the port a number and the "
                "password percent-encoded"
            ) from None
        if self.url.port is not None and not 0 < self.url.port < 65_536:
            raise UsageError(f"catalog: {masked(url)}: the port is no number from 1 to 65535")
        if self.url.drivername not in ("sqlite+aiosqlite", "postgresql+asyncpg"):
            raise UsageError(
                f"catalog: {self.url.drivername} is not known: write sqlite+aiosqlite:///FILE "
                "or postgresql+asyncpg://USER:PASSWORD@HOST/NAME"
            )
        self._failure = DiskFailure(self.url.database or "")
        self._outage = Outage(masked(self.url.render_as_string()))
        self._writer = sqlite.Writer(self.url, self._failure) if self.is_sqlite else None
        self._engine = create_async_engine(
            self.url, pool_size=_CONNECTIONS, max_overflow=0, pool_pre_ping=not self.is_sqlite
        )
        if self.is_sqlite:
            event.listen(self._engine.sync_engine, "connect", sqlite.prepare)
            event.listen(self._engine.sync_engine, "begin", _begin_to_read)
        self._sessions = async_sessionmaker(self._engine, expire_on_commit=False)

    @property
    def is_sqlite(self) -> bool:
        """One file, one writer at a time."""
        return self.url.get_backend_name() == "sqlite"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._engine.dispose()
        if self._writer is not None:
            await self._writer.close()

    async def migrate(self) -> None:
        """Make the tables what this version needs; nothing when they are. A file of SQLite is made one that
        other users cannot read.

        Raises:
            UsageError: they are a later version's, or the URL has an option that the driver does not know.
            StorageError: the database cannot be had.
        """
        with self.naming_errors():
            if self.is_sqlite:
                make_private(Path(self.url.database or ""))
            async with self._transaction() as session:
                if not self.is_sqlite:  # several servers may start at once
                    await session.execute(text(f"SELECT pg_advisory_xact_lock({_MIGRATION_LOCK})"))
                await session.run_sync(lambda session: _upgrade(session.connection()))

    @contextmanager
    def naming_errors(self) -> Iterator[None]:
        """Name the database in whatever it, its driver or the system say in the block.

        Raises:
            UsageError: the URL has an option that the driver does not know.
            StorageError: the database cannot be had.
        """
        where = masked(self.url.render_as_string())
        try:
            yield
        except (OSError, SQLAlchemyError, sqlite3.Error) as error:
            raise StorageError(f"catalog: {where}: {reason_of(error)}") from error
        except (
            TypeError,
            CatalogUnavailable,
        ) as error:  # options of a URL are arguments of asyncpg's connect()
            option = _UNKNOWN_OPTION.search(str(error))
            if option is None:
                raise
            raise UsageError(
                f"catalog: {where}: asyncpg knows no option {option[1]!r}: leave it out of the URL, or "
                "write ssl= where other drivers have sslmode="
            ) from None

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[AsyncSession]:
        """A transaction that writes, on the disk when the block has ended, and rolled back when it raises.
        What the block found stays readable behind it. SQLite has one at a time: a block waits for nothing but
        the database, and for no other transaction.

        Raises:
            CatalogFailed: SQLite's disk failed, now or earlier: what was written last may be lost.
            CatalogUnavailable: PostgreSQL does not answer, or another process keeps writing to SQLite's file.
        """
        with self._outage.watching():
            async with self._transaction() as session:
                yield session

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncSession]:
        """A transaction that only reads: one state of the database, and no waiting for writers.

        Raises:
            CatalogFailed: SQLite's disk failed.
            CatalogUnavailable: PostgreSQL does not answer.
        """
        if self._writer is not None:
            with self._failure.watching():
                async with self._sessions() as session, session.begin():
                    yield session
        else:
            with self._outage.watching():
                async with self._outage.transaction(self._sessions) as session:
                    yield session

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[AsyncSession]:
        if self._writer is not None:
            async with self._writer.transaction() as session:
                yield session
        else:
            async with self._outage.transaction(self._sessions) as session:
                yield session

    async def wait_failed(self) -> NoReturn:
        """Wait until SQLite's disk fails, if it ever does. A PostgreSQL server that is gone may come back.

        Raises:
            CatalogFailed: it did: end, so that another process finds out what is on the disk.
        """
        await self._failure.wait()


def migrations(connection: Connection) -> Config:
    """Alembic's configuration, to run on a connection and in its transaction."""
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def _upgrade(connection: Connection) -> None:
    try:
        command.upgrade(migrations(connection), "head")
    except CommandError as error:
        raise UsageError(f"catalog: a later version of Reelkeeper made its tables ({error})") from error


def _begin_to_read(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN")

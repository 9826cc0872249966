"""The connection that writes to an SQLite file: transactions in turns, many to a flush of the disk.

A statement takes microseconds, less than handing it to a thread and back: it runs where it is asked for. What
waits for the disk runs in a thread. A commit is both: SQLite appends it to its log (`synchronous=NORMAL`),
then the log is flushed, once for all that were committed meanwhile. That is what `synchronous=FULL` does for
each commit by itself; so what was answered is on the disk, and writers do not wait for each other's flush.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import structlog
from sqlalchemy import URL, Connection, Executable, Result, RootTransaction, StaticPool, create_engine, event
from sqlalchemy.ext.asyncio import AsyncSession

from engine.catalog.failure import DiskFailure
from engine.catalog.flush import Flush
from engine.errors import CatalogFailed, CatalogUnavailable, InternalError, UsageError

BUSY_S = 10.0
"""How long another process may write."""

_RETRY_S = 0.01
_COMMITS_TO_A_CHECKPOINT = 500  # some 10 MB of log

_log = structlog.get_logger()


def prepare(connection: Any, _: object) -> None:
    """What every connection needs: readers do not wait for the writer, and transactions are begun by us."""
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.execute(f"PRAGMA busy_timeout={BUSY_S * 1000:.0f}")
    cursor.close()


class Writer:
    """The one that writes, of this process.

    Args:
        url: `sqlite+aiosqlite:///FILE`.
        failure: Is told when the disk fails; nothing is written after that.

    Raises:
        UsageError: a database in memory, or a folder that holds no log beside the file.
    """

    def __init__(self, url: URL, failure: DiskFailure) -> None:
        if url.database in (None, "", ":memory:") or url.query:
            raise UsageError("catalog: what is ordered has to be kept: name a file, sqlite+aiosqlite:///FILE")
        self._path = Path(url.database)
        self._log: int | None = None  # a descriptor
        self._failure = failure
        # One thread, so that a flush and a checkpoint are never at once.
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="catalog")
        self._flush = Flush(self._flush_log, self._executor, failure)
        self._engine = create_engine(
            url.set(drivername="sqlite"), poolclass=StaticPool, connect_args={"check_same_thread": False}
        )
        event.listen(self._engine, "connect", prepare)
        event.listen(self._engine, "begin", _begin)
        event.listen(self._engine, "commit", _commit)
        self._turn = asyncio.Lock()
        self._holder: asyncio.Task[Any] | None = None
        self._connection: Connection | None = None
        self._reader: sqlite3.Connection | None = None
        self._commits = 0
        self._checkpoint: asyncio.Task[None] | None = None

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncSession]:
        """A transaction, on the disk when the block has ended and rolled back when it raises.

        Raises:
            CatalogFailed: the disk failed, now or earlier.
            CatalogUnavailable: another process keeps writing.
            InternalError: within another of the same asyncio task, which would wait for itself.
        """
        if self._holder is not None and self._holder is asyncio.current_task():
            raise InternalError("a transaction that writes was begun within another")
        async with self._turn:
            self._holder = asyncio.current_task()
            try:
                self._failure.check()
                with self._failure.watching():
                    connection = await self._opened()
                    before = _driver(connection).total_changes
                    transaction = await _begun(connection)
                    try:
                        async with _Session(connection) as session, session.begin():
                            yield session
                    finally:
                        if transaction.is_active:  # nothing was asked in the block
                            transaction.rollback()
                    has_changed = _driver(connection).total_changes != before
            finally:
                self._holder = None
        if has_changed:
            self._count()
            await self._flush.wait()

    async def close(self) -> None:
        """Close the connection. Call it when no other connection of this process is open.

        The last connection to a file moves the log into it. After a failure the log must stay as it is: the
        next process compares its checksums, and moves what is whole. A connection that may only read, closed
        last, moves nothing.
        """
        if self._checkpoint is not None:
            await self._checkpoint
        await self._flush.close()
        if self._reader is not None and not self._failure.has_happened:
            self._reader.close()
        if self._connection is not None:
            self._connection.close()
        self._engine.dispose()
        if self._reader is not None:
            self._reader.close()
        if self._log is not None:
            os.close(self._log)
        self._executor.shutdown()

    async def _opened(self) -> Connection:
        if self._connection is None:
            run = asyncio.get_running_loop().run_in_executor
            self._connection = await run(self._executor, self._open)
        return self._connection

    def _open(self) -> Connection:
        connection = self._engine.connect()
        driver = _driver(connection)
        (mode,) = driver.execute("PRAGMA journal_mode").fetchone()
        if mode != "wal":
            raise UsageError(f"catalog: {self._engine.url.database} cannot have a log beside it ({mode})")
        # We flush the log, and we move it into the file; both are waited for in a thread.
        driver.execute("PRAGMA synchronous=NORMAL")
        driver.execute("PRAGMA wal_autocheckpoint=0")
        _move(driver)  # what a killed process left
        driver.execute("PRAGMA busy_timeout=0")  # `_begun` waits
        # Opened before anything is written: an error of writing is reported to each descriptor open by then.
        self._log = os.open(self._log_path, os.O_RDWR | os.O_CLOEXEC)
        self._reader = _open_to_read(self._path)
        return connection

    @property
    def _log_path(self) -> str:
        return f"{self._path}-wal"

    def _flush_log(self) -> None:
        assert self._log is not None, "what is flushed was written by an open connection"
        getattr(os, "fdatasync", os.fsync)(self._log)  # macOS has no fdatasync
        if not os.path.samestat(os.fstat(self._log), os.stat(self._log_path)):
            raise OSError(f"{self._log_path} was replaced by another file")

    def _count(self) -> None:
        self._commits += 1
        if self._commits % _COMMITS_TO_A_CHECKPOINT == 0 and (
            self._checkpoint is None or self._checkpoint.done()
        ):
            self._checkpoint = asyncio.create_task(self._move_log())

    async def _move_log(self) -> None:
        """Moves the log into the file. In a turn, so that the next writer finds it empty and begins anew."""
        async with self._turn:
            if self._failure.has_happened:  # the log may hold what is not on the disk
                return
            connection = await self._opened()
            run = asyncio.get_running_loop().run_in_executor
            try:
                with self._failure.watching():
                    await run(self._executor, _move, _driver(connection))
            except CatalogFailed:
                pass  # whoever waits for the failure says so
            except sqlite3.Error as error:
                _log.warning("catalog.checkpoint_failed", error=str(error))


class _Session(AsyncSession):
    """One whose connection is no asyncio one: nothing of it waits."""

    def __init__(self, connection: Connection) -> None:
        super().__init__(expire_on_commit=False, join_transaction_mode="control_fully")
        self.sync_session.bind = connection

    async def execute(self, statement: Executable, params: Any = None, **options: Any) -> Result[Any]:
        """As ever, but for the end, which would close an asyncio cursor."""
        return await self.run_sync(lambda session: session.execute(statement, params, **options))


def _driver(connection: Connection) -> sqlite3.Connection:
    driver = connection.connection.dbapi_connection
    assert isinstance(driver, sqlite3.Connection)
    return driver


def _open_to_read(path: Path) -> sqlite3.Connection:
    url = f"{path.absolute().as_uri()}?mode=ro"
    reader = sqlite3.connect(url, uri=True, check_same_thread=False)
    reader.execute("PRAGMA schema_version").fetchone()  # a connection opens the file when it first reads
    return reader


def _move(driver: sqlite3.Connection) -> None:
    # To its last row: a statement that has more to say keeps the next transaction from its end.
    driver.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()


async def _begun(connection: Connection) -> RootTransaction:
    """Waits while another process writes."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + BUSY_S
    while True:
        try:
            return connection.begin()
        except sqlite3.OperationalError as error:
            if not error.sqlite_errorname.startswith("SQLITE_BUSY"):
                raise
            if loop.time() > deadline:
                where = connection.engine.url.database
                raise CatalogUnavailable(
                    f"catalog: {where}: another process writes to it: {error}"
                ) from error
        await asyncio.sleep(_RETRY_S)


def _begin(connection: Connection) -> None:
    # A transaction that reads first and then writes would be refused while another process writes.
    _driver(connection).execute("BEGIN IMMEDIATE")


def _commit(connection: Connection) -> None:
    # The driver's own `commit` says nothing when SQLite has given the transaction up, as on a full disk.
    _driver(connection).execute("COMMIT")

"""The failure that ends a catalog: its disk did not keep what was written."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

from sqlalchemy.exc import DBAPIError

from engine.errors import CatalogFailed

_OF_THE_DISK = frozenset(
    {
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_NOTADB,
    }
)
"""Results that a later attempt in this process does not mend. SQLITE_BUSY and SQLITE_CANTOPEN (too many open
files) are not among them."""


class DiskFailure:
    """The first error of the disk, and all who have to know of it.

    Args:
        where: The database, for messages.
    """

    def __init__(self, where: str) -> None:
        self._where = where
        self._reason = ""
        self._happened = asyncio.Event()

    @property
    def has_happened(self) -> bool:
        """The catalog takes nothing more."""
        return self._happened.is_set()

    def report(self, reason: object) -> None:
        """The disk failed. Only the first report counts."""
        if not self.has_happened:
            self._reason = str(reason)
            self._happened.set()

    def error(self) -> CatalogFailed:
        """A new exception each time: one that is raised again and again collects tracebacks."""
        return CatalogFailed(
            f"catalog: {self._where}: {self._reason}: nothing more is stored. "
            "Check the disk and its permissions, then start again"
        )

    def check(self) -> None:
        """Raises:
        CatalogFailed: the disk failed.
        """
        if self.has_happened:
            raise self.error()

    async def wait(self) -> NoReturn:
        """Wait until the disk fails, if it ever does.

        Raises:
            CatalogFailed: it did.
        """
        await self._happened.wait()
        raise self.error()

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Report SQLite's errors of the disk that the block raises.

        Raises:
            CatalogFailed: in place of such an error.
        """
        try:
            yield
        except (sqlite3.Error, DBAPIError) as error:
            result = error.orig if isinstance(error, DBAPIError) else error
            if getattr(result, "sqlite_errorcode", 0) & 0xFF not in _OF_THE_DISK:
                raise
            self.report(result)
            raise self.error() from error

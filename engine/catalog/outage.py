"""Times in which a database does not answer: its server is restarted, another process holds its file."""

from __future__ import annotations

import errno
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import structlog
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from engine.errors import CatalogFailed, CatalogUnavailable

_log = structlog.get_logger()

_CLASS = re.compile(r"<class '[^']*'>: ")


class Outage:
    """Logs the beginning and the end of an outage, however many transactions meet it.

    Args:
        where: The database, for messages; without its password.
    """

    def __init__(self, where: str) -> None:
        self._where = where
        self._lasts = False

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Note whether the block found a database that answers."""
        try:
            yield
        except CatalogFailed:
            raise
        except CatalogUnavailable as error:
            if not self._lasts:
                _log.warning("catalog.unavailable", error=str(error))
            self._lasts = True
            raise
        if self._lasts:
            _log.info("catalog.available")
        self._lasts = False

    @asynccontextmanager
    async def transaction(self, sessions: async_sessionmaker[AsyncSession]) -> AsyncIterator[AsyncSession]:
        """A transaction on a database server.

        Raises:
            CatalogUnavailable: no connection can be had, or it was lost. It is not known then whether the
                transaction was committed.
        """
        try:
            async with sessions() as session, session.begin():
                try:
                    await session.connection()
                except Exception as error:  # the driver wraps few of its errors of connecting
                    raise self._error(error) from error
                yield session
        except DBAPIError as error:
            if not error.connection_invalidated:
                raise
            raise self._error(error) from error

    def _error(self, error: Exception) -> CatalogUnavailable:
        return CatalogUnavailable(f"catalog: {self._where}: {reason_of(error)}")


def reason_of(error: Exception) -> str:
    """The message of the system or the database, without the names of the driver's classes."""
    said = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    if isinstance(said, OSError) and said.errno in errno.errorcode and said.strerror:
        return said.strerror
    return _CLASS.sub("", str(said).partition("\n")[0]) or type(error).__name__

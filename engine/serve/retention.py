"""The sweep of `reel serve`: files that expire or are being deleted, and rows of what ended long ago."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

import structlog

from engine.catalog import Catalog, retention
from engine.clock import wall_now
from engine.control.recorded_files import RecordedFiles
from engine.errors import CatalogFailed, CatalogUnavailable

_log = structlog.get_logger()

SWEEP_S = 60.0
"""A file is kept for so much longer than it must be at the most."""

_AT_ONCE = 100  # rows of a kind in one transaction


async def keep(
    catalog: Catalog,
    recorded: RecordedFiles,
    keep_days: int,
    *,
    expire: bool = True,
    pause_s: float = SWEEP_S,
) -> None:
    """Sweep every `pause_s` seconds, until cancelled. `keep_days` of rows, 0: for ever; without `expire`
    files are kept when their time is up.

    Raises:
        CatalogFailed: nothing can be stored any more.
    """
    while True:
        await asyncio.sleep(pause_s)
        try:
            await recorded.sweep_deleted()
            await recorded.sweep_missing(keep_days)
            if expire:
                await recorded.sweep_expired()
            if keep_days:
                await sweep_rows(catalog, wall_now() - timedelta(days=keep_days))
        except CatalogFailed:
            raise
        except CatalogUnavailable:
            pass  # the catalog says so
        except Exception:  # of the database, or ours: the next one may do better
            _log.exception("retention.failed")


async def sweep_rows(catalog: Catalog, before: datetime) -> None:
    """Delete rows of what had ended by then."""
    while True:
        async with catalog.begin() as session:
            count = await retention.purge(session, before, _AT_ONCE)
        if not count:
            return
        _log.info("rows.purged", count=count)

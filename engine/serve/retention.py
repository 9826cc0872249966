"""What is kept no longer: files whose time is over (StorageTime, storage_time), and rows of what ended long
ago. Files that were given no time are never touched."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from pathlib import Path

import structlog

from engine.catalog import Catalog, retention
from engine.catalog.schema import File
from engine.clock import wall_now
from engine.errors import StorageError
from engine.store import remove_recorded

_log = structlog.get_logger()

SWEEP_S = 60.0
"""A file is kept for so much longer than it must be at the most."""

_AT_ONCE = 100  # files, and rows of a kind, in one transaction


async def keep(
    catalog: Catalog, root: Path, keep_days: int, *, expire: bool = True, pause_s: float = SWEEP_S
) -> None:
    """Sweep every `pause_s` seconds, until cancelled. `keep_days` of rows, 0: for ever; without `expire` no
    file is removed."""
    while True:
        await asyncio.sleep(pause_s)
        try:
            now = wall_now()
            if expire:
                await sweep_files(catalog, root, now)
            if keep_days:
                await sweep_rows(catalog, now - timedelta(days=keep_days))
        except Exception:  # of the database, or ours: the next one may do better
            _log.exception("retention.failed")


async def sweep_files(catalog: Catalog, root: Path, now: datetime) -> None:
    """Remove the files whose time is up, then their rows. One that cannot be removed keeps its row, and is
    tried again by the next sweep."""
    last: File | None = None
    while True:
        async with catalog.read() as session:
            files = await retention.expired(session, now, behind=last, limit=_AT_ONCE)
        if not files:
            return
        last, gone = files[-1], list[str]()
        for file in files:
            try:
                await asyncio.to_thread(remove_recorded, root / file.path)
            except StorageError as error:
                _log.warning("file.unremoved", file=file.id, error=str(error))
            else:
                gone.append(file.id)
                _log.info("file.expired", file=file.id, path=file.path, recording=file.recording_id)
        async with catalog.begin() as session:
            await retention.forget_files(session, gone)


async def sweep_rows(catalog: Catalog, before: datetime) -> None:
    """Delete the rows of what was over by then."""
    while True:
        async with catalog.begin() as session:
            count = await retention.purge(session, before, _AT_ONCE)
        if not count:
            return
        _log.info("rows.purged", count=count)

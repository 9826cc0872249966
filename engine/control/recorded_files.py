"""Files that were recorded, on the disk and in the catalog: found, deleted, expired, and missed when somebody
removed them by hand."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from engine.catalog import Catalog, files, retention
from engine.catalog.files import FileQuery
from engine.catalog.schema import File
from engine.clock import wall_now
from engine.errors import StorageError, UnknownFile
from engine.store import remove_recorded

_log = structlog.get_logger()

_AT_ONCE = 100  # files in one transaction
_LOOKS = 4  # at one page: each look may bring up other files in the places of missing ones

_Page = Callable[[AsyncSession, File | None], Awaitable[Sequence[File]]]
"""The next files to remove, from behind one on."""


class RecordedFiles:
    """Files below a storage root, with their rows.

    A row is marked before its file is removed, and deleted behind it. A crash in between leaves a marked row,
    which is in no list, and whose file the next sweep removes.
    """

    def __init__(self, catalog: Catalog, root: Path, now: Callable[[], datetime] = wall_now) -> None:
        self._catalog = catalog
        self._root = root
        self._now = now

    async def search(self, query: FileQuery) -> tuple[Sequence[File], int]:
        """One page of the files that match and are on the disk, and how many match in all."""
        for _ in range(_LOOKS):
            async with self._catalog.read() as session:
                page, total = await files.search(session, query)
            missing = await self._look(page)
            if not missing:
                break
        return [file for file in page if file.id not in missing], total - len(missing)

    async def get(self, ids: Collection[str]) -> Sequence[File]:
        """Files of these ids that are on the disk, by id."""
        async with self._catalog.read() as session:
            found = await files.get(session, ids)
        missing = await self._look(found)
        return [file for file in found if file.id not in missing]

    async def delete(self, id: str) -> File:
        """Remove a file (a playlist with its segments), its manifest and its row.

        Raises:
            UnknownFile: there is no file of that id.
            StorageError: the disk refuses. The file is in no list any more, and the next sweep tries again.
        """
        async with self._catalog.begin() as session:
            found = await files.get(session, [id])
            if not found or not await files.mark_deleted(session, id, self._now()):
                raise UnknownFile(f"there is no file {id}")
        file = found[0]
        await asyncio.to_thread(remove_recorded, self._root / file.path)
        async with self._catalog.begin() as session:
            await retention.forget_files(session, [id])
        _log.info("file.deleted", file=id, path=file.path, recording=file.recording_id)
        return file

    # Sweeps

    async def sweep_deleted(self) -> None:
        """Finish deletions that a crash or the disk interrupted."""
        await self._sweep(
            lambda session, behind: retention.deleted(session, behind=behind, limit=_AT_ONCE), "file.deleted"
        )

    async def sweep_expired(self) -> None:
        """Remove files whose time is up, then their rows."""
        now = self._now()
        await self._sweep(
            lambda session, behind: retention.expired(session, now, behind=behind, limit=_AT_ONCE),
            "file.expired",
        )

    async def sweep_missing(self, keep_days: int) -> None:
        """Put files that are back into the lists again, and forget those that were missing for so many days;
        0: never."""
        last: File | None = None
        forgotten_before = self._now() - timedelta(days=keep_days)
        while True:
            async with self._catalog.read() as session:
                page = await retention.missing(session, behind=last, limit=_AT_ONCE)
            if not page:
                return
            last = page[-1]
            absent = await asyncio.to_thread(_absent, self._root, page)
            back = [file.id for file in page if file.id not in absent]
            is_old = {one.id for one in page if one.missing_since and one.missing_since < forgotten_before}
            async with self._catalog.begin() as session:
                await files.mark_missing(session, back, None)
                await retention.forget_files(session, absent & is_old if keep_days else ())
            for id in back:
                _log.info("file.returned", file=id)

    async def _sweep(self, next_page: _Page, event: str) -> None:
        """One file that cannot be removed keeps its row, and is tried again by the next sweep."""
        last: File | None = None
        while True:
            async with self._catalog.read() as session:
                page = await next_page(session, last)
            if not page:
                return
            last, gone = page[-1], list[str]()
            for file in page:
                try:
                    await asyncio.to_thread(remove_recorded, self._root / file.path)
                except StorageError as error:
                    _log.warning("file.remove_failed", file=file.id, error=str(error))
                else:
                    gone.append(file.id)
                    _log.info(event, file=file.id, path=file.path, recording=file.recording_id)
            async with self._catalog.begin() as session:
                await retention.forget_files(session, gone)

    async def _look(self, page: Sequence[File]) -> set[str]:
        """Ids of files of a page that are not on the disk; they are in no list from now on."""
        missing = await asyncio.to_thread(_absent, self._root, page)
        if missing:
            async with self._catalog.begin() as session:
                await files.mark_missing(session, missing, self._now())
            for file in page:
                if file.id in missing:
                    _log.info("file.vanished", file=file.id, path=file.path, recording=file.recording_id)
        return missing


def _absent(root: Path, page: Sequence[File]) -> set[str]:
    """Ids of files that are surely not there: a disk that does not answer says nothing of its files."""
    absent = set()
    for file in page:
        try:
            (root / file.path).lstat()
        except (FileNotFoundError, NotADirectoryError):
            absent.add(file.id)
        except OSError:
            continue
    if absent and not root.is_dir():  # not mounted: nobody removed these files
        return set()
    return absent

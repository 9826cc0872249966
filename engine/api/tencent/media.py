"""SearchMedia and DescribeMediaInfos: files as the VOD API finds and describes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from engine.api.dialect import Action, Caller
from engine.api.faults import ApiFault
from engine.api.services import Services
from engine.api.tencent.media_info import media_info
from engine.api.tencent.media_query import (
    MOST,
    DescribeMediaInfos,
    SearchMedia,
    can_match,
    catalog_query,
)
from engine.catalog import recordings
from engine.catalog.schema import File
from engine.control.recorded_files import RecordedFiles


class Media:
    """The two actions."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._recorded = RecordedFiles(services.catalog, services.root, services.now)

    def actions(self) -> list[Action[Any]]:
        """As the dialect lists them."""
        return [
            Action("SearchMedia", SearchMedia, self.search),
            Action("DescribeMediaInfos", DescribeMediaInfos, self.describe),
        ]

    async def search(self, asked: SearchMedia, caller: Caller) -> Mapping[str, object]:
        """Finished files, the youngest first unless asked otherwise; at most 5000 of them can be reached."""
        if asked.offset + asked.limit > MOST:
            raise ApiFault("InvalidParameterValue.Limit", f"Offset and Limit may reach {MOST} together.")
        if not can_match(asked):
            return {"TotalCount": 0, "MediaInfoSet": []}
        page, total = await self._page(asked, caller)
        async with self._services.catalog.read() as session:
            shown = await self._shown(session, page, asked.filters)
        return {"TotalCount": min(total, MOST), "MediaInfoSet": shown}

    async def describe(self, asked: DescribeMediaInfos, caller: Caller) -> Mapping[str, object]:
        """Files in the order of their ids in the request, and the ids that no file has."""
        ids = list(dict.fromkeys(asked.file_ids))
        if not ids:
            raise ApiFault("InvalidParameterValue.FileIdsEmpty", "The parameter `FileIds` names no file.")
        found = {file.id: file for file in await self._recorded.get(ids) if caller.may(file.domain)}
        page = [found[id] for id in ids if id in found]
        async with self._services.catalog.read() as session:
            shown = await self._shown(session, page, asked.filters)
        return {"MediaInfoSet": shown, "NotExistFileIdSet": [id for id in ids if id not in found]}

    async def _page(self, asked: SearchMedia, caller: Caller) -> tuple[Sequence[File], int]:
        """The files to show, and how many there are. What the catalog does not look for, and what the caller
        may not see, is sorted out of all that it finds."""
        if caller.may_all and not asked.class_ids:
            return await self._recorded.search(catalog_query(asked, offset=asked.offset, limit=asked.limit))
        found, _ = await self._recorded.search(catalog_query(asked, limit=MOST))
        classes = {}
        if asked.class_ids:
            async with self._services.catalog.read() as session:
                classes = await self._classes(session, found)
        chosen = [
            file
            for file in found
            if caller.may(file.domain) and (not asked.class_ids or classes[file.id] in asked.class_ids)
        ]
        return chosen[asked.offset : asked.offset + asked.limit], len(chosen)

    async def _shown(
        self, session: AsyncSession, page: Sequence[File], filters: Sequence[str]
    ) -> list[dict[str, object]]:
        classes = await self._classes(session, page)
        return [media_info(file, classes[file.id], self._services.public_url, filters) for file in page]

    async def _classes(self, session: AsyncSession, found: Sequence[File]) -> dict[str, int]:
        """The ClassId that the template of each file's recording gave to its format."""
        options = await recordings.options_of(session, {file.recording_id for file in found})
        return {file.id: _class_id(options[file.recording_id], file.format) for file in found}


def _class_id(options: Mapping[str, Any], format: str) -> int:
    members = options.get("formats", {}).get(format, {})
    return int(members.get("ClassId") or 0)

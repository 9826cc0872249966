"""What was recorded of a stream: its runs, and its files."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal, cast

from sqlalchemy.ext.asyncio import AsyncSession

from engine.api.aliyun.faults import malformed
from engine.api.aliyun.file_info import file_info, place_of
from engine.api.aliyun.parameters import Parameters
from engine.api.aliyun.values import Domain, IsoTime, Name, Order, PageNumber, PageSize
from engine.api.dialect import Action, Caller
from engine.api.paging import pages
from engine.api.services import Services
from engine.catalog import files, recordings
from engine.catalog.files import FileQuery
from engine.catalog.schema import File, Recording
from engine.control.excerpts import INDEX
from engine.control.recorded_files import RecordedFiles
from engine.media.civil_time import iso_text

_LONGEST = timedelta(days=4)
_KEPT = timedelta(days=183)


class StreamTime(Parameters):
    """A time of a stream."""

    domain_name: Domain
    app_name: Name
    stream_name: Name
    start_time: IsoTime
    end_time: IsoTime

    def check(self) -> None:
        """Raises:
        ApiFault: it is empty, or longer than four days.
        """
        if self.end_time <= self.start_time:
            raise malformed("EndTime", "must be later than StartTime")
        if self.end_time - self.start_time > _LONGEST:
            raise malformed("EndTime", "may be 4 days after StartTime")


class FilesOfTime(StreamTime):
    """A page of its files."""

    page_num: PageNumber = 1
    page_size: PageSize = 10
    order: Order = "asc"


class RecordFiles:
    """Both actions. Whoever ordered a recording, its files are found."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._recorded = RecordedFiles(services.catalog, services.root, services.now)

    def actions(self) -> list[Action[Any]]:
        """As the dialect lists them."""
        return [
            Action("DescribeLiveStreamRecordContent", StreamTime, self.content, 50),
            Action("DescribeLiveStreamRecordIndexFiles", FilesOfTime, self.index_files, 50),
        ]

    async def content(self, asked: StreamTime, caller: Caller) -> Mapping[str, object]:
        """One element for each run: what one order recorded of one push, or of several in the same files."""
        self._check(asked, caller)
        key = (asked.domain_name, asked.app_name, asked.stream_name)
        runs: defaultdict[str, list[Recording]] = defaultdict(list)
        async with self._services.catalog.read() as session:
            for row in await recordings.overlapping(session, *key, asked.start_time, asked.end_time):
                if row.cause != INDEX:
                    runs[row.session_id].append(row)
            found = [await self._run(session, rows) for rows in runs.values()]
        return {"RecordContentInfoList": {"RecordContentInfo": found}}

    async def _run(self, session: AsyncSession, rows: Sequence[Recording]) -> dict[str, object]:
        done = [file for row in rows for file in await files.of_recording(session, row.id)]
        start, end, seconds = extent(rows, done, self._services.now())
        format, members = next(iter(rows[0].options.get("formats", {}).items()), ("", {}))
        return {
            "StartTime": iso_text(start),
            "EndTime": iso_text(end),
            "Duration": seconds,
            **place_of(members),
            "OssObjectPrefix": rows[0].options.get("patterns", {}).get(format, ""),
        }

    async def index_files(self, asked: FilesOfTime, caller: Caller) -> Mapping[str, object]:
        """Files that hold media of the time, by creation."""
        self._check(asked, caller)
        query = FileQuery(
            domains=(asked.domain_name,),
            apps=(asked.app_name,),
            streams=(asked.stream_name,),
            ended_after=asked.start_time,
            started_before=asked.end_time,
            order=cast("Literal['asc', 'desc']", asked.order),
            offset=(asked.page_num - 1) * asked.page_size,
            limit=asked.page_size,
        )
        found, total = await self._recorded.search(query)
        async with self._services.catalog.read() as session:
            options = await recordings.options_of(session, {file.recording_id for file in found})
        return {
            "Order": asked.order,
            "PageNum": asked.page_num,
            "PageSize": asked.page_size,
            "TotalNum": total,
            "TotalPage": pages(total, asked.page_size),
            "RecordIndexInfoList": {
                "RecordIndexInfo": [
                    file_info(file, options.get(file.recording_id, {}), self._services.public_url)
                    for file in found
                ]
            },
        }

    def _check(self, asked: StreamTime, caller: Caller) -> None:
        caller.check_domain(asked.domain_name)
        asked.check()
        if asked.start_time < self._services.now() - _KEPT:
            raise malformed("StartTime", "may be six months ago")


def extent(
    rows: Sequence[Recording], done: Sequence[File], now: datetime
) -> tuple[datetime, datetime, float]:
    """From when to when a run has media, as far as it is known, and how many seconds of it. A run that goes
    on has been going on until now; of one that wrote nothing its own times are all there is."""
    goes_on = any(row.ended_at is None for row in rows)
    start = min([file.started_at for file in done] or [row.began_at for row in rows])
    if goes_on:
        end = max(now, start)
        return start, end, (end - start).total_seconds()
    end = max([file.ended_at for file in done] or [row.ended_at or now for row in rows])
    lengths: defaultdict[str, int] = defaultdict(int)
    for file in done:
        lengths[file.format] += file.duration_ms
    return start, end, max(lengths.values(), default=0) / 1000

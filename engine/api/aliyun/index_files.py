"""CreateLiveStreamRecordIndexFiles: a playlist of a time that was recorded."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

from engine.api.aliyun.faults import fault
from engine.api.aliyun.file_info import record_info
from engine.api.aliyun.record_files import StreamTime
from engine.api.aliyun.record_members import object_fault
from engine.api.aliyun.values import Bucket, Endpoint
from engine.api.dialect import Action, Caller
from engine.api.services import Services
from engine.api.values import Boolean, Text, sound
from engine.catalog import pushes
from engine.control.excerpts import Excerpts
from engine.control.streams import StreamKey
from engine.media.civil_time import CHINA

_ENDING = ".m3u8"
_FIELDS = ("AppName", "StreamName", "Date", "Hour", "Minute", "Second")


def _object_fault(value: str) -> str | None:
    return object_fault(value, _FIELDS)


class IndexFileOrder(StreamTime):
    """Which time, and what the playlist is called."""

    oss_endpoint: Endpoint
    oss_bucket: Bucket
    oss_object: Annotated[Text, sound(_object_fault)]
    end_time_included: Boolean = False


class IndexFiles:
    """The action."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._excerpts = Excerpts(services.catalog, services.root, services.now)

    def actions(self) -> list[Action[Any]]:
        """As the dialect lists them."""
        return [Action("CreateLiveStreamRecordIndexFiles", IndexFileOrder, self.create, 45)]

    async def create(self, asked: IndexFileOrder, caller: Caller) -> Mapping[str, object]:
        """Of segments that ended in the time; with EndTimeIncluded also of the one that it ends in."""
        caller.check_domain(asked.domain_name)
        asked.check()
        key = StreamKey(asked.domain_name, asked.app_name, asked.stream_name)
        async with self._services.catalog.read() as session:
            if not await pushes.has_history(session, key.domain, key.app, key.stream):
                raise fault("InvalidStream.NotFound", f"The specified stream {key} is not found.")
        members = {"OssBucket": asked.oss_bucket, "OssEndpoint": asked.oss_endpoint}
        file = await self._excerpts.make(
            key,
            asked.start_time,
            asked.end_time,
            name=object_named(asked.oss_object, key, asked.start_time),
            members=members,
            one_more=asked.end_time_included,
        )
        if file is None:
            raise fault(
                "InvalidStream.NotFound", "The record content between StartTime and EndTime is empty."
            )
        options = {"formats": {file.format: members}}
        return {"RecordInfo": record_info(file, options, self._services.public_url)}


def object_named(pattern: str, key: StreamKey, start: datetime) -> str:
    """The name without its ending; the variables of time are those of the start, in China time."""
    at = start.astimezone(CHINA)
    values = {
        "AppName": key.app,
        "StreamName": key.stream,
        "Date": at.strftime("%Y-%m-%d"),
        "Hour": at.strftime("%H"),
        "Minute": at.strftime("%M"),
        "Second": at.strftime("%S"),
    }
    name = pattern
    for field, value in values.items():
        name = name.replace(f"{{{field}}}", value)
    return name.removesuffix(_ENDING)

"""CreateLiveRecord, StopLiveRecord, DeleteLiveRecord: tasks with their options inline, numbered."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Final
from urllib.parse import parse_qs

from pydantic_core import PydanticCustomError

from engine.api.dialect import Action, Caller
from engine.api.faults import ApiFault, invalid_parameter, invalid_value
from engine.api.services import Services
from engine.api.tencent.names import Domain, Name
from engine.api.tencent.parameters import Parameters
from engine.api.tencent.tasks import owned_task
from engine.api.tencent.times import ChinaTime, china_time
from engine.api.tencent.values import Encoded, Flag
from engine.api.values import Integer, Text, one_of
from engine.control.streams import StreamKey
from engine.control.windows import TaskOrder

FAMILY: Final = "live"

_INTERVAL_S = (1800, 7200)
_MAX_STORAGE_S = 129_600_000  # 1500 days
_SECONDS = re.compile(r"[0-9]{1,10}")
_AUDIO_FORMATS = ("aac", "mp3")


class CreateLiveRecord(Parameters):
    """`start_time` is not looked at in a real-time task, so it is read when the task is not one."""

    stream_name: Name
    app_name: Name = "live"
    domain_name: Domain = ""
    start_time: Text = ""
    end_time: ChinaTime | None = None
    record_type: Annotated[Text, one_of("video", "audio")] = "video"
    file_format: Annotated[Text, one_of("flv", "hls", "mp4", "aac", "mp3")] = "flv"
    highlight: Flag = 0
    mix_stream: Flag = 0
    stream_param: Encoded = ""


class LiveRecordTask(Parameters):
    """One of the tasks."""

    stream_name: Name
    task_id: Integer


@dataclass(frozen=True, slots=True)
class Kept:
    """What StreamParam says: seconds of a file, seconds that files are kept for (0: for ever)."""

    interval_s: int = _INTERVAL_S[0]
    storage_s: int = 0


class LiveRecords:
    """The three actions."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def actions(self) -> list[Action[Any]]:
        """As the dialect lists them."""
        return [
            Action("CreateLiveRecord", CreateLiveRecord, self.create, 500),
            Action("StopLiveRecord", LiveRecordTask, self.stop, 200),
            Action("DeleteLiveRecord", LiveRecordTask, self.delete, 200),
        ]

    async def create(self, asked: CreateLiveRecord, caller: Caller) -> Mapping[str, object]:
        """Arms a task, or gives the one that is armed already when all is the same."""
        domain = asked.domain_name or self._services.domain
        if not domain:
            raise invalid_parameter("DomainName", "must be given: there is more than one push domain")
        caller.check_domain(domain)
        check_format(asked.record_type, asked.file_format)
        kept = stream_param(asked.stream_param)
        is_real_time = asked.highlight == 1
        task = await self._services.control.create_task(
            TaskOrder(
                family=FAMILY,
                key=StreamKey(domain, asked.app_name, asked.stream_name),
                start_at=None if is_real_time else scheduled_start(asked),
                end_at=asked.end_time,
                is_real_time=is_real_time,
                is_mixed=asked.mix_stream == 1,
                options={
                    "type": asked.record_type,
                    "format": asked.file_format,
                    "interval_s": kept.interval_s,
                    "storage_s": kept.storage_s,
                },
                request_id=caller.request_id,
            )
        )
        return {"TaskId": int(task.public_id)}

    async def stop(self, asked: LiveRecordTask, caller: Caller) -> Mapping[str, object]:
        """Ends a task and closes its file; nothing when it is over."""
        task = await owned_task(self._services, caller, FAMILY, str(asked.task_id), asked.stream_name)
        await self._services.control.stop_task(FAMILY, task.public_id)
        return {}

    async def delete(self, asked: LiveRecordTask, caller: Caller) -> Mapping[str, object]:
        """Forgets a task that does not run."""
        task = await owned_task(self._services, caller, FAMILY, str(asked.task_id), asked.stream_name)
        await self._services.control.delete_task(FAMILY, task.public_id)
        return {}


def check_format(record_type: str, file_format: str) -> None:
    """Raises:
    ApiFault: video asked for in a format that holds none.
    """
    if record_type == "video" and file_format in _AUDIO_FORMATS:
        raise invalid_value("FileFormat", f"is {file_format}, which holds no video")


def stream_param(text: str) -> Kept:
    """What `record_interval=3600&storage_time=2592000` says; other members are the push URL's own.

    Raises:
        ApiFault: not a number, or out of range.
    """
    members = parse_qs(text, keep_blank_values=True)
    return Kept(
        _member(members, "record_interval", *_INTERVAL_S, default=_INTERVAL_S[0]),
        _member(members, "storage_time", 0, _MAX_STORAGE_S, default=0),
    )


def scheduled_start(asked: CreateLiveRecord) -> datetime:
    """Raises:
    ApiFault: StartTime is absent or malformed, or EndTime absent.
    """
    for name, value in (("StartTime", asked.start_time), ("EndTime", asked.end_time)):
        if not value:
            raise invalid_parameter(name, "must be given when Highlight is 0")
    try:
        return china_time(asked.start_time)
    except PydanticCustomError as error:
        raise invalid_parameter("StartTime", error.message()) from None


def _member(members: Mapping[str, list[str]], name: str, low: int, high: int, *, default: int) -> int:
    values = members.get(name)
    if values is None:
        return default
    if not (_SECONDS.fullmatch(values[0]) and low <= int(values[0]) <= high):
        raise ApiFault(
            "InvalidParameterValue",
            f"The value of `{name}` in the parameter `StreamParam` must be from {low} to {high}.",
        )
    return int(values[0])

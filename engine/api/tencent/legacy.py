"""The legacy v2 actions: one channel name, half-hour files, numbers for errors."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Annotated, Any, Final

from pydantic import ConfigDict
from pydantic.alias_generators import to_camel

from engine.api.dialect import Action, Caller
from engine.api.faults import invalid_parameter, invalid_value, missing_parameter
from engine.api.services import Services
from engine.api.tencent.names import Name
from engine.api.tencent.parameters import Parameters
from engine.api.tencent.tasks import owned_task
from engine.api.tencent.times import ChinaTime
from engine.api.tencent.values import Flag
from engine.api.values import Integer, within
from engine.catalog import tasks
from engine.catalog.schema import File, Task
from engine.control.states import TaskState
from engine.control.streams import StreamKey
from engine.control.windows import TaskOrder
from engine.media.civil_time import china_text

FAMILY: Final = "legacy"
APP = "live"
"""The push path of channels: they name none."""

_LONGEST = timedelta(hours=24)
_LISTED = timedelta(days=60)
_SEGMENT_S = 1800

STATUSES = {
    TaskState.ARMED: 0,
    TaskState.WAITING: 1,
    TaskState.RECORDING: 1,
    TaskState.INTERRUPTED: 1,
    TaskState.FINISHED: 2,
    TaskState.STOPPED: 2,
    TaskState.FAILED: 3,
}
"""0 has not started, 1 is running, 2 is done, 3 is abnormal."""


class LegacyParameters(Parameters):
    """Written like `channelId`. What is unknown is not looked at, as old clients send much."""

    model_config = ConfigDict(alias_generator=to_camel, extra="ignore")


class CreateRecord(LegacyParameters):
    """`tape_type` of 1 is real time."""

    channel_id: Name
    start_time: ChinaTime | None = None
    end_time: ChinaTime
    tape_type: Flag


class OneRecord(LegacyParameters):
    """One of the channel's tasks."""

    channel_id: Name
    task_id: Integer


class _Page(LegacyParameters):
    page_no: Annotated[Integer, within(1, 2**31)] = 1
    page_size: Annotated[Integer, within(1, 100)] = 10


class DescribeRecordList(_Page):
    """The channel's tasks."""

    channel_id: Name


class DescribeRecord(_Page):
    """A task's files."""

    channel_id: Name
    task_id: Integer


class Records:
    """The five actions."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def actions(self) -> list[Action[Any]]:
        """As the dialect lists them."""
        return [
            Action("CreateRecord", CreateRecord, self.create),
            Action("StopRecord", OneRecord, self.stop),
            Action("DeleteRecord", OneRecord, self.delete),
            Action("DescribeRecordList", DescribeRecordList, self.describe_list),
            Action("DescribeRecord", DescribeRecord, self.describe),
        ]

    async def create(self, asked: CreateRecord, caller: Caller) -> Mapping[str, object]:
        """Arms a task of half-hour FLV files."""
        key = self._key(asked.channel_id, caller)
        is_real_time = asked.tape_type == 1
        if not is_real_time:
            check_window(asked.start_time, asked.end_time)
        task = await self._services.control.create_task(
            TaskOrder(
                family=FAMILY,
                key=key,
                start_at=None if is_real_time else asked.start_time,
                end_at=asked.end_time,
                is_real_time=is_real_time,
                options={"type": "video", "format": "flv", "interval_s": _SEGMENT_S, "storage_s": 0},
                request_id=caller.request_id,
            )
        )
        return {"task_id": int(task.public_id)}

    async def stop(self, asked: OneRecord, caller: Caller) -> Mapping[str, object]:
        """Ends a task and closes its file; nothing when it is over."""
        task = await owned_task(self._services, caller, FAMILY, str(asked.task_id), asked.channel_id)
        await self._services.control.stop_task(FAMILY, task.public_id)
        return {}

    async def delete(self, asked: OneRecord, caller: Caller) -> Mapping[str, object]:
        """Forgets a task that does not run."""
        task = await owned_task(self._services, caller, FAMILY, str(asked.task_id), asked.channel_id)
        await self._services.control.delete_task(FAMILY, task.public_id)
        return {}

    async def describe_list(self, asked: DescribeRecordList, caller: Caller) -> Mapping[str, object]:
        """The channel's tasks of the last two months, the youngest first."""
        key = self._key(asked.channel_id, caller)
        since = self._services.now() - _LISTED
        offset = (asked.page_no - 1) * asked.page_size
        async with self._services.catalog.read() as session:
            page, total = await tasks.created_page(
                session, FAMILY, since, stream=key.stream, offset=offset, limit=asked.page_size
            )
            counts = await tasks.count_files(session, [task.id for task in page])
        return {"totalCount": total, "taskSet": [_listed(task, counts.get(task.id, 0)) for task in page]}

    async def describe(self, asked: DescribeRecord, caller: Caller) -> Mapping[str, object]:
        """A task's files, the oldest first."""
        task = await owned_task(self._services, caller, FAMILY, str(asked.task_id), asked.channel_id)
        async with self._services.catalog.read() as session:
            found = await tasks.files_of(session, task)
        first = (asked.page_no - 1) * asked.page_size
        page = found[first : first + asked.page_size]
        return {"totalCount": len(found), "fileSet": [_file(file) for file in page]}

    def _key(self, channel: str, caller: Caller) -> StreamKey:
        domain = self._services.domain
        if not domain:
            raise invalid_parameter("channelId", "is not enough: there is more than one push domain")
        caller.check_domain(domain)
        return StreamKey(domain, APP, channel)


def check_window(start_at: datetime | None, end_at: datetime) -> None:
    """Raises:
    ApiFault: a scheduled task has no start, or more than a day.
    """
    if start_at is None:
        raise missing_parameter("startTime")
    if end_at - start_at > _LONGEST:
        raise invalid_value("endTime", "may be 24 hours after startTime")


def _listed(task: Task, count: int) -> dict[str, object]:
    return {
        "id": int(task.public_id),
        "startTime": china_text(task.start_at),
        "endTime": china_text(task.end_at) if task.end_at else "",
        "status": STATUSES[TaskState(task.state)],
        "count": count,
    }


def _file(file: File) -> dict[str, object]:
    return {
        "fileId": file.id,
        "startTime": china_text(file.started_at),
        "endTime": china_text(file.ended_at),
        "fileName": file.name,
    }

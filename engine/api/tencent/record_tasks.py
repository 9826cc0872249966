"""CreateRecordTask and its kin: tasks by unix seconds and template, with opaque ids."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final

from pydantic_core import PydanticCustomError

from engine.api.dialect import Action, Caller
from engine.api.faults import invalid_parameter
from engine.api.services import Services
from engine.api.tencent.names import TaskDomain, TaskName
from engine.api.tencent.parameters import Parameters
from engine.api.tencent.tasks import owned_task
from engine.api.tencent.times import unix_seconds, unix_time
from engine.api.tencent.values import INVALID
from engine.api.values import Integer, Text, within
from engine.catalog import tasks
from engine.catalog.schema import Task
from engine.control.streams import StreamKey
from engine.control.windows import TaskOrder

FAMILY: Final = "record"
_LONGEST = timedelta(hours=24)
_LAST_START = timedelta(days=6)
_LAST_END = timedelta(days=7)
_KEPT = timedelta(days=90)
_SPAN = timedelta(days=7)
_PAGE = 100


class CreateRecordTask(Parameters):
    """`start_time` of 0 is now, and so is an absent one."""

    stream_name: TaskName
    domain_name: TaskDomain
    app_name: TaskName
    end_time: Integer
    start_time: Integer = 0
    stream_type: Annotated[Integer, within(0, 1, INVALID)] = 0
    template_id: Integer = 0
    extension: Text = ""


class RecordTask(Parameters):
    """One of the tasks."""

    task_id: Text


class DescribeRecordTask(Parameters):
    """Tasks whose window lies in this one."""

    start_time: Integer
    end_time: Integer
    stream_name: Text = ""
    domain_name: Text = ""
    app_name: Text = ""
    scroll_token: Text = ""


class RecordTasks:
    """The four actions."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def actions(self) -> list[Action[Any]]:
        """As the dialect lists them."""
        return [
            Action("CreateRecordTask", CreateRecordTask, self.create, 20),
            Action("StopRecordTask", RecordTask, self.stop, 20),
            Action("DeleteRecordTask", RecordTask, self.delete, 20),
            Action("DescribeRecordTask", DescribeRecordTask, self.describe, 20),
        ]

    async def create(self, asked: CreateRecordTask, caller: Caller) -> Mapping[str, object]:
        """Arms a task. A template that does not exist is no error: the default format is recorded then."""
        caller.check_domain(asked.domain_name)
        start_at, end_at = window(asked.start_time, asked.end_time, self._services.now())
        task = await self._services.control.create_task(
            TaskOrder(
                family=FAMILY,
                key=StreamKey(asked.domain_name, asked.app_name, asked.stream_name),
                start_at=start_at,
                end_at=end_at,
                is_mixed=asked.stream_type == 1,
                template_id=asked.template_id or None,
                options={"extension": asked.extension},
                request_id=caller.request_id,
            )
        )
        return {"TaskId": task.public_id}

    async def stop(self, asked: RecordTask, caller: Caller) -> Mapping[str, object]:
        """Ends a task and closes its file."""
        task = await owned_task(self._services, caller, FAMILY, asked.task_id)
        await self._services.control.stop_task(FAMILY, task.public_id)
        return {}

    async def delete(self, asked: RecordTask, caller: Caller) -> Mapping[str, object]:
        """Forgets a task. What it records of a push that is live goes on to that push's end."""
        task = await owned_task(self._services, caller, FAMILY, asked.task_id)
        await self._services.control.delete_task(FAMILY, task.public_id)
        return {}

    async def describe(self, asked: DescribeRecordTask, caller: Caller) -> Mapping[str, object]:
        """The tasks by their start, a page at a time."""
        start_at, end_at = span(asked, self._services.now())
        async with self._services.catalog.read() as session:
            found = await tasks.listed(
                session,
                FAMILY,
                start_at,
                end_at,
                domain=asked.domain_name,
                app=asked.app_name,
                stream=asked.stream_name,
                after=place_of(asked.scroll_token),
                limit=_PAGE + 1,
            )
        page = found[:_PAGE]
        return {
            "ScrollToken": scroll_token(page[-1]) if len(found) > _PAGE else "",
            "TaskList": [_listed(task) for task in page if caller.may(task.domain)],
        }


def window(start_s: int, end_s: int, now: datetime) -> tuple[datetime | None, datetime]:
    """From when (None: now) to when a task is armed.

    Raises:
        ApiFault: InvalidParameter; the window is empty, over, too long or too far away.
    """
    end_at = _moment("EndTime", end_s)
    start_at = _moment("StartTime", start_s) if start_s else None
    begins_at = start_at or now
    if end_at <= begins_at:
        raise invalid_parameter("EndTime", "must be later than StartTime")
    if end_at <= now:
        raise invalid_parameter("EndTime", "is over")
    if end_at >= now + _LAST_END:
        raise invalid_parameter("EndTime", "must be less than 7 days away")
    if begins_at > now + _LAST_START:
        raise invalid_parameter("StartTime", "may be 6 days away")
    if end_at - begins_at > _LONGEST:
        raise invalid_parameter("EndTime", "may be 24 hours after StartTime")
    return start_at, end_at


def span(asked: DescribeRecordTask, now: datetime) -> tuple[datetime, datetime]:
    """What to look through.

    Raises:
        ApiFault: InvalidParameter; it is empty, longer than 7 days or more than 90 days ago.
    """
    start_at = _moment("StartTime", asked.start_time)
    end_at = _moment("EndTime", asked.end_time)
    if end_at <= start_at:
        raise invalid_parameter("EndTime", "must be later than StartTime")
    if end_at - start_at > _SPAN:
        raise invalid_parameter("EndTime", "may be 7 days after StartTime")
    if start_at < now - _KEPT:
        raise invalid_parameter("StartTime", "may be 90 days ago")
    return start_at, end_at


def scroll_token(task: Task) -> str:
    """Where the next page begins: behind this task."""
    return urlsafe_b64encode(f"{task.start_at.isoformat()} {task.id}".encode()).decode()


def place_of(token: str) -> tuple[datetime, int] | None:
    """The start and the number of the task that a page begins behind.

    Raises:
        ApiFault: InvalidParameter; the token is none of ours.
    """
    if not token:
        return None
    try:
        start, id = urlsafe_b64decode(token.encode()).decode().split(" ")
        return datetime.fromisoformat(start).astimezone(UTC), int(id)
    except (ValueError, OverflowError):
        raise invalid_parameter("ScrollToken", "is not one that this action gave") from None


def _moment(name: str, seconds: int) -> datetime:
    try:
        return unix_time(seconds)
    except PydanticCustomError as error:
        raise invalid_parameter(name, error.message()) from None


def _listed(task: Task) -> dict[str, object]:
    return {
        "TaskId": task.public_id,
        "DomainName": task.domain,
        "AppName": task.app,
        "StreamName": task.stream,
        "StartTime": unix_seconds(task.start_at),
        "EndTime": unix_seconds(task.end_at) if task.end_at else 0,
        "TemplateId": task.template_id or 0,
        "Stopped": unix_seconds(task.stopped_at) if task.stopped_at else 0,
    }

"""What both families of tasks need: a task that the caller may speak of."""

from __future__ import annotations

from engine.api.dialect import Caller
from engine.api.services import Services
from engine.catalog import tasks
from engine.catalog.schema import Task
from engine.control.windows import Family
from engine.errors import UnknownTask


async def owned_task(
    services: Services, caller: Caller, family: Family, public_id: str, stream: str | None = None
) -> Task:
    """The task of that id.

    Raises:
        UnknownTask: there is none in that family, or it is of another stream than `stream`, or of a domain
            that is not the caller's.
    """
    async with services.catalog.read() as session:
        task = await tasks.get(session, family, public_id)
    if task is None or not caller.may(task.domain) or stream not in (None, task.stream):
        raise UnknownTask(f"there is no task {public_id}")
    return task

"""Tasks."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from engine.catalog.schema import File, Recording, Task

OPEN = ("armed", "waiting", "recording", "interrupted")
"""States of a task that is not over. Named one by one, since an index finds those and not the others."""


async def add(session: AsyncSession, task: Task) -> None:
    """Adds one; it has its id afterwards."""
    session.add(task)
    await session.flush()


async def by_id(session: AsyncSession, id: int) -> Task | None:
    """One by its own id, deleted or not."""
    return await session.get(Task, id)


async def get(session: AsyncSession, family: str, public_id: str) -> Task | None:
    """One as clients call it; none that was deleted."""
    query = select(Task).where(Task.public_id == public_id, Task.family == family, Task.deleted_at.is_(None))
    return await session.scalar(query)


async def identical(session: AsyncSession, task: Task) -> Task | None:
    """One that is not over and orders the same."""
    query = select(Task).where(
        Task.family == task.family,
        Task.domain == task.domain,
        Task.app == task.app,
        Task.stream == task.stream,
        Task.start_at == task.start_at,
        Task.end_at == task.end_at,
        Task.is_real_time == bool(task.is_real_time),
        Task.is_mixed == bool(task.is_mixed),
        Task.deleted_at.is_(None),
        Task.state.in_(OPEN),
    )
    found = (await session.scalars(query.order_by(Task.id))).all()
    return next((one for one in found if one.options == task.options), None)


async def created_since(session: AsyncSession, families: Collection[str], at: datetime) -> int:
    """How many scheduled ones were created from a moment on, those that were deleted not counted."""
    query = select(func.count()).where(
        Task.family.in_(families),
        Task.created_at >= at,
        Task.deleted_at.is_(None),
        Task.is_real_time.is_(False),
    )
    return await session.scalar(query) or 0


async def running(session: AsyncSession, families: Collection[str], at: datetime) -> int:
    """How many scheduled ones are in their window and not over."""
    query = select(func.count()).where(
        Task.family.in_(families),
        Task.state.in_(OPEN),
        Task.is_real_time.is_(False),
        Task.start_at <= at,
        Task.end_at > at,
    )
    return await session.scalar(query) or 0


async def open_ones(session: AsyncSession) -> Sequence[Task]:
    """All that are not over, deleted or not, by id."""
    return (await session.scalars(select(Task).where(Task.state.in_(OPEN)).order_by(Task.id))).all()


async def due(session: AsyncSession, until: datetime) -> Sequence[Task]:
    """Armed ones whose window has begun by a moment, by their beginning."""
    query = select(Task).where(Task.state == "armed", Task.start_at <= until)
    return (await session.scalars(query.order_by(Task.start_at, Task.id))).all()


async def of_stream(
    session: AsyncSession, domain: str, app: str, stream: str, states: Collection[str] | None = None
) -> Sequence[Task]:
    """A stream's, in these states, by id."""
    query = select(Task).where(Task.domain == domain, Task.app == app, Task.stream == stream)
    if states is not None:
        query = query.where(Task.state.in_(states))
    return (await session.scalars(query.order_by(Task.id))).all()


async def listed(
    session: AsyncSession,
    family: str,
    start_at: datetime,
    end_at: datetime,
    *,
    domain: str = "",
    app: str = "",
    stream: str = "",
    after: tuple[datetime, int] | None = None,
    limit: int = 100,
) -> Sequence[Task]:
    """Those whose window lies in an interval, by beginning and id, from behind `after` on; empty names are
    any."""
    query = select(Task).where(
        Task.family == family,
        Task.deleted_at.is_(None),
        Task.start_at >= start_at,
        Task.end_at <= end_at,
    )
    for column, value in ((Task.domain, domain), (Task.app, app), (Task.stream, stream)):
        if value:
            query = query.where(column == value)
    if after is not None:
        at, id = after
        query = query.where((Task.start_at > at) | ((Task.start_at == at) & (Task.id > id)))
    return (await session.scalars(query.order_by(Task.start_at, Task.id).limit(limit))).all()


async def created_page(
    session: AsyncSession,
    family: str,
    since: datetime,
    *,
    stream: str,
    offset: int = 0,
    limit: int = 10,
) -> tuple[Sequence[Task], int]:
    """A page of a stream name's tasks, the newest first, and how many there are in all."""
    where = (
        Task.family == family,
        Task.stream == stream,
        Task.created_at >= since,
        Task.deleted_at.is_(None),
    )
    total = await session.scalar(select(func.count()).select_from(Task).where(*where)) or 0
    query = select(Task).where(*where).order_by(Task.id.desc()).offset(offset).limit(limit)
    return (await session.scalars(query)).all(), total


async def files_of(session: AsyncSession, task: Task) -> Sequence[File]:
    """What a task recorded, by beginning."""
    query = (
        select(File).join(Recording, Recording.id == File.recording_id).where(Recording.task_id == task.id)
    )
    return (await session.scalars(query.order_by(File.started_at, File.id))).all()


async def count_files(session: AsyncSession, ids: Collection[int]) -> dict[int, int]:
    """By a task's id, how many files it recorded."""
    query = (
        select(Recording.task_id, func.count())
        .join(File, Recording.id == File.recording_id)
        .where(Recording.task_id.in_(ids))
        .group_by(Recording.task_id)
    )
    return {id: number for id, number in (await session.execute(query)).all() if id is not None}


async def newest_id(session: AsyncSession) -> int:
    """The greatest id, deleted ones included; 0: there are none."""
    return await session.scalar(select(func.max(Task.id))) or 0

"""What is kept no longer: files by their own time, and rows of what is over long ago."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import delete, exists, or_, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from engine.catalog.schema import Callback, CallbackAttempt, File, Push, Recording, Task
from engine.catalog.tasks import OPEN


async def expired(session: AsyncSession, now: datetime, *, behind: File | None, limit: int) -> Sequence[File]:
    """Files whose time is up, the oldest first, from behind one on."""
    query = select(File).where(File.expires_at <= now)
    if behind is not None:
        query = query.where(tuple_(File.expires_at, File.id) > (behind.expires_at, behind.id))
    return (await session.scalars(query.order_by(File.expires_at, File.id).limit(limit))).all()


async def deleted(session: AsyncSession, *, behind: File | None, limit: int) -> Sequence[File]:
    """Files whose deletion was ordered, the oldest order first, from behind one on."""
    query = select(File).where(File.deleted_at.is_not(None))
    if behind is not None:
        query = query.where(tuple_(File.deleted_at, File.id) > (behind.deleted_at, behind.id))
    return (await session.scalars(query.order_by(File.deleted_at, File.id).limit(limit))).all()


async def missing(session: AsyncSession, *, behind: File | None, limit: int) -> Sequence[File]:
    """Files that were not found, the longest missing first, from behind one on."""
    query = select(File).where(File.missing_since.is_not(None))
    if behind is not None:
        query = query.where(tuple_(File.missing_since, File.id) > (behind.missing_since, behind.id))
    return (await session.scalars(query.order_by(File.missing_since, File.id).limit(limit))).all()


async def forget_files(session: AsyncSession, ids: Collection[str]) -> None:
    """Delete their rows: they are gone."""
    await session.execute(delete(File).where(File.id.in_(ids)))


async def purge(session: AsyncSession, before: datetime, limit: int) -> int:
    """Delete rows of what was over by then and is needed by no other row: so many of each kind at most, that
    others are not held up for long. How many there were."""
    return (
        await _purge_callbacks(session, before, limit)
        + await _purge_recordings(session, before, limit)
        + await _purge_tasks(session, before, limit)
        + await _purge_pushes(session, before, limit)
    )


async def _purge_callbacks(session: AsyncSession, before: datetime, limit: int) -> int:
    query = select(Callback.id).where(Callback.state != "waiting", Callback.created_at < before)
    ids = (await session.scalars(query.limit(limit))).all()
    if ids:
        await session.execute(delete(CallbackAttempt).where(CallbackAttempt.callback_id.in_(ids)))
        await session.execute(delete(Callback).where(Callback.id.in_(ids)))
    return len(ids)


async def _purge_recordings(session: AsyncSession, before: datetime, limit: int) -> int:
    query = select(Recording.id).where(
        Recording.ended_at < before, ~exists().where(File.recording_id == Recording.id)
    )
    ids = (await session.scalars(query.limit(limit))).all()
    if ids:
        await session.execute(delete(Recording).where(Recording.id.in_(ids)))
    return len(ids)


async def _purge_tasks(session: AsyncSession, before: datetime, limit: int) -> int:
    query = select(Task.id).where(
        Task.state.not_in(OPEN),
        Task.created_at < before,
        or_(Task.end_at.is_(None), Task.end_at < before),
        ~exists().where(Recording.task_id == Task.id),
    )
    ids = (await session.scalars(query.limit(limit))).all()
    if ids:
        await session.execute(delete(Task).where(Task.id.in_(ids)))
    return len(ids)


async def _purge_pushes(session: AsyncSession, before: datetime, limit: int) -> int:
    query = select(Push.id).where(Push.ended_at < before, ~exists().where(Recording.push_id == Push.id))
    ids = (await session.scalars(query.limit(limit))).all()
    if ids:
        await session.execute(delete(Push).where(Push.id.in_(ids)))
    return len(ids)

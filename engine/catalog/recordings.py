"""Recordings."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from engine.catalog.schema import Push, Recording


class Span(NamedTuple):
    """When a stream was recorded; `ended_at` of None: it is being recorded."""

    domain: str
    app: str
    stream: str
    began_at: datetime
    ended_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingQuery:
    """Which recordings: each field that is not empty must hold."""

    domain: str = ""
    app: str = ""
    stream: str = ""
    is_open: bool | None = None
    offset: int = 0
    limit: int = 100


async def search(session: AsyncSession, query: RecordingQuery) -> tuple[Sequence[Recording], int]:
    """Return one page, the youngest first, and the total."""
    named = ((Recording.domain, query.domain), (Recording.app, query.app), (Recording.stream, query.stream))
    where = [column == value for column, value in named if value]
    if query.is_open is not None:
        where.append(Recording.ended_at.is_(None) if query.is_open else Recording.ended_at.is_not(None))
    total = await session.scalar(select(func.count()).select_from(Recording).where(*where)) or 0
    page = select(Recording).where(*where).order_by(Recording.began_at.desc(), Recording.id.desc())
    return (await session.scalars(page.offset(query.offset).limit(query.limit))).all(), total


async def add(session: AsyncSession, recording: Recording) -> None:
    """Adds one."""
    session.add(recording)
    await session.flush()


async def get(session: AsyncSession, id: str) -> Recording | None:
    """One by its id."""
    return await session.get(Recording, id)


async def open_ones(session: AsyncSession) -> Sequence[Recording]:
    """All that have not ended, by their beginning."""
    query = select(Recording).where(Recording.ended_at.is_(None))
    return (await session.scalars(query.order_by(Recording.began_at, Recording.id))).all()


async def open_of(session: AsyncSession, domain: str, app: str, stream: str) -> Sequence[Recording]:
    """A stream's that have not ended, by their beginning."""
    query = select(Recording).where(
        Recording.domain == domain,
        Recording.app == app,
        Recording.stream == stream,
        Recording.ended_at.is_(None),
    )
    return (await session.scalars(query.order_by(Recording.began_at, Recording.id))).all()


async def of_session(session: AsyncSession, session_id: str) -> Sequence[Recording]:
    """All of one order on one push or spliced run."""
    query = select(Recording).where(Recording.session_id == session_id)
    return (await session.scalars(query.order_by(Recording.id))).all()


async def overlapping(
    session: AsyncSession, domain: str, app: str, stream: str, start: datetime, end: datetime
) -> Sequence[Recording]:
    """A stream's that ran in an interval, by their beginning."""
    query = select(Recording).where(
        Recording.domain == domain,
        Recording.app == app,
        Recording.stream == stream,
        Recording.began_at <= end,
        (Recording.ended_at.is_(None)) | (Recording.ended_at >= start),
    )
    return (await session.scalars(query.order_by(Recording.began_at, Recording.id))).all()


async def options_of(session: AsyncSession, ids: Collection[str]) -> dict[str, dict[str, Any]]:
    """By a recording's id, what its files need to know of its order."""
    query = select(Recording.id, Recording.options).where(Recording.id.in_(ids))
    return {row.id: row.options for row in (await session.execute(query)).all()}


async def spans(session: AsyncSession, start: datetime, end: datetime) -> Sequence[Span]:
    """When which streams were recorded, of all recordings that ran in an interval."""
    query = select(
        Recording.domain, Recording.app, Recording.stream, Recording.began_at, Recording.ended_at
    ).where(Recording.began_at <= end, (Recording.ended_at.is_(None)) | (Recording.ended_at >= start))
    return [Span(*row) for row in (await session.execute(query)).all()]


async def of_push(session: AsyncSession, push: Push) -> Sequence[Recording]:
    """What was, or is being, recorded of a push, by beginning."""
    query = select(Recording).where(
        Recording.domain == push.domain,
        Recording.app == push.app,
        Recording.stream == push.stream,
        Recording.push_id == push.id,
    )
    return (await session.scalars(query.order_by(Recording.began_at, Recording.id))).all()

"""Recordings."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from engine.catalog.schema import Recording


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

"""Pushes: who published what, and when."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from engine.catalog.schema import Push


async def add(session: AsyncSession, push: Push) -> None:
    """Adds one; it has its id afterwards."""
    session.add(push)
    await session.flush()


async def get(session: AsyncSession, id: int) -> Push | None:
    """One by its id."""
    return await session.get(Push, id)


async def open_one(session: AsyncSession, domain: str, app: str, stream: str) -> Push | None:
    """A stream's push that goes on."""
    query = select(Push).where(
        Push.domain == domain, Push.app == app, Push.stream == stream, Push.ended_at.is_(None)
    )
    return await session.scalar(query.order_by(Push.id.desc()).limit(1))


async def open_ones(session: AsyncSession) -> Sequence[Push]:
    """All that go on, by their beginning."""
    query = select(Push).where(Push.ended_at.is_(None)).order_by(Push.began_at, Push.id)
    return (await session.scalars(query)).all()


async def has_history(session: AsyncSession, domain: str, app: str, stream: str) -> bool:
    """Whether a stream was ever published."""
    query = select(Push.id).where(Push.domain == domain, Push.app == app, Push.stream == stream).limit(1)
    return await session.scalar(query) is not None

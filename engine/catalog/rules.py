"""Record rules: which template a stream is recorded by."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from engine.catalog.schema import RecordRule


async def add(session: AsyncSession, rule: RecordRule) -> None:
    """Adds one.

    Raises:
        sqlalchemy.exc.IntegrityError: there is one of that triple.
    """
    session.add(rule)
    await session.flush()


async def get(session: AsyncSession, domain: str, app: str, stream: str) -> RecordRule | None:
    """The one of exactly this triple; empty parts are empty."""
    query = select(RecordRule).where(
        RecordRule.domain == domain, RecordRule.app == app, RecordRule.stream == stream
    )
    return await session.scalar(query)


async def listed(session: AsyncSession) -> Sequence[RecordRule]:
    """All, by id."""
    return (await session.scalars(select(RecordRule).order_by(RecordRule.id))).all()


async def count(session: AsyncSession) -> int:
    """How many there are."""
    return await session.scalar(select(func.count()).select_from(RecordRule)) or 0


async def remove(session: AsyncSession, rule: RecordRule) -> None:
    """Removes one."""
    await session.delete(rule)
    await session.flush()


async def best(session: AsyncSession, domain: str, app: str, stream: str) -> RecordRule | None:
    """The one that a stream is recorded by: the stream's own, else its domain's for that stream name, else
    its app's, else its domain's."""
    query = select(RecordRule).where(
        RecordRule.domain == domain, RecordRule.app.in_(("", app)), RecordRule.stream.in_(("", stream))
    )
    rules = (await session.scalars(query)).all()
    return max(rules, key=lambda rule: (rule.stream != "", rule.app != ""), default=None)

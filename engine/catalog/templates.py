"""Record templates."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from engine.catalog.schema import RecordRule, RecordTemplate


async def add(session: AsyncSession, template: RecordTemplate) -> None:
    """Adds one; it has its id afterwards."""
    session.add(template)
    await session.flush()


async def get(session: AsyncSession, id: int) -> RecordTemplate | None:
    """One by its id."""
    return await session.get(RecordTemplate, id)


async def listed(session: AsyncSession, *, is_delay_live: bool | None = None) -> Sequence[RecordTemplate]:
    """All, or all of normal or of slow live, by id."""
    query = select(RecordTemplate).order_by(RecordTemplate.id)
    if is_delay_live is not None:
        query = query.where(RecordTemplate.is_delay_live == is_delay_live)
    return (await session.scalars(query)).all()


async def count(session: AsyncSession) -> int:
    """How many there are."""
    return await session.scalar(select(func.count()).select_from(RecordTemplate)) or 0


async def remove(session: AsyncSession, template: RecordTemplate) -> None:
    """Removes one that no rule names."""
    await session.delete(template)
    await session.flush()


async def is_bound(session: AsyncSession, id: int) -> bool:
    """Whether a rule names it."""
    return (
        await session.scalar(select(RecordRule.id).where(RecordRule.template_id == id).limit(1)) is not None
    )

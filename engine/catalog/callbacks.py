"""Callback templates and rules: who is told of a stream's events."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from engine.catalog.schema import CallbackRule, CallbackTemplate


async def add_template(session: AsyncSession, template: CallbackTemplate) -> None:
    """Adds one; it has its id afterwards."""
    session.add(template)
    await session.flush()


async def get_template(session: AsyncSession, id: int) -> CallbackTemplate | None:
    """One by its id."""
    return await session.get(CallbackTemplate, id)


async def templates(session: AsyncSession) -> Sequence[CallbackTemplate]:
    """All, by id."""
    return (await session.scalars(select(CallbackTemplate).order_by(CallbackTemplate.id))).all()


async def count_templates(session: AsyncSession) -> int:
    """How many there are."""
    return await session.scalar(select(func.count()).select_from(CallbackTemplate)) or 0


async def remove_template(session: AsyncSession, template: CallbackTemplate) -> None:
    """Removes one that no rule names."""
    await session.delete(template)
    await session.flush()


async def is_bound(session: AsyncSession, id: int) -> bool:
    """Whether a rule names it."""
    query = select(CallbackRule.id).where(CallbackRule.template_id == id).limit(1)
    return await session.scalar(query) is not None


async def add_rule(session: AsyncSession, rule: CallbackRule) -> None:
    """Adds one.

    Raises:
        sqlalchemy.exc.IntegrityError: there is one of that domain and app.
    """
    session.add(rule)
    await session.flush()


async def rule(session: AsyncSession, domain: str, app: str) -> CallbackRule | None:
    """The one of exactly this domain and app; an empty app is empty."""
    query = select(CallbackRule).where(CallbackRule.domain == domain, CallbackRule.app == app)
    return await session.scalar(query)


async def rules(session: AsyncSession) -> Sequence[CallbackRule]:
    """All, by id."""
    return (await session.scalars(select(CallbackRule).order_by(CallbackRule.id))).all()


async def remove_rule(session: AsyncSession, rule: CallbackRule) -> None:
    """Removes one."""
    await session.delete(rule)
    await session.flush()


async def template_for(session: AsyncSession, domain: str, app: str) -> CallbackTemplate | None:
    """The one that a stream's events go by: its app's, else its domain's."""
    query = select(CallbackRule).where(CallbackRule.domain == domain, CallbackRule.app.in_(("", app)))
    found = max((await session.scalars(query)).all(), key=lambda rule: rule.app != "", default=None)
    return None if found is None else await get_template(session, found.template_id)

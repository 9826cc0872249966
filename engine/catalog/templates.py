"""Templates, and the rules that bind them to streams: those of recording, and those of callbacks.

A rule names a domain, and below it what the table of its kind has: an app, a stream. An empty name is any.
The vendors' rules have a domain; those of /v1 may be for any.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Generic, TypeVar

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from engine.catalog.schema import CallbackRule, CallbackTemplate, RecordRule, RecordTemplate

T = TypeVar("T", bound=RecordTemplate | CallbackTemplate)
R = TypeVar("R", bound=RecordRule | CallbackRule)


class Templates(Generic[T, R]):
    """The templates and rules of one kind.

    Args:
        names: The columns of a rule that say which streams it is for, from the domain on.
    """

    def __init__(self, template: type[T], rule: type[R], names: tuple[str, ...]) -> None:
        self._template = template
        self._rule = rule
        self._names = names

    async def add(self, session: AsyncSession, template: T) -> None:
        """Adds one; it has its id afterwards."""
        session.add(template)
        await session.flush()

    async def get(self, session: AsyncSession, id: int) -> T | None:
        """One by its id."""
        return await session.get(self._template, id)

    async def listed(self, session: AsyncSession) -> Sequence[T]:
        """All, by id."""
        return (await session.scalars(select(self._template).order_by(self._template.id))).all()

    async def count(self, session: AsyncSession) -> int:
        """How many there are."""
        return await session.scalar(select(func.count()).select_from(self._template)) or 0

    async def remove(self, session: AsyncSession, template: T) -> None:
        """Removes one that no rule names."""
        await session.delete(template)
        await session.flush()

    async def is_bound(self, session: AsyncSession, id: int) -> bool:
        """Whether a rule names it."""
        query = select(self._rule.id).where(self._rule.template_id == id).limit(1)
        return await session.scalar(query) is not None

    async def rule_for(self, session: AsyncSession, *names: str) -> tuple[R, T] | None:
        """The best rule for a stream, and its template."""
        rule = await self.best_rule(session, *names)
        return None if rule is None else (rule, await session.get_one(self._template, rule.template_id))

    async def template_for(self, session: AsyncSession, *names: str) -> T | None:
        """The one that a stream goes by: that of its best rule."""
        found = await self.rule_for(session, *names)
        return None if found is None else found[1]

    # Rules

    def new_rule(self, names: tuple[str, ...], template_id: int, now: datetime) -> R:
        """One that is not added yet."""
        named = dict(zip(self._names, names, strict=True))
        return self._rule(**named, template_id=template_id, created_at=now, updated_at=now)

    def names_of(self, rule: R) -> dict[str, str]:
        """What a rule is for, by column."""
        return {name: getattr(rule, name) for name in self._names}

    async def add_rule(self, session: AsyncSession, rule: R) -> None:
        """Adds one.

        Raises:
            sqlalchemy.exc.IntegrityError: there is one of exactly these names.
        """
        session.add(rule)
        await session.flush()

    async def rule(self, session: AsyncSession, *names: str) -> R | None:
        """The one of exactly these names; an empty one is empty."""
        named = dict(zip(self._names, names, strict=True))
        return await session.scalar(select(self._rule).filter_by(**named))

    async def rules(self, session: AsyncSession) -> Sequence[R]:
        """All, by id."""
        return (await session.scalars(select(self._rule).order_by(self._rule.id))).all()

    async def remove_rule(self, session: AsyncSession, rule: R) -> None:
        """Removes one."""
        await session.delete(rule)
        await session.flush()

    async def best_rule(self, session: AsyncSession, *names: str) -> R | None:
        """The most special one for a stream: that its own name is in counts more than that its app is."""
        matching = [
            self._column(name).in_(("", value)) for name, value in zip(self._names, names, strict=True)
        ]
        query = select(self._rule).where(*matching)
        rules: Sequence[R] = (await session.scalars(query)).all()
        return max(rules, key=self._specificity, default=None)

    def _specificity(self, rule: R) -> tuple[bool, ...]:
        return tuple(getattr(rule, name) != "" for name in reversed(self._names))

    def _column(self, name: str) -> Any:
        return getattr(self._rule, name)


RECORD = Templates(RecordTemplate, RecordRule, ("domain", "app", "stream"))
"""How streams are recorded: a stream's own rule, else its domain's for that stream name, else its app's, else
its domain's."""

CALLBACK = Templates(CallbackTemplate, CallbackRule, ("domain", "app"))
"""Who is told of them: an app's rule, else its domain's."""

"""The outbox: messages to deliver, and each try."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession

from engine.catalog.schema import Callback, CallbackAttempt


async def add(session: AsyncSession, callback: Callback) -> bool:
    """Adds a message; False when there is one that tells of the same (`once`) already."""
    columns = Callback.__table__.columns
    values = {column.name: getattr(callback, column.name) for column in columns if column.name != "id"}
    values |= {"key": callback.key or "", "attempts": callback.attempts or 0}
    values["subject"] = callback.subject or {}
    insert = postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
    statement = insert(Callback).values(values).on_conflict_do_nothing(index_elements=["once"])
    id = await session.scalar(statement.returning(Callback.id))
    return id is not None


async def get(session: AsyncSession, id: int) -> Callback | None:
    """One by its id."""
    return await session.get(Callback, id)


async def series(
    session: AsyncSession, domain: str, app: str, stream: str, prefix: str
) -> tuple[int, Callback | None]:
    """Of a stream's messages whose `once` begins so: how many there are, and the last."""
    where = (
        Callback.domain == domain,
        Callback.app == app,
        Callback.stream == stream,
        Callback.once.startswith(prefix, autoescape=True),
    )
    last = await session.scalar(select(Callback).where(*where).order_by(Callback.id.desc()).limit(1))
    if last is None:
        return 0, None
    return await session.scalar(select(func.count()).select_from(Callback).where(*where)) or 0, last


async def due(
    session: AsyncSession,
    at: datetime,
    *,
    limit: int,
    besides: Collection[int] = (),
    besides_urls: Collection[str] = (),
) -> Sequence[Callback]:
    """Those that wait and whose time has come, the longest waiting first; `besides`, and what goes to
    `besides_urls`, are left out."""
    query = select(Callback).where(Callback.state == "waiting", Callback.next_at <= at)
    if besides:
        query = query.where(Callback.id.not_in(besides))
    if besides_urls:
        query = query.where(Callback.url.not_in(besides_urls))
    return (await session.scalars(query.order_by(Callback.next_at, Callback.id).limit(limit))).all()


async def next_at(session: AsyncSession, besides: Collection[int] = ()) -> datetime | None:
    """When the next message is due."""
    query = select(func.min(Callback.next_at)).where(Callback.state == "waiting")
    if besides:
        query = query.where(Callback.id.not_in(besides))
    return await session.scalar(query)


async def add_attempt(session: AsyncSession, attempt: CallbackAttempt) -> None:
    """Notes a try."""
    session.add(attempt)
    await session.flush()


async def attempts(session: AsyncSession, callback_id: int) -> Sequence[CallbackAttempt]:
    """A message's tries, the first first."""
    query = select(CallbackAttempt).where(CallbackAttempt.callback_id == callback_id)
    return (await session.scalars(query.order_by(CallbackAttempt.id))).all()


@dataclass(frozen=True, slots=True, kw_only=True)
class CallbackQuery:
    """Which messages: each field that is not empty must hold."""

    vendor: str = ""
    domain: str = ""
    app: str = ""
    stream: str = ""
    states: Collection[str] = ()
    events: Collection[str] = ()
    is_tried: bool = False
    """Those that were tried to be delivered."""
    created_after: datetime | None = None
    created_before: datetime | None = None
    """Both included."""
    offset: int = 0
    limit: int = 10


async def page(session: AsyncSession, query: CallbackQuery) -> tuple[Sequence[Callback], int]:
    """One page, the newest first, and how many there are in all."""
    where: list[ColumnElement[bool]] = [
        column == value
        for column, value in (
            (Callback.vendor, query.vendor),
            (Callback.domain, query.domain),
            (Callback.app, query.app),
            (Callback.stream, query.stream),
        )
        if value
    ]
    if query.states:
        where.append(Callback.state.in_(query.states))
    if query.events:
        where.append(Callback.event.in_(query.events))
    if query.is_tried:
        where.append(Callback.attempts > 0)
    if query.created_after is not None:
        where.append(Callback.created_at >= query.created_after)
    if query.created_before is not None:
        where.append(Callback.created_at <= query.created_before)
    total = await session.scalar(select(func.count()).select_from(Callback).where(*where)) or 0
    statement = select(Callback).where(*where).order_by(Callback.id.desc())
    return (await session.scalars(statement.offset(query.offset).limit(query.limit))).all(), total

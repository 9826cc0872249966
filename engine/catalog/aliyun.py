"""Aliyun's recording and notify configurations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from engine.catalog.schema import AliyunNotifyConfig, AliyunRecordConfig

ANY = "*"


async def add_config(session: AsyncSession, config: AliyunRecordConfig) -> None:
    """Adds one.

    Raises:
        sqlalchemy.exc.IntegrityError: there is one of that triple.
    """
    session.add(config)
    await session.flush()


async def config(session: AsyncSession, domain: str, app: str, stream: str) -> AliyunRecordConfig | None:
    """The one of exactly this triple; `*` is `*`."""
    query = select(AliyunRecordConfig).where(
        AliyunRecordConfig.domain == domain,
        AliyunRecordConfig.app == app,
        AliyunRecordConfig.stream == stream,
    )
    return await session.scalar(query)


async def get_config(session: AsyncSession, id: int) -> AliyunRecordConfig | None:
    """One by its id."""
    return await session.get(AliyunRecordConfig, id)


async def best_config(session: AsyncSession, domain: str, app: str, stream: str) -> AliyunRecordConfig | None:
    """The one that a stream is recorded by: its own, else its app's, else its domain's. `*` with a stream
    name is none of these."""
    query = select(AliyunRecordConfig).where(
        AliyunRecordConfig.domain == domain,
        AliyunRecordConfig.app.in_((ANY, app)),
        AliyunRecordConfig.stream.in_((ANY, stream)),
    )
    ranks = {(app, stream): 3, (app, ANY): 2, (ANY, ANY): 1}
    found = [one for one in (await session.scalars(query)).all() if (one.app, one.stream) in ranks]
    return max(found, key=lambda one: ranks[one.app, one.stream], default=None)


async def configs(
    session: AsyncSession,
    domain: str,
    app: str | None = None,
    stream: str | None = None,
    *,
    order: Literal["asc", "desc"] = "asc",
    offset: int = 0,
    limit: int = 10,
) -> tuple[Sequence[AliyunRecordConfig], int]:
    """One page by creation, and how many there are in all."""
    where = [AliyunRecordConfig.domain == domain]
    if app is not None:
        where.append(AliyunRecordConfig.app == app)
    if stream is not None:
        where.append(AliyunRecordConfig.stream == stream)
    total = await session.scalar(select(func.count()).select_from(AliyunRecordConfig).where(*where)) or 0
    by = AliyunRecordConfig.id.asc() if order == "asc" else AliyunRecordConfig.id.desc()
    query = select(AliyunRecordConfig).where(*where).order_by(by).offset(offset).limit(limit)
    return (await session.scalars(query)).all(), total


async def remove_config(session: AsyncSession, config: AliyunRecordConfig) -> None:
    """Removes one."""
    await session.delete(config)
    await session.flush()


async def notify(session: AsyncSession, domain: str) -> AliyunNotifyConfig | None:
    """A domain's notify configuration."""
    return await session.get(AliyunNotifyConfig, domain)


async def add_notify(session: AsyncSession, config: AliyunNotifyConfig) -> None:
    """Adds one.

    Raises:
        sqlalchemy.exc.IntegrityError: the domain has one.
    """
    session.add(config)
    await session.flush()


async def remove_notify(session: AsyncSession, config: AliyunNotifyConfig) -> None:
    """Removes one."""
    await session.delete(config)
    await session.flush()

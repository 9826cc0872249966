"""Streams that somebody may want recorded, by their full names."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from engine.catalog.schema import AliyunRecordConfig, RecordRule, Task
from engine.catalog.tasks import OPEN

Names = tuple[str, str, str]
"""Domain, app, stream."""


async def wanted(session: AsyncSession, now: datetime) -> set[Names]:
    """Those that a task in its window, a rule or a configuration names whole."""
    tasks = select(Task.domain, Task.app, Task.stream).where(
        Task.state.in_(OPEN),
        Task.start_at <= now,
        (Task.end_at.is_(None)) | (Task.end_at > now),
    )
    rules = select(RecordRule.domain, RecordRule.app, RecordRule.stream).where(
        RecordRule.app != "", RecordRule.stream != ""
    )
    configs = select(AliyunRecordConfig.domain, AliyunRecordConfig.app, AliyunRecordConfig.stream).where(
        AliyunRecordConfig.app != "*", AliyunRecordConfig.stream != "*"
    )
    rows = await session.execute(tasks.union(rules, configs))
    return {(domain, app, stream) for domain, app, stream in rows}

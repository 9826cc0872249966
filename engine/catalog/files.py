"""Finished files."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, cast

from sqlalchemy import ColumnElement, CursorResult, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from engine.catalog.schema import File

_PRESENT = (File.deleted_at.is_(None), File.missing_since.is_(None))


async def add(session: AsyncSession, file: File) -> None:
    """Adds one.

    Raises:
        sqlalchemy.exc.IntegrityError: there is one of that path.
    """
    session.add(file)
    await session.flush()


async def at_path(session: AsyncSession, path: str) -> File | None:
    """The one of that path below the root."""
    return await session.scalar(select(File).where(File.path == path))


async def get(session: AsyncSession, ids: Collection[str]) -> Sequence[File]:
    """Files of these ids, by id; neither deleted nor missing ones."""
    query = select(File).where(File.id.in_(ids), *_PRESENT)
    return (await session.scalars(query.order_by(File.id))).all()


async def is_known(session: AsyncSession, id: str) -> bool:
    """Whether there is a row of that id, also of a deleted or missing file."""
    return await session.get(File, id) is not None


async def mark_deleted(session: AsyncSession, id: str, at: datetime) -> bool:
    """Take a file out of every list; False when it is in none."""
    query = update(File).where(File.id == id, *_PRESENT).values(deleted_at=at)
    return bool(cast("CursorResult[Any]", await session.execute(query)).rowcount)


async def mark_missing(session: AsyncSession, ids: Collection[str], since: datetime | None) -> None:
    """Take files out of every list, or, with None, put them back."""
    await session.execute(update(File).where(File.id.in_(ids)).values(missing_since=since))


async def sums_by_recording(
    session: AsyncSession, recording_ids: Collection[str]
) -> dict[str, tuple[int, int]]:
    """By a recording's id, how many files it has and their bytes; recordings without files are left out."""
    query = (
        select(File.recording_id, func.count(), func.sum(File.size_bytes))
        .where(File.recording_id.in_(recording_ids), *_PRESENT)
        .group_by(File.recording_id)
    )
    return {id: (count, int(size_bytes)) for id, count, size_bytes in await session.execute(query)}


async def of_recording(session: AsyncSession, recording_id: str) -> Sequence[File]:
    """A recording's, by beginning."""
    query = select(File).where(File.recording_id == recording_id)
    return (await session.scalars(query.order_by(File.started_at, File.id))).all()


@dataclass(frozen=True, slots=True, kw_only=True)
class FileQuery:
    """Which files: each field that is not empty must hold, one of its values being enough."""

    ids: Collection[str] = ()
    domains: Collection[str] = ()
    apps: Collection[str] = ()
    streams: Collection[str] = ()
    recordings: Collection[str] = ()
    names: Collection[str] = ()
    """In the name, in any case; and so is `text`."""
    name_prefixes: Collection[str] = ()
    text: str = ""
    formats: Collection[str] = ()
    created_after: datetime | None = None
    created_before: datetime | None = None
    """Both included."""
    expires_after: datetime | None = None
    """What is kept for ever expires after everything."""
    expires_before: datetime | None = None
    ended_after: datetime | None = None
    started_before: datetime | None = None
    """Together: those that hold media of an interval."""
    by: Literal["created", "started"] = "created"
    order: Literal["asc", "desc"] = "desc"
    offset: int = 0
    limit: int = 10


async def search(session: AsyncSession, query: FileQuery) -> tuple[Sequence[File], int]:
    """One page, and how many there are in all."""
    where = _conditions(query)
    total = await session.scalar(select(func.count()).select_from(File).where(*where)) or 0
    column = File.created_at if query.by == "created" else File.started_at
    keys = (column.asc(), File.id.asc()) if query.order == "asc" else (column.desc(), File.id.desc())
    page = select(File).where(*where).order_by(*keys).offset(query.offset).limit(query.limit)
    return (await session.scalars(page)).all(), total


def _conditions(query: FileQuery) -> list[ColumnElement[bool]]:
    one_of = (
        (File.id, query.ids),
        (File.domain, query.domains),
        (File.app, query.apps),
        (File.stream, query.streams),
        (File.recording_id, query.recordings),
        (File.format, query.formats),
    )
    where: list[ColumnElement[bool]] = [*_PRESENT]
    where += [column.in_(values) for column, values in one_of if values]
    if query.names:
        where.append(or_(*(File.name.icontains(one, autoescape=True) for one in query.names)))
    if query.name_prefixes:
        # Not LIKE, which in SQLite takes both cases of a letter for one.
        where.append(or_(*(func.substr(File.name, 1, len(one)) == one for one in query.name_prefixes)))
    if query.text:
        where.append(File.name.icontains(query.text, autoescape=True))
    bounds = (
        (File.created_at, query.created_after, query.created_before),
        (File.expires_at, None, query.expires_before),
        (File.ended_at, query.ended_after, None),
        (File.started_at, None, query.started_before),
    )
    if query.expires_after is not None:
        where.append(or_(File.expires_at.is_(None), File.expires_at >= query.expires_after))
    for column, least, most in bounds:
        if least is not None:
            where.append(column >= least)
        if most is not None:
            where.append(column <= most)
    return where

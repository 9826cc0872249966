"""What the parts of control share: what is known of every stream, and how it is changed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, Literal
from weakref import WeakValueDictionary

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from engine.catalog import Catalog
from engine.control.desk import Desk
from engine.control.errands import Errand, Errands
from engine.control.orders import Group
from engine.control.quotas import Quotas, Window
from engine.control.schedule import Schedule
from engine.control.streams import Routes, StreamKey
from engine.control.surroundings import Messages
from engine.fleet import Fleet
from engine.media.codecs import Format

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Due:
    """What the schedule holds: a moment of a stream."""

    what: Literal["task_begins", "task_ends", "delay_over", "look", "try_again"]
    key: StreamKey
    of: object = None
    """The task's number; the recording's id; the slot and group."""


@dataclass(slots=True)
class Change:
    """A change of what is known of one stream, and what follows from it when it is committed."""

    desk: Desk
    session: AsyncSession
    now: datetime
    afterwards: list[Callable[[], None]] = field(default_factory=list)
    errands: list[Errand] = field(default_factory=list)
    request_id: str = ""
    """Of the call that asks for the change."""

    def log(self, event: str, **fields: Any) -> None:
        """Log a line when the change is committed."""
        self.afterwards.append(partial(_log.info, event, **fields))


@dataclass(slots=True)
class Board:
    """The desks of all streams. A stream is changed by one at a time, in one transaction."""

    catalog: Catalog
    fleet: Fleet
    routes: Routes
    quotas: Quotas
    messages: Messages
    root: Path
    default_format: Format
    now: Callable[[], datetime]
    fallback: tuple[Group, ...] = ()
    """What is recorded of a push that no rule and no configuration matches."""
    schedule: Schedule[Due] = field(default_factory=Schedule)
    desks: dict[StreamKey, Desk] = field(default_factory=dict)
    where: dict[str, StreamKey] = field(default_factory=dict)
    """The stream of each recording that has not ended."""
    windows: dict[int, Window] = field(default_factory=dict)
    """Of scheduled tasks that are not over and count for the quota of a moment."""
    errands: Errands = field(default_factory=Errands)
    _locks: WeakValueDictionary[StreamKey, asyncio.Lock] = field(default_factory=WeakValueDictionary)

    def desk(self, key: StreamKey) -> Desk:
        """What is known of a stream; not to be changed."""
        return self.desks.get(key) or Desk(key)

    def put(self, desk: Desk) -> None:
        """What is known from now on."""
        for id in self.desk(desk.key).tasks.keys() - desk.tasks.keys():
            self.windows.pop(id, None)
        if desk.is_empty:
            self.desks.pop(desk.key, None)
        else:
            self.desks[desk.key] = desk

    @asynccontextmanager
    async def change(self, key: StreamKey) -> AsyncIterator[Change]:
        """Change what is known of a stream. When the block ends its transaction is committed, then the change
        counts, then its errands are run. When it raises, all is as before."""
        async with self.alone(key), self.change_alone(key) as change:
            yield change

    @asynccontextmanager
    async def change_alone(self, key: StreamKey) -> AsyncIterator[Change]:
        """As `change`, for whoever is `alone` with the stream."""
        async with self.catalog.begin() as session:
            change = Change(self.desk(key).copy(), session, self.now())
            yield change
        self.accept(change)

    def alone(self, key: StreamKey) -> asyncio.Lock:
        """Held by whoever changes a stream."""
        lock = self._locks.get(key)
        if lock is None:
            lock = self._locks[key] = asyncio.Lock()
        return lock

    def accept(self, change: Change) -> None:
        """A change is committed."""
        desk = change.desk
        for id in self.desk(desk.key).running.keys() - desk.running.keys():
            self.where.pop(id, None)
        self.where.update(dict.fromkeys(desk.running, desk.key))
        self.put(desk)
        for do in change.afterwards:
            do()
        for errand in change.errands:
            self.errands.put(desk.key, errand)

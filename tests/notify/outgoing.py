"""Messages in an outbox, and what became of them."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from waiting import GIVE_UP_S

from engine.catalog import Catalog, outbox
from engine.catalog.schema import Callback, CallbackAttempt

_numbers = itertools.count()


class Wall:
    """A clock that stands still until it is moved."""

    def __init__(self, start: datetime) -> None:
        self.start = self._at = start

    def __call__(self) -> datetime:
        return self._at

    def move(self, seconds: float) -> None:
        self._at += timedelta(seconds=seconds)


async def put(
    catalog: Catalog,
    url: str,
    *,
    vendor: str = "tencent",
    message: dict[str, Any] | None = None,
    key: str = "",
    now: datetime | None = None,
) -> int:
    """A message to be delivered at once; its id."""
    at = now or datetime.now(UTC)
    once = f"test:{next(_numbers)}"
    callback = Callback(
        once=once,
        vendor=vendor,
        event="100",
        url=url,
        message={"event_type": 100} if message is None else message,
        key=key,
        domain="d",
        app="a",
        stream="s",
        state="waiting",
        next_at=at,
        created_at=at,
    )
    async with catalog.begin() as session:
        assert await outbox.add(session, callback)
        (_, row) = await outbox.series(session, "d", "a", "s", once)
        assert row is not None
        return row.id


async def state_of(catalog: Catalog, id: int) -> Callback:
    async with catalog.read() as session:
        row = await outbox.get(session, id)
    assert row is not None
    return row


async def until_state(catalog: Catalog, id: int, state: str) -> None:
    async with asyncio.timeout(GIVE_UP_S):
        while (await state_of(catalog, id)).state != state:
            await asyncio.sleep(0.02)


async def attempts(catalog: Catalog, id: int) -> Sequence[CallbackAttempt]:
    async with catalog.read() as session:
        return await outbox.attempts(session, id)

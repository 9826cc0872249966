"""A process that delivers is killed: the next one goes on, and nothing is lost."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from notify.outgoing import attempts, put, state_of, until_state
from notify.receiver import in_turn, never, receiver, status
from reel import environment
from waiting import until

from engine.catalog import Catalog

SCRIPT = Path(__file__).parent / "deliver.py"


@asynccontextmanager
async def delivering(database: str, retry_s: float) -> AsyncIterator[None]:
    """A process that delivers while the block runs, and is killed at its end."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-P", SCRIPT, database, str(retry_s), env=environment()
    )
    try:
        yield
        assert process.returncode is None
    finally:
        process.kill()
        await process.wait()


async def test_what_was_under_way_is_sent_again(database: str, catalog: Catalog) -> None:
    async with receiver(in_turn(never, status(200))) as one:
        id = await put(catalog, one.url)
        async with delivering(database, 60):
            await until(lambda: len(one.got) == 1)
        row = await state_of(catalog, id)
        assert (row.state, row.attempts) == ("waiting", 0)
        async with delivering(database, 60):
            await until_state(catalog, id, "delivered")
        assert len(one.got) == 2
    cut, last = await attempts(catalog, id)
    assert (cut.status, cut.error) == (None, "cut off: the server was ended")
    assert last.status == 200


async def test_retries_go_on_and_end_when_they_would_have(database: str, catalog: Catalog) -> None:
    async with receiver(status(500)) as one:
        id = await put(catalog, one.url)
        async with delivering(database, 1):
            await until_tried(catalog, id, 2)
        async with delivering(database, 1):
            await until_state(catalog, id, "failed")
        answered = [attempt for attempt in await attempts(catalog, id) if attempt.status is not None]
        assert len(answered) == 4
        assert len(one.got) >= 4


async def test_what_waits_for_its_time_waits_on(database: str, catalog: Catalog) -> None:
    async with receiver(status(500)) as one:
        id = await put(catalog, one.url)
        async with delivering(database, 3600):
            await until_tried(catalog, id, 1)
        other = await put(catalog, one.url)
        async with delivering(database, 3600):
            await until_tried(catalog, other, 1)
        assert len(await attempts(catalog, id)) == 1


async def until_tried(catalog: Catalog, id: int, times: int) -> None:
    async with asyncio.timeout(60):
        while (await state_of(catalog, id)).attempts < times:
            await asyncio.sleep(0.02)

"""Control with real workers and a real outbox; also a process of its own, which a test may kill.

    python recorder.py DATABASE ROOT URL

records the stream `KEY`, which is at URL, until it is killed.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from house import KEY
from sqlalchemy import select
from waiting import GIVE_UP_S

from engine.catalog import Catalog
from engine.catalog.schema import Callback, File, Recording, Task
from engine.control.control import Control
from engine.control.quotas import Quotas
from engine.control.streams import StreamKey
from engine.fleet import LocalFleet
from engine.media.events import Event
from engine.notify.messages import Messages


@dataclass
class Origin:
    """One stream."""

    there: str

    def url(self, key: StreamKey, mixed: bool) -> str:
        return self.there

    def mix_reuses_name(self, key: StreamKey) -> bool:
        return False


@dataclass
class Recorder:
    """Control, and what is in its catalog."""

    control: Control
    catalog: Catalog
    fleet: LocalFleet

    async def recordings(self) -> list[Recording]:
        async with self.catalog.read() as session:
            query = select(Recording).order_by(Recording.began_at, Recording.id)
            return list((await session.scalars(query)).all())

    async def files(self, format: str = "") -> list[File]:
        async with self.catalog.read() as session:
            files = (await session.scalars(select(File).order_by(File.started_at, File.path))).all()
            return [file for file in files if format in ("", file.format)]

    async def callbacks(self, event: str) -> list[Callback]:
        async with self.catalog.read() as session:
            query = select(Callback).where(Callback.event == event).order_by(Callback.id)
            return list((await session.scalars(query)).all())

    async def until_states(self, *states: str) -> None:
        """Waits until the recordings are in these states."""
        async with asyncio.timeout(GIVE_UP_S):
            while sorted(row.state for row in await self.recordings()) != sorted(states):
                await asyncio.sleep(0.1)

    async def becomes(self, task: Task, state: str) -> None:
        """Waits for a task's state."""
        async with asyncio.timeout(GIVE_UP_S):
            while True:
                async with self.catalog.read() as session:
                    if (await session.get_one(Task, task.id)).state == state:
                        return
                await asyncio.sleep(0.1)


@asynccontextmanager
async def recorder(catalog: Catalog, root: Path, url: str) -> AsyncIterator[Recorder]:
    """Control that records one stream."""

    async def hear(event: Event) -> None:
        await control.on_event(event)

    fleet = LocalFleet(1, hear)
    control = Control(
        catalog,
        fleet,
        routes=Origin(url),
        quotas=Quotas(),
        root=root,
        messages=Messages(appid=1, public_url="http://h/files"),
    )
    async with fleet, control:
        yield Recorder(control, catalog, fleet)


async def _main(database: str, root: str, url: str) -> None:
    async with Catalog(database) as catalog, recorder(catalog, Path(root), url) as running:
        await running.control.push_began(KEY, source="srs")
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_main(*sys.argv[1:]))

"""An origin whose connections begin and end as a test says, over HTTP-FLV and RTMP alike."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from ingest.scripted_rtmp import RtmpClient, scripted_rtmp
from origins.footage import read_flv
from origins.scripted import Client, chunk, head, scripted

from engine import _native
from engine.media.batch import Batch, Flag, Kind, Role

PROTOCOLS = ("http-flv", "rtmp")
BREAKS = ("close", "reset", "silence")
ENDS = ("unpublish", *BREAKS)
_STEP_MS = 40


@dataclass(slots=True)
class Line:
    """One connection, on the origin's side."""

    client: Client | RtmpClient
    sent: list[datetime] = field(default_factory=list)
    """When each piece of `play` was sent."""

    @property
    def number(self) -> int:
        """Of the connection, from 0."""
        return self.client.number

    async def accept(self) -> None:
        """The stream is there."""
        if isinstance(self.client, RtmpClient):
            await self.client.accept_play()
        else:
            start = head("Transfer-Encoding: chunked") + chunk(_native.flv_header(True, True))
            await self.client.send(start)

    async def refuse(self) -> None:
        """Nobody publishes it."""
        if isinstance(self.client, RtmpClient):
            await self.client.answer("connect", {"code": "NetConnection.Connect.Success"})
            await self.client.answer("createStream", 1.0)
            await self.client.call("play")
            await self.client.status("NetStream.Play.StreamNotFound", "error")
            await self.client.gone()
        else:
            await self.client.send(head("Content-Length: 0", status="404 Not Found"))

    async def media(self, batch: Batch) -> None:
        """Send rows at once."""
        if isinstance(self.client, RtmpClient):
            await self.client.media(batch)
        else:
            await self.client.send(chunk(_native.flv_tags(batch.arena, batch.tags.tobytes(), 0, "source")[0]))

    async def play(self, batch: Batch) -> None:
        """Send rows at real time."""
        loop = asyncio.get_running_loop()
        times = batch.tags["timestamp"]
        first_ms, began_s = int(times.min()), loop.time()
        for start_ms in range(first_ms, int(times.max()) + 1, _STEP_MS):
            await asyncio.sleep(max(began_s + (start_ms - first_ms) / 1000 - loop.time(), 0))
            some = batch.rows((times >= start_ms) & (times < start_ms + _STEP_MS))
            if len(some):
                await self.media(some)
                self.sent.append(datetime.now(UTC))

    async def end(self, how: str) -> None:
        """As one of `ENDS` says; the connection closes when its script returns."""
        if how == "unpublish":
            if isinstance(self.client, RtmpClient):
                await self.client.status("NetStream.Play.UnpublishNotify")
            else:
                await self.client.send(chunk(b""))
        elif how == "silence":
            await self.client.gone()
        elif how == "reset":
            await asyncio.sleep(0.8)  # or it overtakes what it should come behind
            if isinstance(self.client, RtmpClient):
                Client.reset(self.client)  # type: ignore[arg-type]
            else:
                self.client.reset()


@dataclass(slots=True)
class Breaking:
    """A running origin."""

    url: str
    lines: list[Line] = field(default_factory=list)


@asynccontextmanager
async def breaking(protocol: str, script: Callable[[Line], Awaitable[None]]) -> AsyncIterator[Breaking]:
    """An origin on a port of its own that leads each connection through `script`."""
    origin: Breaking

    async def serve(client: Client | RtmpClient) -> None:
        line = Line(client)
        origin.lines.append(line)
        await script(line)

    async with AsyncExitStack() as stack:
        if protocol == "rtmp":
            rtmp = await stack.enter_async_context(scripted_rtmp(serve))
            origin = Breaking(rtmp.url())
        else:
            http = await stack.enter_async_context(scripted(serve))
            origin = Breaking(http.url())
        yield origin


@dataclass(frozen=True, slots=True)
class Groups:
    """A file, by its groups of pictures."""

    whole_file: Path
    whole: Batch
    keys: tuple[int, ...]
    """The rows of its keyframes."""

    @classmethod
    def of(cls, path: Path) -> Groups:
        """A file with video."""
        whole = read_flv(path.read_bytes())
        tags = whole.tags
        is_key = (tags["kind"] == int(Kind.VIDEO)) & (tags["flags"] & int(Flag.KEY) != 0)
        keys = np.flatnonzero(is_key & (tags["role"] == int(Role.FRAME)))
        return cls(path, whole, tuple(keys.tolist()))

    def some(self, first: int, behind: int | None = None, *, headers: bool = True) -> Batch:
        """The groups from one on, up to another, behind the headers of the file."""
        end = len(self.whole) if behind is None else self.keys[behind]
        rows = list(range(self.keys[first], end))
        if headers:
            configs = np.flatnonzero(self.whole.tags["role"] == int(Role.CONFIG)).tolist()
            rows = [row for row in configs if row < self.keys[first]] + rows
        some = self.whole.rows(np.asarray(rows))
        is_config = some.tags["role"] == int(Role.CONFIG)
        some.tags["timestamp"][is_config] = some.tags["timestamp"][~is_config].min()
        return some

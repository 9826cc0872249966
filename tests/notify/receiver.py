"""Receivers of callbacks: real HTTP servers on loopback, well-behaved or not."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(slots=True)
class Got:
    """A request."""

    headers: dict[str, str]
    raw: bytes
    query: dict[str, str]

    @property
    def body(self) -> Any:
        return json.loads(self.raw)


@dataclass(slots=True)
class Receiver:
    """What it was told, and how it answers."""

    answer: Answer
    url: str = ""
    got: list[Got] = field(default_factory=list)
    at_once: int = 0
    most_at_once: int = 0

    async def hear(self, request: web.Request) -> web.StreamResponse:
        self.got.append(Got(dict(request.headers), await request.read(), dict(request.query)))
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            return await self.answer(request)
        finally:
            self.at_once -= 1

    @property
    def bodies(self) -> list[Any]:
        return [one.body for one in self.got]


def status(code: int) -> Answer:
    """Answer with a status."""

    async def answer(_: web.Request) -> web.StreamResponse:
        return web.json_response({"code": 0}, status=code)

    return answer


def in_turn(*answers: Answer) -> Answer:
    """The first answer first, and the last from then on."""
    left = list(answers)

    async def answer(request: web.Request) -> web.StreamResponse:
        return await (left.pop(0) if len(left) > 1 else left[0])(request)

    return answer


def when(event: asyncio.Event, then: Answer) -> Answer:
    """Answer when something happened."""

    async def answer(request: web.Request) -> web.StreamResponse:
        await event.wait()
        return await then(request)

    return answer


async def never(_: web.Request) -> web.StreamResponse:
    """Say nothing."""
    await asyncio.Event().wait()
    raise AssertionError


async def hang_up(request: web.Request) -> web.StreamResponse:
    """Close the connection without an answer."""
    assert request.transport is not None
    request.transport.close()
    return web.Response()


def break_off(code: int) -> Answer:
    """Close the connection in the middle of the body."""

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(status=code, headers={"Content-Length": "1000"})
        await response.prepare(request)
        await response.write(b"half of")
        assert request.transport is not None
        request.transport.close()
        return response

    return answer


def without_end(code: int) -> Answer:
    """A body that never ends."""

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(status=code)
        response.enable_chunked_encoding()
        await response.prepare(request)
        while True:
            await response.write(b"x" * 65536)

    return answer


@asynccontextmanager
async def receiver(answer: Answer = status(200), port: int = 0) -> AsyncIterator[Receiver]:  # noqa: B008
    """A receiver, while the block runs."""
    one = Receiver(answer)
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", one.hear)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", port).start()
        one.url = f"http://127.0.0.1:{runner.addresses[0][1]}/cb"
        yield one
    finally:
        await runner.cleanup()

"""`/v1` on a socket, over a control plane whose fleet does what the test says."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from aiohttp import web
from api.served import served
from control.house import House

from engine.api.services import Services
from engine.api.v1 import ServerFacts, add_v1
from engine.fleet import WorkerStatus

PUBLIC = "http://media.example.com/files"


@dataclass
class Client:
    """Calls one server."""

    house: House
    url: str
    session: aiohttp.ClientSession
    workers: list[WorkerStatus] = field(default_factory=list)

    async def ask(
        self,
        method: str,
        path: str,
        status: int = 200,
        *,
        headers: dict[str, str] | None = None,
        **options: Any,
    ) -> Any:
        """The JSON of an answer, which has this status; None without a body."""
        async with self.session.request(
            method, self.url + path, headers=headers or {}, **options
        ) as response:
            text = await response.text()
            assert response.status == status, text
            if not text:
                return None
            kind = "application/problem+json" if status >= 400 and path != "/healthz" else "application/json"
            assert response.content_type == kind
            return await response.json(content_type=kind)

    async def refused(self, method: str, path: str, status: int, **options: Any) -> str:
        """The detail of a problem, whose members are those of RFC 9457."""
        problem = await self.ask(method, path, status, **options)
        assert set(problem) == {"type", "title", "status", "detail", "instance"}
        assert problem["status"] == status
        assert problem["type"].startswith("urn:reelkeeper:problem:")
        detail: str = problem["detail"]
        return detail


@asynccontextmanager
async def calling(house: House, *, token: str = "", **limits: int) -> AsyncIterator[Client]:
    """A server over a house, and its client."""
    house.root.mkdir(exist_ok=True)
    services = Services(
        catalog=house.catalog,
        control=house.control,
        root=house.root,
        public_url=PUBLIC,
        now=house.clock,
        **limits,
    )
    workers = [WorkerStatus(number=0, pid=1, recordings=0, load=0.25, deaths=0)]

    def status() -> Sequence[WorkerStatus]:
        return workers

    facts = ServerFacts(
        started_at=house.clock(),
        settings_file=Path("/etc/reelkeeper/reel.toml"),
        push_url="rtmp://127.0.0.1:1935",
        origin_url=None,
        workers=status,
    )
    app = web.Application()
    add_v1(app, services, facts, token=token)
    async with served(app) as url, aiohttp.ClientSession() as session:
        yield Client(house, url, session, workers)


@pytest_asyncio.fixture
async def client(house: House) -> AsyncIterator[Client]:
    """Of a server without a token."""
    async with calling(house) as client:
        yield client


@pytest.fixture
def call(house: House) -> Any:
    """Other servers over the same house."""

    def make(**options: Any) -> AbstractAsyncContextManager[Client]:
        return calling(house, **options)

    return make

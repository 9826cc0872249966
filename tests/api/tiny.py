"""A dialect of a few real actions, a server of it on a real port, and calls as bytes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from aiohttp import web
from api.vectors import KEY, NOW
from pydantic import BaseModel, ConfigDict

from engine.api.application import RUNNER_OPTIONS, application
from engine.api.dialect import Action, Caller, Dialects
from engine.api.faults import ApiFault, missing_parameter
from engine.api.keys import Key, KeyRing
from engine.api.rates import Rates
from engine.api.request import Call
from engine.errors import ReelError, UsageError


class Anything(BaseModel):
    """Whatever was sent."""

    model_config = ConfigDict(extra="allow")


class Tiny:
    """Each of its actions answers with what it was asked, but for streams whose names say how to fail."""

    def __init__(self, actions: list[tuple[str, str]], rate: int = 100) -> None:
        self.actions = {(version, name): Action(name, Anything, self._run, rate) for version, name in actions}
        self.callers: list[Caller] = []
        self.seen: list[dict[str, Any]] = []

    def parse(self, action: Action[Any], parameters: Mapping[str, object]) -> BaseModel:
        if parameters.get("StreamName") == "":
            raise missing_parameter("StreamName")
        return action.model.model_validate(parameters)

    def refusal(self, error: ReelError, action: str) -> ApiFault | None:
        if isinstance(error, UsageError):
            return ApiFault("ResourceNotFound.TaskId", f"{action}: {error}", status=404)
        return None

    async def _run(self, model: Anything, caller: Caller) -> Mapping[str, object]:
        self.callers.append(caller)
        seen = model.model_extra or {}
        self.seen.append(seen)
        match seen.get("StreamName", seen.get("channelId")):
            case "refused":
                raise UsageError("no such task")
            case "broken":
                raise ReelError("the disk is on fire, and its key is hunter2")
            case "defect":
                raise ZeroDivisionError("hunter2")
            case "forbidden":
                caller.check_domain("other.example.com")
        return {"Seen": seen}


LIVE = "2018-08-01"
TENCENT = [
    (LIVE, name) for name in ("CreateLiveRecord", "CreateLiveRecordTemplate", "CreateLiveCallbackTemplate")
]
ALIYUN = [("2016-11-01", name) for name in ("RealTimeRecordCommand", "AddLiveAppRecordConfig")]


@dataclass
class Server:
    """A running API. `now` is its clock."""

    port: int
    tencent: Tiny
    legacy: Tiny
    aliyun: Tiny
    now: datetime

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    async def send(self, data: bytes) -> Answer:
        """Bytes, as they are, on a connection of their own."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            writer.write(data)
            await writer.drain()
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            status, *lines = head.splitlines()
            headers = {
                name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)
            }
            return Answer(
                int(status.split()[1]), headers, await reader.readexactly(int(headers["content-length"]))
            )
        finally:
            writer.close()

    async def call(self, call: Call) -> Answer:
        """A call, with the length of its body and nothing else added."""
        return await self.send(as_bytes(call))


@dataclass(frozen=True)
class Answer:
    """Of the server."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def error(self) -> dict[str, str]:
        """Of Tencent's envelope."""
        return dict(self.json["Response"]["Error"])


def as_bytes(call: Call) -> bytes:
    target = f"{call.path}?".encode() + call.query if call.query else call.path.encode()
    headers = {name: value for name, value in call.headers.items() if name.lower() != "content-length"}
    if call.body or call.method == "POST":
        headers["Content-Length"] = str(len(call.body))
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items()).encode()
    return call.method.encode() + b" " + target + b" HTTP/1.1\r\n" + lines + b"\r\n" + call.body


@asynccontextmanager
async def serving(
    *, keys: tuple[Key, ...] = (KEY,), rates: Rates | None = None, rate: int = 100, now: datetime | None = NOW
) -> AsyncIterator[Server]:
    """The API of three tiny dialects; `now=None` is the real clock."""
    tencent = Tiny([*TENCENT, ("2018-07-17", "SearchMedia")], rate)
    legacy, aliyun = Tiny([("", "CreateRecord")], rate), Tiny(ALIYUN, rate)
    server = Server(0, tencent, legacy, aliyun, now or NOW)
    clock = {} if now is None else {"now": lambda: server.now}
    app = application(Dialects(tencent, legacy, aliyun), keys=KeyRing(keys), rates=rates, **clock)
    runner = web.AppRunner(app, **RUNNER_OPTIONS)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        server.port = urlsplit(site.name).port or runner.addresses[0][1]
        yield server
    finally:
        await runner.cleanup()

"""Two `reel serve`s in which together every key of the settings has a value that is not its default."""

from __future__ import annotations

import asyncio
import itertools
import json
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from aiohttp import web
from api.aliyun.sdk import AliyunSdk
from api.tencent.sdk import TencentSdk
from origins.process import free_port, listening, stop, wait_until
from reel import environment
from serve.server import Server

from engine.api.keys import Key

How = Literal["file", "variables"]
Tables = dict[str, dict[str, Any]]

KEY = Key("AKIDSETTINGS", "SECRETSETTINGS")
SWEEP_S = 0.5

# Retention sweeps once a minute: here its clock is quicker. Nothing else is changed.
_PROGRAM = f"""
from engine.serve import retention
retention.keep.__kwdefaults__["pause_s"] = {SWEEP_S}
from engine.cli.main import main
main()
"""


def embedded(folder: Path) -> Tables:
    """With the origin of the same process."""
    api, rtmp, http = free_port(), free_port(), free_port()
    return {
        "record": {
            "formats": ["hls", "flv"],
            "interval_s": 2,
            "splice_s": 1,
            "audio_only": True,
            "name": "{app}_{stream}/{start}_{seq}",
        },
        "log": {"format": "console"},
        "api": {
            "listen": f"127.0.0.1:{api}",
            "keys": [{"id": KEY.id, "secret": KEY.secret, "domains": ["*"]}],
            "token": "token-of-the-settings",
            "rate_limits": {"DescribeLiveRecordTemplates": 1},
        },
        "storage": {
            "root": str(folder / "media"),
            "public_url": "http://files.example.org/below",
            "expire": False,
            "tz": "Asia/Kathmandu",
        },
        "catalog": {"url": f"sqlite+aiosqlite:///{folder}/other.db", "keep_days": 7},
        "origin": {
            "domain": "live.example.org",
            "rtmp": f"127.0.0.1:{rtmp}",
            "http": f"127.0.0.1:{http}",
        },
        "workers": {"count": 3},
        "tencent": {
            "appid": 1259999999,
            "default_format": "flv",
            "retry_s": 2,
            "retries": 1,
            "timeout_s": 1,
        },
        "aliyun": {"retry_s": 3, "retries": 2, "timeout_s": 2},
        "callbacks": {"in_flight": 5, "in_flight_per_receiver": 2},
    }


def outside(folder: Path, origin_url: str) -> Tables:
    """With another origin, which is played by the test."""
    return {
        "record": {"formats": []},
        "log": {"level": "warning"},
        "api": {"listen": f"127.0.0.1:{free_port()}", "rates": False},
        "storage": {"root": str(folder / "media")},
        "catalog": {"url": f"sqlite+aiosqlite:///{folder}/reel.db"},
        "origin": {
            "url": f"{origin_url}/{{app}}/{{stream}}.flv?plain=1",
            "mixed_url": f"{origin_url}/{{app}}/{{stream}}.flv?mixed=1",
            "hook_secret": "secret-of-hooks",
            "poll_s": 0.5,
        },
        "workers": {"count": 1},
        "limits": {
            "daily_tasks": 4,
            "running_tasks": 2,
            "tasks_per_stream": 1,
            "templates": 2,
            "rules": 1,
        },
        "aliyun": {"private_addresses": False},
    }


@dataclass
class InUse:
    """A server that runs by such settings."""

    tables: Tables
    server: Server
    world: World
    pid: int

    def value(self, key: str) -> Any:
        table, _, name = key.partition(".")
        return self.tables[table][name]

    @property
    def log(self) -> str:
        return self.server.log.read_text()

    @property
    def tencent(self) -> TencentSdk:
        return TencentSdk(port=self.server.api_port, key=KEY)

    async def call(self, action: str, **members: Any) -> dict[str, Any]:
        """What Tencent's SDK makes of the answer."""
        answer = await asyncio.to_thread(self.tencent.run, action, **members)
        found: dict[str, Any] = json.loads(answer.to_json_string())
        return found

    @property
    def aliyun(self) -> AliyunSdk:
        return AliyunSdk(port=self.server.api_port, key=KEY)

    async def rows(self, query: str) -> list[tuple[Any, ...]]:
        return await asyncio.to_thread(self.server.rows, query)


@contextmanager
def in_use(folder: Path, tables: Tables, how: How, world: World) -> Iterator[InUse]:
    """Run it, with the settings in a file or in variables."""
    port = int(tables["api"]["listen"].rpartition(":")[2])
    server = Server(folder, catalog=tables["catalog"]["url"], api_port=port)
    file = folder / "reel.toml"
    file.write_text(toml(tables) if how == "file" else "")
    command = [sys.executable, "-P", "-c", _PROGRAM, "serve", "--config", str(file)]
    variables = {} if how == "file" else as_variables(tables)
    with server.log.open("ab") as log:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=environment(**variables),
            start_new_session=True,
        )
    try:
        wait_until(lambda: listening(port), process, server.log, "reel serve")
        yield InUse(tables, server, world, process.pid)
    finally:
        stop(process)


def toml(tables: Tables) -> str:
    """The tables as a settings file."""
    return "".join(
        f"[{table}]\n" + "".join(f"{key} = {_toml(value)}\n" for key, value in keys.items())
        for table, keys in tables.items()
    )


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {_toml(one)}" for key, one in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return json.dumps(value)


def as_variables(tables: Tables) -> dict[str, str]:
    """The tables as environment variables."""
    return {
        f"REEL_{table}__{key}".upper(): value if isinstance(value, str) else json.dumps(value)
        for table, keys in tables.items()
        for key, value in keys.items()
    }


def children(pid: int) -> list[str]:
    """Command lines of the processes that a process started."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            status, command = (folder / "stat").read_text(), (folder / "cmdline").read_text()
        except OSError:
            continue
        if int(status.rpartition(")")[2].split()[1]) == pid:
            found.append(command.replace("\0", " "))
    return found


@dataclass
class World:
    """An HTTP server: an origin without streams, and receivers of callbacks that refuse or never answer."""

    url: str = ""
    receivers: list[str] = field(default_factory=list)
    asked: Counter[str] = field(default_factory=Counter)
    waiting: Counter[str] = field(default_factory=Counter)
    most_waiting: Counter[str] = field(default_factory=Counter)

    async def give_out(self, request: web.Request) -> web.Response:
        self.asked[request.path_qs] += 1
        raise web.HTTPNotFound

    async def refuse(self, request: web.Request) -> web.Response:
        return web.Response(status=500)

    async def hang(self, request: web.Request) -> web.Response:
        """Until the client gives up."""
        for who in (str(request.url.port), "all"):
            self.waiting[who] += 1
            self.most_waiting[who] = max(self.most_waiting[who], self.waiting[who])
        try:
            await asyncio.Event().wait()
        finally:
            self.waiting.subtract((str(request.url.port), "all"))
        raise AssertionError


@asynccontextmanager
async def a_world() -> AsyncIterator[World]:
    """It runs, with receivers on five ports of their own."""
    world = World()
    app = web.Application()
    app.router.add_get("/{app}/{stream}", world.give_out)
    app.router.add_post("/refuse", world.refuse)
    app.router.add_post("/hang", world.hang)
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=1.0)
    await runner.setup()
    for _ in itertools.repeat(None, 6):
        await web.TCPSite(runner, "127.0.0.1", 0).start()
    world.url, *world.receivers = [f"http://127.0.0.1:{address[1]}" for address in runner.addresses]
    try:
        yield world
    finally:
        await runner.cleanup()

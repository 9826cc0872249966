"""`reel serve` as a process of its own, and those around it: a client, a receiver of callbacks."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from aiohttp import web
from api.aliyun.sdk import AliyunSdk
from api.tencent.sdk import TencentSdk
from origins.process import free_port, stop, wait_until
from reel import COMMAND, environment
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

DOMAIN = "push.example.com"

_TOML = """\
[record]
{record}
[api]
listen = "127.0.0.1:{api}"
keys = [{{ id = "AKIDEXAMPLE", secret = "SECRETEXAMPLE", domains = ["*"] }}]
[storage]
public_url = "http://127.0.0.1:{api}/files"
[catalog]
url = "{catalog}"
[origin]
rtmp = "127.0.0.1:{rtmp}"
http = "127.0.0.1:{http}"
hook_secret = "s3"
{origin}
[workers]
count = 1
[tencent]
retry_s = 1
[callbacks]
in_flight = 8
"""


S = TypeVar("S", bound="Server")


def is_up(printed: bytes) -> bool:
    """Whether `reel serve` has said where its API is: the last of what it says when it is up."""
    return re.search(rb"^API +http", printed, re.MULTILINE) is not None


@dataclass
class Server:
    """A folder with settings, and the `reel serve` that runs by them, when it does."""

    folder: Path
    catalog: str = "sqlite+aiosqlite:///reel.db"
    origin: str = ""
    record: str = "formats = []"
    """What is recorded without a rule: nothing, for the vendors' services record nothing then."""
    more: str = ""
    """Further tables of the settings."""
    api_port: int = field(default_factory=free_port)
    rtmp_port: int = field(default_factory=free_port)
    http_port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None
    variables: dict[str, str] = field(default_factory=dict)
    """Of its environment."""

    def __post_init__(self) -> None:
        text = _TOML.format(
            api=self.api_port,
            rtmp=self.rtmp_port,
            http=self.http_port,
            catalog=self.catalog,
            origin=self.origin,
            record=self.record,
        )
        (self.folder / "reel.toml").write_text(text + self.more)

    @property
    def arguments(self) -> list[str]:
        """Of `reel serve`."""
        return ["--config", str(self.folder / "reel.toml")]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.api_port}"

    @property
    def root(self) -> Path:
        return self.folder / "recordings"

    @property
    def log(self) -> Path:
        return self.folder / "serve.log"

    def push_url(self, stream: str) -> str:
        return f"rtmp://127.0.0.1:{self.rtmp_port}/live/{stream}"

    def hook_url(self, kind: str) -> str:
        return f"{self.url}/hooks/{kind}?secret=s3"

    def start(self) -> None:
        """Run it until it answers."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*COMMAND, "serve", *self.arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=environment(**self.variables),
                cwd=self.folder,
                start_new_session=True,
            )
        wait_until(lambda: is_up(self.log.read_bytes()), self.process, self.log, "reel serve")

    def end(self) -> int:
        """As its operator ends it; its exit code."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(60)
        self.process = None
        return code

    def wait_ended(self) -> tuple[int, str]:
        """Its exit code and its log, once it has ended by itself."""
        assert self.process is not None
        code = self.process.wait(90)
        self.process = None
        text = self.log.read_text()
        self._put_log_aside()
        return code, text

    def kill(self, *, workers: bool) -> None:
        """kill -9: of its first process, or of its workers too, which are in sessions of their own."""
        assert self.process is not None
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        assert children, "workers run"
        self.process.kill()
        for child in children if workers else ():
            with suppress(ProcessLookupError):
                os.kill(int(child), signal.SIGKILL)
        self.process.wait(60)
        self.process = None
        self._put_log_aside()

    def _put_log_aside(self) -> None:
        """The next process begins one of its own."""
        self.log.rename(self.log.with_suffix(f".{len(list(self.folder.glob('serve.*')))}"))

    def tencent(self, action: str, **members: Any) -> dict[str, Any]:
        """An action through Tencent's SDK, of the live API or of VOD."""
        answer = TencentSdk(port=self.api_port).run(action, **members)
        found: dict[str, Any] = json.loads(answer.to_json_string())
        return found

    def aliyun(self, action: str, **members: Any) -> dict[str, Any]:
        """An action through Aliyun's SDK."""
        return AliyunSdk(port=self.api_port).run(action, **members)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """What the database says, while the server runs."""
        with ThreadPoolExecutor(1) as thread:  # the caller's loop is not to be entered again
            return thread.submit(asyncio.run, self._rows(query)).result()

    async def _rows(self, query: str) -> list[tuple[Any, ...]]:
        engine = create_async_engine(self.catalog)
        try:
            async with engine.connect() as connection:
                return [tuple(row) for row in await connection.execute(text(query))]
        finally:
            await engine.dispose()


@contextmanager
def serving(folder: Path, **settings: Any) -> Iterator[Server]:
    """A server that runs; whatever is left of it at the end is killed."""
    with kept(Server(folder, **settings)) as server:
        yield server


@contextmanager
def kept(server: S) -> Iterator[S]:
    """As `serving`, of a server that is made."""
    try:
        server.start()
        yield server
        if server.process is not None:
            assert server.end() == 0
        assert b'"level": "error"' not in server.log.read_bytes(), server.log.read_text()
    finally:
        if server.process is not None:
            stop(server.process, signal.SIGKILL)


@dataclass
class Receiver:
    """Where callbacks go: every body that came, in order."""

    url: str = ""
    got: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    status: int = 200

    def of(self, event: int) -> list[dict[str, Any]]:
        """Tencent's messages of one event."""
        return [body for body in self.got if body.get("event_type") == event]

    async def until(self, condition: Callable[[], bool], timeout_s: float = 60) -> None:
        async with asyncio.timeout(timeout_s):
            while not condition():
                await asyncio.sleep(0.05)


@asynccontextmanager
async def receiving() -> AsyncIterator[Receiver]:
    """An HTTP server that remembers what it is told."""
    receiver = Receiver()

    async def take(request: web.Request) -> web.Response:
        if receiver.status == 200:
            receiver.got.append(await request.json())
            receiver.headers.append(dict(request.headers))
        return web.json_response({"code": 0}, status=receiver.status)

    app = web.Application()
    app.router.add_post("/{kind}", take)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    receiver.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield receiver
    finally:
        await runner.cleanup()

"""A small HTTP proxy over real sockets, which may want a login."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field


@dataclass(slots=True)
class HttpProxy:
    """A running proxy: `asked` are the targets of CONNECT, `heads` the requests in full."""

    port: int
    asked: list[str] = field(default_factory=list)
    heads: list[str] = field(default_factory=list)

    def url(self, login: str = "") -> str:
        """Its URL, with a login."""
        return f"http://{login}{'@' if login else ''}127.0.0.1:{self.port}"


@asynccontextmanager
async def http_proxy(login: str | None = None, to: int | None = None) -> AsyncIterator[HttpProxy]:
    """A proxy that opens tunnels to those who have the login.

    Args:
        login: `user:password`; None for anybody.
        to: The port on this machine where every tunnel leads, whatever the name asked for.
    """
    wanted = None if login is None else "Basic " + base64.b64encode(login.encode()).decode()
    tasks: set[asyncio.Task[None]] = set()
    writers: set[asyncio.StreamWriter] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        writers.add(writer)
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        proxy.heads.append(head)
        method, target, _ = head.split("\r\n")[0].split(" ")
        if method != "CONNECT":
            writer.write(b"HTTP/1.1 405 Only CONNECT\r\n\r\n")
        elif wanted is not None and f"Proxy-Authorization: {wanted}\r\n" not in head:
            writer.write(b"HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic\r\n\r\n")
        else:
            proxy.asked.append(target)
            try:
                up, down = await asyncio.open_connection("127.0.0.1", to or int(target.rpartition(":")[2]))
            except OSError:
                writer.write(b"HTTP/1.1 502 Bad Gateway\r\n\r\n")
            else:
                writers.add(down)
                writer.write(b"HTTP/1.1 200 Connection established\r\nVia: 1.1 test\r\n\r\n")
                await asyncio.gather(_pass(reader, down), _pass(up, writer))
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        proxy = HttpProxy(server.sockets[0].getsockname()[1])
        yield proxy
        for writer in writers:
            writer.transport.abort()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    writer.close()

"""An origin that says what a test wants, byte by byte: real sockets, and no server's own mind."""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

_ANSWER_S = 30.0


@dataclass(frozen=True, slots=True)
class Request:
    """What a client asked for."""

    target: str  # the path with its query string
    headers: dict[str, str]  # names in lower case


@dataclass(slots=True)
class Client:
    """One connection, on the origin's side."""

    request: Request
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    number: int  # of the connection, from 0

    async def send(self, data: bytes) -> None:
        """Send, and wait until the kernel has it."""
        self.writer.write(data)
        await self.writer.drain()

    def reset(self) -> None:
        """Break the connection with RST instead of FIN."""
        sock = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()

    async def gone(self) -> None:
        """Wait until the client has left."""
        with suppress(ConnectionError):
            while await self.reader.read(4096):
                pass


@dataclass(slots=True)
class Scripted:
    """A running origin."""

    port: int
    scheme: str
    host: str = "127.0.0.1"
    requests: list[Request] = field(default_factory=list)

    def url(self, target: str = "/live/x.flv") -> str:
        """The URL of a path."""
        return f"{self.scheme}://{self.host}:{self.port}{target}"


def head(*lines: str, status: str = "200 OK") -> bytes:
    """The head of a response."""
    return "".join(f"{line}\r\n" for line in (f"HTTP/1.1 {status}", *lines, "")).encode("latin-1")


def chunk(data: bytes) -> bytes:
    """One chunk of the chunked coding; the last one is that of b""."""
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


def says(data: bytes) -> Callable[[Client], Awaitable[None]]:
    """An answer that is always the same."""

    async def answer(client: Client) -> None:
        await client.send(data)

    return answer


@asynccontextmanager
async def scripted(
    answer: Callable[[Client], Awaitable[None]], *, tls: ssl.SSLContext | None = None
) -> AsyncIterator[Scripted]:
    """An origin on a port of its own that reads one request a connection, answers it, and closes.

    What goes wrong in `answer`, but for the client's leaving, is raised at the end of the block.
    """
    origin: Scripted
    failures: list[BaseException] = []
    writers: set[asyncio.StreamWriter] = set()
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        writers.add(writer)
        number = len(origin.requests)
        try:
            async with asyncio.timeout(_ANSWER_S):
                raw = await reader.readuntil(b"\r\n\r\n")
                request = _request(raw)
                origin.requests.append(request)
                await answer(Client(request, reader, writer, number))
        except (ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
            pass  # the client left
        except BaseException as error:
            failures.append(error)
        finally:
            writer.close()
            with suppress(ConnectionError, ssl.SSLError):
                await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    origin = Scripted(server.sockets[0].getsockname()[1], "https" if tls else "http")
    try:
        yield origin
    finally:
        server.close()
        for writer in writers:
            with suppress(AttributeError):  # asyncio's own, where a transport closed behind its buffer
                writer.transport.abort()
        await asyncio.gather(*tasks, return_exceptions=True)
        await server.wait_closed()
    if failures:
        raise failures[0]


@asynccontextmanager
async def says_at_once(data: bytes) -> AsyncIterator[int]:
    """A port where every connection is told this, whatever it asks, and closed."""

    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(data)
        with suppress(ConnectionError):
            await writer.drain()
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1]


def _request(raw: bytes) -> Request:
    first, *lines = raw.decode("latin-1").split("\r\n")
    method, target, version = first.split(" ")
    assert (method, version) == ("GET", "HTTP/1.1")
    pairs = (line.partition(": ") for line in lines if line)
    headers: dict[str, str] = {}
    for name, _, value in pairs:
        assert name.lower() not in headers, f"{name} is sent twice"
        headers[name.lower()] = value
    return Request(target, headers)

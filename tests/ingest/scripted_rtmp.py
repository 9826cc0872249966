"""An RTMP origin that answers as a test wants, on the protocol core of the server side."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from engine import _native
from engine.media.batch import Batch
from engine.media.rtmp import Command

if TYPE_CHECKING:
    from engine._native import AmfValue

STREAM = 1
_ANSWER_S = 30.0


@dataclass(slots=True)
class RtmpClient:
    """One connection, on the origin's side."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    number: int  # of the connection, from 0
    connection: _native.RtmpConnection = field(default_factory=lambda: _native.RtmpConnection("server"))
    commands: list[Command] = field(default_factory=list)

    async def call(self, name: str) -> Command:
        """The next command of this name; others before it are kept and not answered."""
        seen = len(self.commands)
        while True:
            found = next((command for command in self.commands[seen:] if command.name == name), None)
            if found is not None:
                return found
            await self.flush()
            data = await self.reader.read(65536)
            if not data:
                raise ConnectionResetError
            self.connection.feed(data)
            assert self.connection.fault is None
            for event in self.connection.take_events():
                if event[1] == "command":
                    self.commands.append(Command(event[2], event[3]))

    async def answer(self, name: str, *values: AmfValue) -> Command:
        """Wait for a call and answer it with `_result`."""
        command = await self.call(name)
        self.connection.send_command(3, 0, ["_result", command.transaction, None, *values])
        await self.flush()
        return command

    async def refuse(self, name: str, info: dict[str, AmfValue]) -> None:
        """Wait for a call and answer it with `_error`."""
        command = await self.call(name)
        self.connection.send_command(3, 0, ["_error", command.transaction, None, info])
        await self.flush()

    async def status(self, code: str, level: str = "status", **more: AmfValue) -> None:
        """Say something about the stream."""
        info: dict[str, AmfValue] = {"level": level, "code": code, **more}
        self.connection.send_command(5, STREAM, ["onStatus", 0.0, None, info])
        await self.flush()

    async def accept_play(self) -> Command:
        """Everything up to the start of play."""
        await self.answer("connect", {"code": "NetConnection.Connect.Success"})
        await self.answer("createStream", float(STREAM))
        command = await self.call("play")
        await self.status("NetStream.Play.Start")
        return command

    async def media(self, batch: Batch) -> None:
        """Send rows."""
        self.writer.write(_native.rtmp_messages(batch.arena, batch.tags.tobytes(), STREAM, 128))
        await self.writer.drain()

    async def flush(self) -> None:
        """Send what the protocol has to say."""
        self.writer.write(self.connection.take_output())
        await self.writer.drain()

    async def gone(self) -> None:
        """Wait until the client has left."""
        with suppress(ConnectionError):
            while await self.reader.read(65536):
                pass


@dataclass(slots=True)
class ScriptedRtmp:
    """A running origin."""

    port: int
    clients: list[RtmpClient] = field(default_factory=list)

    def url(self, path: str = "live/x") -> str:
        """The URL of `app/stream`."""
        return f"rtmp://127.0.0.1:{self.port}/{path}"


@asynccontextmanager
async def scripted_rtmp(
    serve_one: Callable[[RtmpClient], Awaitable[None]],
) -> AsyncIterator[ScriptedRtmp]:
    """An origin on a port of its own; a connection closes when `serve_one` returns."""
    failures: list[BaseException] = []
    tasks: set[asyncio.Task[None]] = set()
    origin: ScriptedRtmp

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        client = RtmpClient(reader, writer, len(origin.clients))
        origin.clients.append(client)
        try:
            async with asyncio.timeout(_ANSWER_S):
                await serve_one(client)
        except ConnectionError:
            pass  # the client left
        except BaseException as error:
            failures.append(error)
        finally:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    origin = ScriptedRtmp(server.sockets[0].getsockname()[1])
    try:
        yield origin
    finally:
        server.close()
        for client in origin.clients:
            client.writer.transport.abort()
        await asyncio.gather(*tasks, return_exceptions=True)
        await server.wait_closed()
    if failures:
        raise failures[0]

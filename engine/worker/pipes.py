"""The worker's end of the channel: stdin and stdout, read and written without waiting."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator

import structlog

from engine.errors import MalformedCommand
from engine.worker.channel import LINE_BYTES, Command, Report, line_of, read_command

_log = structlog.get_logger()

UNREAD_BYTES = 64 << 20
"""Reports that nobody reads: hours of them. Whoever does not read for so long is gone."""


class Pipes:
    """Commands in, reports out."""

    def __init__(
        self,
        commands: asyncio.StreamReader,
        giver: asyncio.ReadTransport,
        reports: asyncio.WriteTransport,
    ) -> None:
        self._commands = commands
        self._giver = giver
        self._reports = reports
        self._closed = asyncio.get_running_loop().create_future()

    @classmethod
    async def open(cls) -> Pipes:
        """Those of this process. What is printed goes to stderr from now on: it is no report."""
        loop = asyncio.get_running_loop()
        reports_fd = os.dup(sys.stdout.fileno())
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
        commands = asyncio.StreamReader(limit=LINE_BYTES)
        giver, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(commands), sys.stdin)
        transport, ending = await loop.connect_write_pipe(_Ending, os.fdopen(reports_fd, "wb", 0))
        pipes = cls(commands, giver, transport)
        ending.ended = pipes._closed
        return pipes

    @property
    def is_behind(self) -> bool:
        """Reports wait to be read."""
        return self._reports.get_write_buffer_size() > 0

    async def commands(self) -> AsyncIterator[Command]:
        """Commands until nobody is there to give any."""
        while True:
            try:
                line = await self._commands.readline()
                if not line.endswith(b"\n"):
                    return
                command = read_command(line)
            except (ValueError, MalformedCommand) as error:  # ValueError: of the reader, for a line too long
                _log.error("command.malformed", error=str(error))
                return
            yield command

    def report(self, report: Report) -> None:
        """Say something; never waits."""
        if self._reports.is_closing():
            return
        self._reports.write(line_of(report))
        if self._reports.get_write_buffer_size() > UNREAD_BYTES:
            _log.error("reports.abandoned", unread_bytes=UNREAD_BYTES)
            self._giver.close()

    async def close(self) -> None:
        """Wait until all reports are read, or nobody is there to read them."""
        self._giver.close()
        self._reports.close()
        await self._closed


class _Ending(asyncio.BaseProtocol):
    """Hears of the pipe's end."""

    ended: asyncio.Future[None] | None = None

    def connection_lost(self, exc: Exception | None) -> None:
        if self.ended is not None and not self.ended.done():
            self.ended.set_result(None)

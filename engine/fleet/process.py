"""A worker process, seen from the one that started it."""

from __future__ import annotations

import asyncio
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import structlog

import engine
from engine.errors import MalformedCommand
from engine.log import configured_arguments
from engine.worker.channel import LINE_BYTES, Command, Report, line_of, read_report

_log = structlog.get_logger()

_COMMAND = (sys.executable, "-P", "-m", "engine.worker")

SILENCE_S = 30.0
"""A worker tells its load every second; one that has been silent for so long hangs."""


_DOUBT_S = 3.0  # it may be this process that was stopped for so long: what was said meanwhile is read first

_EXIT_S = 5.0  # for a process that has nothing more to say


class WorkerProcess:
    """`python -m engine.worker`, running."""

    def __init__(self, process: Process) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._process = process
        self._commands = process.stdin
        self._reports = process.stdout
        self._has_left = False  # it closed its end of the channel
        self.pid = process.pid

    @classmethod
    async def spawn(cls) -> WorkerProcess:
        """A new one, of the package that runs here, which logs as this process does. Signals of a terminal do
        not reach it.

        Raises:
            OSError: the system cannot start it.
        """
        package = str(Path(engine.__file__).parents[1])
        path = os.pathsep.join(filter(None, (package, os.environ.get("PYTHONPATH"))))
        process = await asyncio.create_subprocess_exec(
            *_COMMAND,
            *configured_arguments(),
            stdin=PIPE,
            stdout=PIPE,
            limit=LINE_BYTES,
            start_new_session=True,
            env={**os.environ, "PYTHONPATH": path},
        )
        return cls(process)

    def send(self, command: Command) -> None:
        """Give a command; never waits. One to a process that is gone is lost with it."""
        if not self._commands.is_closing():
            self._commands.write(line_of(command))

    async def reports(self) -> AsyncIterator[Report]:
        """Reports until there are no more: the process ends, hangs, or makes no sense. Those that it made
        before it died are among them."""
        while True:
            try:
                line = await self._line()
                if not line.endswith(b"\n"):
                    self._has_left = True
                    return
                report = read_report(line)
            except TimeoutError:
                _log.error("worker.hung", pid=self.pid, silent_s=SILENCE_S)
                return
            except (ValueError, MalformedCommand) as error:  # ValueError: of the reader, for a line too long
                _log.error("report.malformed", pid=self.pid, error=str(error))
                return
            yield report

    async def _line(self) -> bytes:
        try:
            async with asyncio.timeout(SILENCE_S):
                return await self._reports.readline()
        except TimeoutError:
            pass
        async with asyncio.timeout(_DOUBT_S):
            return await self._reports.readline()

    def kill(self) -> None:
        """End it at once."""
        with suppress(ProcessLookupError):
            self._process.kill()

    async def end(self) -> int:
        """See to its end: its exit code, or minus the signal that ended it."""
        if self._has_left:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._process.wait(), _EXIT_S)
        self.kill()
        code = await self._process.wait()
        self._commands.close()
        return code

"""The `reel` command as a process of its own, from the package that the tests import."""

from __future__ import annotations

import asyncio
import json
import os
import re
import resource
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import engine
from engine.media.events import EVENT, Event, Failed, FileFinished

E = TypeVar("E", bound=Event)

COMMAND = (sys.executable, "-P", "-c", "from engine.cli.main import main; main()")
_TIMEOUT_S = 60.0
_STATE = re.compile(r"(connecting|live|changed|interrupted|waiting|finished|warning|stopped) +\S")


def environment(**more: str) -> dict[str, str]:
    """What the command runs in: without colours, on a wide terminal."""
    package = str(Path(engine.__file__).parents[1])
    return {
        **os.environ,
        "PYTHONPATH": package,
        "COLUMNS": "200",
        "TERM": "dumb",
        "NO_COLOR": "1",
        **more,
    }


@dataclass(frozen=True, slots=True)
class Done:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def events(self) -> list[Event]:
        """What `--json` printed: each line must be an event and nothing but it."""
        return [read_event(line) for line in self.out.splitlines()]

    def of(self, kind: type[E]) -> list[E]:
        """The events of one kind."""
        return [event for event in self.events if isinstance(event, kind)]

    def files(self, format: str | None = None) -> list[Path]:
        """The finished files in order, of one format or all."""
        return [Path(event.path) for event in self.of(FileFinished) if format in (None, event.format)]

    @property
    def complaints(self) -> list[str]:
        """The lines of stderr but those of `reel record` that tell a change of state."""
        return [line for line in self.err.splitlines() if not _STATE.match(line)]

    def assert_fails(self, code: int, *words: str) -> None:
        """The command ended with this code and one complaint on stderr that has these words."""
        assert self.code == code, f"exit code {self.code}: {self.err}"
        assert len(self.complaints) == 1, self.err
        assert self.err.endswith("\n")
        assert self.complaints[0].startswith("reel: "), self.err
        for word in words:
            assert word in self.complaints[0] + "\n"

    def assert_done(self) -> None:
        """The command did what it was asked, and complained of nothing."""
        assert (self.code, self.complaints) == (0, []), self.err


def read_event(line: str) -> Event:
    """An event from a line of `--json`, which must hold exactly its fields."""
    event = EVENT.validate_json(line)
    assert event.model_dump(mode="json") == json.loads(line)
    return event


@dataclass(slots=True)
class Running:
    """A command that runs with its stdout and stderr in pipes."""

    process: asyncio.subprocess.Process
    lines: list[str] = field(default_factory=list)

    async def line(self) -> str:
        """The next line of stdout."""
        assert self.process.stdout is not None
        async with asyncio.timeout(_TIMEOUT_S):
            raw = await self.process.stdout.readline()
        if not raw:
            raise AssertionError(f"the command ended: {(await self.end()).err}")
        self.lines.append(raw.decode())
        return self.lines[-1]

    async def event(self, kind: type[E]) -> E:
        """The next event of a kind, from `--json`."""
        while not isinstance(event := read_event(await self.line()), kind):
            assert not isinstance(event, Failed), event
        return event

    def send(self, number: signal.Signals) -> None:
        """Send a signal."""
        self.process.send_signal(number)

    async def end(self, timeout_s: float = _TIMEOUT_S) -> Done:
        """Wait for the end; stdout is all of it, from the beginning."""
        async with asyncio.timeout(timeout_s):
            out, err = await self.process.communicate()
        code = self.process.returncode
        assert code is not None
        return Done(code, "".join(self.lines) + out.decode(), err.decode())


@asynccontextmanager
async def running(
    *arguments: str | Path,
    stdin: str | None = None,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    file_limit_bytes: int | None = None,
) -> AsyncIterator[Running]:
    """`reel ARGUMENTS` while the block runs; killed at its end if it still runs.

    Args:
        stdin: What it reads there; None: nothing.
        env: More environment variables.
        cwd: The folder it runs in.
        file_limit_bytes: The system lets it write no file beyond this size.
    """

    def limit() -> None:
        if file_limit_bytes is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (file_limit_bytes, file_limit_bytes))

    process = await asyncio.create_subprocess_exec(
        *COMMAND,
        *map(str, arguments),
        stdin=asyncio.subprocess.DEVNULL if stdin is None else asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=environment(**(env or {})),
        cwd=cwd,
        preexec_fn=limit,
    )
    try:
        if stdin is not None:
            assert process.stdin is not None
            process.stdin.write(stdin.encode())
            process.stdin.close()
        yield Running(process)
    finally:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                process.kill()
            await process.communicate()


async def reel(
    *arguments: str | Path,
    stdin: str | None = None,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    file_limit_bytes: int | None = None,
    timeout_s: float = _TIMEOUT_S,
) -> Done:
    """Run `reel ARGUMENTS` to its end; the options are those of `running`."""
    options = {"stdin": stdin, "env": env, "cwd": cwd, "file_limit_bytes": file_limit_bytes}
    async with running(*arguments, **options) as command:  # type: ignore[arg-type]
        return await command.end(timeout_s)

"""`--on-file`: a command for each finished file.

Commands run beside the recording and never hold it up: `_AT_ONCE` at a time, the others wait in the order of
their files. None is left out.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from engine.errors import OUT_OF_FILES, ReelError, UsageError
from engine.masking import printable
from engine.media.events import Event, FileFinished, Warned
from engine.media.quantities import parse_duration_s
from engine.store import read_manifest

_AT_ONCE = 4
_TERM_S = 5.0  # between SIGTERM and SIGKILL
_STDERR_BYTES = 4096  # of which the last line is told
_PIPE_S = 1.0  # for what a command that has ended leaves in its stderr; others may still hold that open


class FileCommands:
    """Runs a command with `/bin/sh -c` for each file that is finished, also for those of dead processes.

    The event is in its environment (REEL_EVENT, REEL_PATH and more) and, as JSON, on its stdin. Its stdout is
    discarded. One that fails is a warning; one that runs for too long is ended with its process group, and is
    one too.

    Args:
        command: What the shell runs.
        timeout_s: How long one may run.
        tell: Hears every event, and the warnings of commands.
    """

    def __init__(self, command: str, timeout_s: float, tell: Callable[[Event], None]) -> None:
        self._command = command
        self._timeout_s = timeout_s
        self._tell = tell
        self._due: deque[FileFinished] = deque()
        self._running: set[asyncio.Task[None]] = set()
        self._is_leaving = False

    def event(self, event: Event) -> None:
        """Pass an event on, and have the command run when it is a finished file."""
        self._tell(event)
        if isinstance(event, FileFinished):
            self._due.append(event)
            self._start_due()

    async def wait_done(self) -> None:
        """Wait until the command has run for every file, or `leave` was called."""
        while self._running:
            await asyncio.wait(self._running)

    def leave(self) -> None:
        """End the commands that run, and begin no more: each file without one is a warning."""
        if self._is_leaving:
            return
        self._is_leaving = True
        for task in self._running:
            task.cancel()
        while self._due:
            self._warn(self._due.popleft(), "was not run: reel was told to stop twice")

    def _start_due(self) -> None:
        while self._due and len(self._running) < _AT_ONCE and not self._is_leaving:
            task = asyncio.create_task(self._run(self._due.popleft()))
            self._running.add(task)
            task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        self._start_due()

    async def _run(self, event: FileFinished) -> None:
        try:
            environment = await asyncio.to_thread(_environment, event)
            process = await asyncio.create_subprocess_exec(
                *("/bin/sh", "-c", self._command),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.PIPE,
                env=environment,
                start_new_session=True,  # a group to be ended as a whole, which Ctrl-C does not reach
            )
        except asyncio.CancelledError:
            self._warn(event, "was not run: reel was told to stop twice")
        except OSError as error:
            limit = ": raise the limit of open files (ulimit -n)" if error.errno in OUT_OF_FILES else ""
            self._warn(event, f"did not start: {error.strerror}{limit}")
        else:
            await self._attend(process, event)

    async def _attend(self, process: asyncio.subprocess.Process, event: FileFinished) -> None:
        reading = asyncio.create_task(_last_line(process))
        feeding = asyncio.create_task(_feed(process, event.model_dump_json().encode() + b"\n"))
        trouble = ""
        try:
            async with asyncio.timeout(self._timeout_s):
                await process.wait()
        except TimeoutError:
            trouble = f"was ended: it ran for more than {self._timeout_s:g} s (--on-file-timeout)"
        except asyncio.CancelledError:
            trouble = "was ended: reel was told to stop twice"
        if trouble:
            await _end_group(process)
        feeding.cancel()
        await asyncio.wait([reading], timeout=_PIPE_S)
        reading.cancel()  # it then returns what it has
        last = await reading
        if not trouble and process.returncode:
            code = process.returncode
            trouble = f"ended with {code}" if code > 0 else f"was killed by signal {-code}"
        if trouble:
            self._warn(event, f"{trouble}{f': {last}' if last else ''}")

    def _warn(self, event: FileFinished, what: str) -> None:
        self._tell(
            Warned(
                at=datetime.now(UTC),
                recording=event.recording,
                code="on_file",
                message=f"{event.path}: the command of --on-file {what}",
                format=event.format,
            )
        )


def parse_timeout_s(text: str) -> float:
    """Read `--on-file-timeout`.

    Raises:
        UsageError: it is no duration, or none at all.
    """
    try:
        timeout_s = parse_duration_s(text)
    except ValueError as error:
        raise UsageError(f"--on-file-timeout: {error}") from None
    if timeout_s <= 0:
        raise UsageError(f"--on-file-timeout: more than 0 s is expected, not {text}")
    return timeout_s


def _environment(event: FileFinished) -> Mapping[str, str]:
    """Make a command's environment; the name of the stream is in the file's manifest."""
    path = Path(event.path).absolute()
    stream = ""
    with suppress(ReelError, OSError):
        manifest = read_manifest(path)
        stream = "" if manifest is None else manifest.stream
    return {
        **os.environ,
        "REEL_EVENT": event.event,
        "REEL_PATH": str(path),
        "REEL_FORMAT": event.format.value,
        "REEL_STREAM": stream.replace("\0", ""),
        "REEL_RECORDING": event.recording,
        "REEL_STARTED_AT": event.started_at.isoformat(),
        "REEL_DURATION_MS": str(event.duration_ms),
        "REEL_SIZE_BYTES": str(event.size_bytes),
        "REEL_RECOVERED": "1" if event.recovered else "0",
    }


async def _feed(process: asyncio.subprocess.Process, data: bytes) -> None:
    """Write the event to a command that may not read it."""
    assert process.stdin is not None
    with suppress(OSError):
        process.stdin.write(data)
        await process.stdin.drain()
        process.stdin.close()


async def _last_line(process: asyncio.subprocess.Process) -> str:
    """Read stderr to its end; the last line that has text."""
    assert process.stderr is not None
    tail = b""
    try:
        while data := await process.stderr.read(_STDERR_BYTES):
            tail = (tail + data)[-_STDERR_BYTES:]
    except asyncio.CancelledError:
        pass  # something that the command began holds it open
    lines = [line for line in tail.decode(errors="replace").splitlines() if line.strip()]
    return printable(lines[-1].strip()) if lines else ""


async def _end_group(process: asyncio.subprocess.Process) -> None:
    """End a command and what it began: SIGTERM, and SIGKILL for what is still there."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    with suppress(TimeoutError):
        async with asyncio.timeout(_TERM_S):
            await process.wait()
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    await process.wait()

"""A worker process: does what the commands say, and reports what becomes of it.

It lives as long as the process that started it: at the end of the commands it finalizes every file, keeps
their journals (nobody was told of them), and exits; whoever starts those recordings again goes on where it
left them.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import structlog

from engine.errors import IdTaken, InternalError, ReelError
from engine.media.events import Event, Failed, FileFinished, Finished
from engine.record import Recording
from engine.worker.channel import (
    Command,
    Happened,
    Leave,
    Load,
    Order,
    Recover,
    Recovered,
    Start,
    Told,
)
from engine.worker.host import Worker
from engine.worker.pipes import Pipes

_log = structlog.get_logger()

LOAD_S = 1.0
"""How often the load is told."""

HELD_S = 60.0
"""How long is waited for a process that still holds a recording or a file: one whose parent is gone finalizes
its files in this time."""

_HELD_RETRY_S = 0.25
_LOOK_S = 1.0  # among those that are held are all that other workers write

_ORDERS: dict[str, Callable[[Recording], None]] = {
    "stop": Recording.stop,
    "finish": Recording.finish,
    "pause": Recording.pause,
    "resume": Recording.resume,
    "leave": Recording.leave,
}


@dataclass(slots=True)
class _Hosted:
    """A recording, or what becomes one."""

    recording: Recording | None = None
    orders: list[str] = field(default_factory=list)
    """Given before it was one."""
    has_ended: bool = False
    """It said so."""

    def give(self, order: str) -> None:
        if self.recording is None:
            self.orders.append(order)
        else:
            _ORDERS[order](self.recording)

    @property
    def is_over(self) -> bool:
        """It is to end before it has begun."""
        return not {"stop", "finish", "leave"}.isdisjoint(self.orders)


class Service:
    """Recordings by command."""

    def __init__(self, pipes: Pipes) -> None:
        self._pipes = pipes
        self._worker = Worker(self._emit)
        self._hosted: dict[str, _Hosted] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._leaving = asyncio.Event()
        self._is_alone = False  # nobody hears what is reported
        self._untold: dict[int, asyncio.Future[bool]] = {}
        self._next_number = 0

    async def run(self) -> None:
        """Carry out commands until an order to leave or the end of the channel; every file is final then.

        Raises:
            Exception: a defect kept it from obeying or reporting, so that it left.
        """
        async with self._worker:
            channel = [asyncio.create_task(work) for work in (self._listen(), self._beat())]
            for task in channel:
                task.add_done_callback(lambda _: self.leave())
            await self._leaving.wait()
            for hosted in self._hosted.values():
                hosted.give("leave")
            while self._tasks:
                await asyncio.wait(self._tasks)
            for task in channel:
                task.cancel()
            outcomes = await asyncio.gather(*channel, return_exceptions=True)
        await self._pipes.close()
        for outcome in outcomes:
            if isinstance(outcome, Exception):  # a cancelled task's is none
                raise outcome

    def leave(self) -> None:
        """Finalize every file, and exit."""
        self._leaving.set()

    async def _listen(self) -> None:
        try:
            async for command in self._pipes.commands():
                self._obey(command)
        finally:
            self._is_alone = True
            for told in self._untold.values():
                told.set_result(False)
            self._untold.clear()

    async def _beat(self) -> None:
        while True:
            if not self._pipes.is_behind:
                self._pipes.report(Load(cpu_s=time.process_time(), at_s=time.monotonic()))
            await asyncio.sleep(LOAD_S)

    def _obey(self, command: Command) -> None:
        if isinstance(command, Told):
            told = self._untold.pop(command.number, None)
            if told is not None:
                told.set_result(command.told)
        elif isinstance(command, Leave):
            self.leave()
        elif isinstance(command, Order):
            if (hosted := self._hosted.get(command.recording)) is not None:
                hosted.give(command.what)
        elif self._leaving.is_set():
            pass  # it is for another process
        elif isinstance(command, Start):
            assert command.spec.id is not None  # the fleet sees to it
            hosted = self._hosted[command.spec.id] = _Hosted()
            self._start(self._host(command.spec.id, command, hosted))
        else:
            self._start(self._recover(command))

    def _start(self, work: Awaitable[None]) -> None:
        async def do() -> None:
            await work

        task = asyncio.create_task(do())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # Recordings

    async def _host(self, id: str, command: Start, hosted: _Hosted) -> None:
        try:
            hosted.recording = await self._open(command, hosted)
            for order in hosted.orders:
                hosted.give(order)
            outcome = await self._worker.run(hosted.recording)
            error = outcome.error
        except ReelError as refused:
            error = refused
        finally:
            del self._hosted[id]
        if not (hosted.has_ended or self._leaving.is_set()):
            self._emit(_failed(id, error or InternalError()))

    async def _open(self, command: Start, hosted: _Hosted) -> Recording:
        """A process whose parent is gone may be about to finish what this is to go on with."""
        deadline_s = time.monotonic() + HELD_S
        while True:
            try:
                return await self._worker.open(command.spec, command.url)
            except IdTaken:
                if hosted.is_over or time.monotonic() > deadline_s:
                    raise
            await asyncio.sleep(_HELD_RETRY_S)

    async def _recover(self, command: Recover) -> None:
        held: list[Path] = []
        try:
            held = await self._worker.recover(command.root)
        except OSError as error:  # a folder went while it was looked through
            _log.warning("recovery.failed", path=str(command.root), error=str(error))
        self._pipes.report(Recovered(number=command.number))
        deadline_s = time.monotonic() + HELD_S
        while held and time.monotonic() < deadline_s and not self._leaving.is_set():
            await asyncio.sleep(_LOOK_S)
            held = await self._worker.recover_each(held)

    # Events

    def _emit(self, event: Event) -> Awaitable[bool] | None:
        if isinstance(event, Finished | Failed) and (hosted := self._hosted.get(event.recording)):
            hosted.has_ended = True
        if not isinstance(event, FileFinished):
            self._pipes.report(Happened(event=event))
            return None
        told: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        if self._is_alone:
            told.set_result(False)
            return told
        number = self._next_number = self._next_number + 1
        self._untold[number] = told
        self._pipes.report(Happened(event=event, number=number))
        return told


def _failed(id: str, error: ReelError) -> Failed:
    return Failed(
        at=datetime.now(UTC),
        recording=id,
        code=error.code,
        message=str(error),
        exit_code=error.exit_code,
        files=0,
    )

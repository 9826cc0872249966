"""One worker's place in a fleet: keeps a process on it, and the recordings that belong to it going."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import structlog

from engine.fleet.backoff import DeathBackoff
from engine.fleet.placement import Candidate, Load
from engine.fleet.process import WorkerProcess
from engine.media.events import Event, Failed, FileFinished, Finished
from engine.record import RecordSpec
from engine.worker.channel import Happened, Leave, Order, Recover, Recovered, Start, Told
from engine.worker.channel import Load as Measured

_log = structlog.get_logger()

CLOSE_S = 60.0
"""How long a worker may take to finalize its files before it is killed; what is left then is for recovery."""

OrderName = Literal["stop", "finish", "pause", "resume"]


@dataclass(slots=True)
class _Hosted:
    """A recording, and all that another process must know to go on with it."""

    spec: RecordSpec
    url: str
    is_paused: bool = False
    ending: OrderName | None = None

    def give(self, what: OrderName) -> None:
        if what in ("stop", "finish"):
            self.ending = what
        else:
            self.is_paused = what == "pause"

    def orders(self) -> list[OrderName]:
        orders: list[OrderName] = ["pause"] if self.is_paused else []
        return orders if self.ending is None else [*orders, self.ending]


@dataclass(slots=True)
class _Recovery:
    root: Path
    done: asyncio.Future[None]

    def end(self) -> None:
        if not self.done.done():
            self.done.set_result(None)


class Seat:
    """A place for a worker.

    Args:
        hear: Is told of every event, in order; false when nobody could be.
    """

    def __init__(self, number: int, hear: Callable[[Event], Awaitable[bool]]) -> None:
        self.number = number
        self.load = Load()
        self.deaths = 0
        self.hosted: dict[str, _Hosted] = {}
        self._hear = hear
        self._process: WorkerProcess | None = None
        self._recoveries: dict[int, _Recovery] = {}
        self._next_recovery = 0
        self._closing = asyncio.Event()

    @property
    def pid(self) -> int | None:
        """Of the process; None while there is none."""
        return None if self._process is None else self._process.pid

    @property
    def candidate(self) -> Candidate:
        """As a place for the next recording."""
        return Candidate(self._process is not None, self.load, len(self.hosted))

    # Orders

    def start(self, spec: RecordSpec, url: str) -> None:
        """Record here."""
        assert spec.id is not None
        hosted = self.hosted[spec.id] = _Hosted(spec, url)
        self.load.given += 1
        self._send_start(hosted)

    def order(self, id: str, what: OrderName) -> None:
        """An order for a recording that is here."""
        self.hosted[id].give(what)
        if self._process is not None:
            self._process.send(Order(recording=id, what=what))

    async def recover(self, root: Path) -> None:
        """Make final what dead processes left below a folder; another process tries again if this one
        dies."""
        number = self._next_recovery = self._next_recovery + 1
        recovery = self._recoveries[number] = _Recovery(root, asyncio.get_running_loop().create_future())
        self._send_recover(number)
        try:
            await recovery.done
        finally:
            del self._recoveries[number]

    def close(self) -> None:
        """Have the process finalize its files and exit; `run` returns then."""
        self._closing.set()
        if self._process is not None:
            self._process.send(Leave())

    def _send_start(self, hosted: _Hosted) -> None:
        if self._process is not None:
            self._process.send(Start(spec=hosted.spec, url=hosted.url))
            for what in hosted.orders():
                self._process.send(Order(recording=hosted.spec.id or "", what=what))

    def _send_recover(self, number: int) -> None:
        if self._process is not None:
            self._process.send(Recover(number=number, root=self._recoveries[number].root))

    # The process

    async def run(self) -> None:
        """Keep a process here until `close`."""
        backoff = DeathBackoff()
        roots: set[Path] = set()
        try:
            while not self._closing.is_set():
                started_s = time.monotonic()
                try:
                    await self._live(roots)
                except Exception:  # a defect of ours: recordings go on in the next one
                    _log.exception("worker.supervision_failed", worker=self.number)
                if self._closing.is_set():
                    return
                self.deaths += 1
                roots = {hosted.spec.output for hosted in self.hosted.values()}
                wait_s = backoff.next_s(time.monotonic() - started_s)
                _log.warning("worker.died", worker=self.number, deaths=self.deaths, wait_s=wait_s)
                try:
                    await asyncio.wait_for(self._closing.wait(), wait_s)
                except TimeoutError:
                    continue
        finally:
            for recovery in self._recoveries.values():
                recovery.end()  # what is left is for the next fleet

    async def _live(self, roots: set[Path]) -> None:
        """The life of one process. `roots`: where the one before it wrote."""
        try:
            process = self._process = await WorkerProcess.spawn()
        except OSError as error:
            _log.error("worker.start_failed", worker=self.number, error=str(error))
            return
        _log.info("worker.started", worker=self.number, pid=process.pid)
        self.load = Load()
        if self._closing.is_set():
            process.send(Leave())
        for hosted in self.hosted.values():
            self._send_start(hosted)
        for number in self._recoveries:
            self._send_recover(number)
        looking = [asyncio.create_task(self.recover(root)) for root in roots]
        killer = asyncio.create_task(self._kill_late(process))
        try:
            async for report in process.reports():
                if isinstance(report, Measured):
                    self.load.measure(report.cpu_s, report.at_s)
                elif isinstance(report, Recovered):
                    if report.number in self._recoveries:
                        self._recoveries[report.number].end()
                else:
                    await self._happened(report, process)
        finally:
            self._process = None
            killer.cancel()
            for task in looking:
                task.cancel()
            code = await process.end()
        _log.info("worker.ended", worker=self.number, pid=process.pid, code=code)

    async def _kill_late(self, process: WorkerProcess) -> None:
        """One that is to leave has its time."""
        await self._closing.wait()
        await asyncio.sleep(CLOSE_S)
        _log.error("worker.close_timed_out", worker=self.number, after_s=CLOSE_S)
        process.kill()

    async def _happened(self, happened: Happened, process: WorkerProcess) -> None:
        event = happened.event
        if isinstance(event, Finished | Failed):
            self.hosted.pop(event.recording, None)
        told = await self._hear(event)
        if happened.number is not None:
            process.send(Told(number=happened.number, told=told))
        assert happened.number is not None or not isinstance(event, FileFinished)

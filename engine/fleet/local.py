"""A fleet of worker processes on this machine."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn, Self

import structlog

from engine.errors import CatalogUnavailable, InternalError, UsageError
from engine.fleet.fleet import OnEvent, WorkerStatus
from engine.fleet.placement import least_loaded
from engine.fleet.seat import OrderName, Seat
from engine.fleet.told import Told
from engine.ingest import SourceOptions, open_source
from engine.media.events import Event, FileFinished
from engine.record import RecordSpec

_log = structlog.get_logger()


class LocalFleet:
    """Worker processes on this machine (count 0: one for each core).

    An async context manager. Leaving it finalizes every file and tells of it. Recordings that were not ended
    by `stop` or `finish` send no `finished`: started again under their ids they go on, with a gap of reason
    `process_down`.
    """

    def __init__(self, count: int, on_event: OnEvent) -> None:
        self._on_event = on_event
        self._told = Told()
        self._seats = [Seat(number, self._hear) for number in range(count or _cores())]

    async def __aenter__(self) -> Self:
        self._running = [
            asyncio.create_task(seat.run(), name=f"worker-{seat.number}") for seat in self._seats
        ]
        return self

    async def __aexit__(self, *_: object) -> None:
        for seat in self._seats:
            seat.close()
        outcomes = await asyncio.gather(*self._running, return_exceptions=True)
        for outcome in outcomes:  # when all have ended
            if isinstance(outcome, BaseException):
                raise outcome

    async def wait_failed(self) -> NoReturn:
        """Wait until a worker is kept running no longer, which is a defect.

        Raises:
            Exception: what ended it.
        """
        ended, _ = await asyncio.wait(self._running, return_when=asyncio.FIRST_COMPLETED)
        for task in ended:
            task.result()
        raise InternalError("a worker process is not started again")

    async def start(self, spec: RecordSpec, url: str) -> None:
        """As `Fleet.start`."""
        if spec.id is None:
            raise UsageError("id: a recording of a fleet needs one")
        if self._seat_of(spec.id) is not None:
            raise UsageError(f"id: {spec.id} is being recorded")
        open_source(url, SourceOptions())  # it can be pulled
        candidates = [seat.candidate for seat in self._seats]
        self._seats[least_loaded(candidates)].start(spec, url)

    async def stop(self, id: str) -> None:
        """As `Fleet.stop`."""
        self._order(id, "stop")

    async def finish(self, id: str) -> None:
        """As `Fleet.finish`."""
        self._order(id, "finish")

    async def pause(self, id: str) -> None:
        """As `Fleet.pause`."""
        self._order(id, "pause")

    async def resume(self, id: str) -> None:
        """As `Fleet.resume`."""
        self._order(id, "resume")

    async def recover(self, root: Path) -> None:
        """As `Fleet.recover`. Not to be waited for while an event is heard."""
        candidates = [seat.candidate for seat in self._seats]
        await self._seats[least_loaded(candidates)].recover(root)

    def status(self) -> Sequence[WorkerStatus]:
        """The workers."""
        return [
            WorkerStatus(seat.number, seat.pid, len(seat.hosted), round(seat.load.share, 3), seat.deaths)
            for seat in self._seats
        ]

    def _seat_of(self, id: str) -> Seat | None:
        return next((seat for seat in self._seats if id in seat.hosted), None)

    def _order(self, id: str, what: OrderName) -> None:
        if (seat := self._seat_of(id)) is not None:
            seat.order(id, what)

    async def _hear(self, event: Event) -> bool:
        """Pass an event on: whether it was taken. No file is told of twice."""
        if isinstance(event, FileFinished) and event.recovered and event.path in self._told:
            return True
        try:
            await self._on_event(event)
        except CatalogUnavailable:  # said by the catalog; the server ends, and the next one hears of it
            return False
        except Exception:
            _log.exception("event.apply_failed", event_name=event.event, recording=event.recording)
            return False
        if isinstance(event, FileFinished):
            self._told.add(event.path)
        return True


def _cores() -> int:
    """Those that this process may use."""
    return len(os.sched_getaffinity(0))

"""A fleet of worker processes on this machine."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Self

from engine.fleet.fleet import OnEvent, WorkerStatus
from engine.record import RecordSpec


class LocalFleet:
    """Worker processes on this machine (count 0: one for each core).

    An async context manager. Leaving it finalizes every file and tells of it. Recordings that were not
    ended by `stop` or `finish` send no `finished`: started again under their ids they go on, with a gap of
    reason `process_down`.
    """

    def __init__(self, count: int, on_event: OnEvent) -> None:
        self._count = count
        self._on_event = on_event

    async def __aenter__(self) -> Self:
        raise NotImplementedError

    async def __aexit__(self, *_: object) -> None:
        raise NotImplementedError

    async def start(self, spec: RecordSpec, url: str) -> None:
        """As `Fleet.start`."""
        raise NotImplementedError

    async def stop(self, id: str) -> None:
        """As `Fleet.stop`."""
        raise NotImplementedError

    async def finish(self, id: str) -> None:
        """As `Fleet.finish`."""
        raise NotImplementedError

    async def pause(self, id: str) -> None:
        """As `Fleet.pause`."""
        raise NotImplementedError

    async def resume(self, id: str) -> None:
        """As `Fleet.resume`."""
        raise NotImplementedError

    async def recover(self, root: Path) -> None:
        """As `Fleet.recover`."""
        raise NotImplementedError

    def status(self) -> Sequence[WorkerStatus]:
        """The workers."""
        raise NotImplementedError

"""A worker: hosts many recordings in one process, with a thread for each disk."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

import structlog

from engine.errors import ReelError, unexpected
from engine.heap import keep_trimmed
from engine.ingest import Slots
from engine.media.events import FileFinished
from engine.record import (
    Chronicle,
    Emit,
    Outcome,
    Past,
    Recording,
    RecordSpec,
    Revived,
    revive_all,
    revive_each,
)
from engine.store import device_of
from engine.worker.writers import Writers

_log = structlog.get_logger()


class Worker:
    """Hosts recordings. Use as an async context manager, and leave it when all have ended.

    A list of recordings is made with `add` and run with `run_all`; single ones come with `open` and are run
    with `run`.
    """

    def __init__(self, emit: Emit) -> None:
        self._emit = emit
        self._writers = Writers()
        self._slots = Slots()
        self.recordings: list[Recording] = []

    async def __aenter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        self._trimming = asyncio.create_task(keep_trimmed())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._trimming.cancel()
        await asyncio.to_thread(self._writers.stop)

    def add(self, spec: RecordSpec, url: str) -> Recording:
        """A recording hosted here; it runs when `run_all` does. One with an id goes on where a process that
        is gone left it.

        Raises:
            UsageError: a URL that cannot be pulled.
            IdTaken: another process records under its id.
            StorageError, ProtocolError: what that process left cannot be read.
        """

        def tell(revived: Revived) -> None:
            self._emit(_event(revived))

        past = None if spec.id is None else Chronicle.open(spec.output, spec.id, tell)
        return self._host(spec, url, device_of(spec.output), past)

    async def open(self, spec: RecordSpec, url: str) -> Recording:
        """As `add`, of a recording that `run` runs. The others are not held up while files that a process
        left are revived, and those are settled when they have been told of."""

        def look() -> tuple[int, tuple[Chronicle, Past] | None]:
            past = None if spec.id is None else Chronicle.open(spec.output, spec.id, self._tell)
            return device_of(spec.output), past

        return self._host(spec, url, *await asyncio.to_thread(look))

    def _host(
        self, spec: RecordSpec, url: str, device: int, past: tuple[Chronicle, Past] | None
    ) -> Recording:
        lane = self._writers.lane(device)
        try:
            recording = Recording(spec, url, lane=lane, emit=self._emit, past=past)
        except ReelError:
            if past is not None:
                past[0].journal.close()
            raise
        self.recordings.append(recording)
        return recording

    async def recover(self, root: Path) -> list[Path]:
        """Make final, and tell of, what dead processes left below a folder. The journals of processes that
        live."""
        return await asyncio.to_thread(revive_all, root, self._tell, _complain)

    async def recover_each(self, journals: Sequence[Path]) -> list[Path]:
        """As `recover`, for the files of these journals."""
        return await asyncio.to_thread(revive_each, journals, self._tell, _complain)

    def _tell(self, revived: Revived) -> bool:
        """Called on a thread that may wait: whether somebody was told."""
        return asyncio.run_coroutine_threadsafe(self._announce(revived), self._loop).result()

    async def _announce(self, revived: Revived) -> bool:
        told = self._emit(_event(revived))
        return True if told is None else await told

    async def run_all(self) -> Sequence[Outcome]:
        """Run every recording to its end; a defect that ends one leaves the others alone."""
        return await asyncio.gather(*(self._run(recording) for recording in self.recordings))

    async def run(self, recording: Recording) -> Outcome:
        """Run one to its end; then it is no longer hosted."""
        try:
            return await self._run(recording)
        finally:
            self.recordings.remove(recording)

    async def _run(self, recording: Recording) -> Outcome:
        slot = self._slots.take()
        try:
            return await recording.run(slot)
        except Exception as error:
            _log.exception("recording.crashed", recording=recording.id)
            return Outcome(unexpected(error), recording.status.files)
        finally:
            self._slots.give_back(slot)

    def stop_all(self) -> None:
        """Ask every recording to end."""
        for recording in self.recordings:
            recording.stop()


def _event(revived: Revived) -> FileFinished:
    return revived.event(datetime.now(UTC))


def _complain(path: Path, error: ReelError) -> None:
    _log.warning("recovery.failed", path=str(path), error=str(error))

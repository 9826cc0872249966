"""A worker: hosts many recordings in one process, with one receive buffer and a few writer threads."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

import structlog

from engine.errors import InternalError, ReelError
from engine.heap import keep_trimmed
from engine.ingest import Slots
from engine.media.events import Event
from engine.media.limits import RECEIVE_BUFFER_BYTES
from engine.record import Chronicle, Outcome, Recording, RecordSpec, Revived, revive_all
from engine.worker.writers import WriterLane, WriterThread

_log = structlog.get_logger()


class Worker:
    """Hosts recordings. Use as an async context manager; leaving it stops what still runs."""

    def __init__(self, emit: Callable[[Event], None], writer_threads: int = 2) -> None:
        self._emit = emit
        self._buffer = memoryview(bytearray(RECEIVE_BUFFER_BYTES))
        self._writers = [WriterThread(number) for number in range(writer_threads)]
        self._next_writer = 0
        self._slots = Slots()
        self.recordings: list[Recording] = []

    async def __aenter__(self) -> Self:
        self._trimming = asyncio.create_task(keep_trimmed())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._trimming.cancel()
        for writer in self._writers:
            await asyncio.to_thread(writer.stop)

    def add(self, spec: RecordSpec, url: str) -> Recording:
        """A recording hosted here; it runs when `run_all` does. One with an id goes on where a process that
        is gone left it.

        Raises:
            UsageError: a URL that cannot be pulled, or an id that another process records under.
            StorageError, ProtocolError: what that process left cannot be read.
        """
        writer = self._writers[self._next_writer % len(self._writers)]
        self._next_writer += 1
        lane = WriterLane(writer, self._writers)
        past = None if spec.id is None else Chronicle.open(spec.output, spec.id, self._tell)
        recording = Recording(spec, url, buffer=self._buffer, lane=lane, emit=self._emit, past=past)
        self.recordings.append(recording)
        return recording

    async def recover(self, root: Path) -> None:
        """Make final, and tell of, what dead processes left below a folder."""
        loop = asyncio.get_running_loop()

        def tell(revived: Revived) -> None:
            loop.call_soon_threadsafe(self._tell, revived)

        def complain(path: Path, error: ReelError) -> None:
            _log.warning("recovery.failed", path=str(path), error=str(error))

        await asyncio.to_thread(revive_all, root, tell, complain)

    def _tell(self, revived: Revived) -> None:
        self._emit(revived.event(datetime.now(UTC)))

    async def run_all(self) -> Sequence[Outcome]:
        """Run every recording to its end; a defect that ends one leaves the others alone."""
        return await asyncio.gather(*(self._run(recording) for recording in self.recordings))

    async def _run(self, recording: Recording) -> Outcome:
        wakes_at_s = self._slots.take()
        try:
            return await recording.run(wakes_at_s)
        except Exception as error:
            _log.exception("recording.defect", recording=recording.id)
            return Outcome(InternalError.of(error), recording.status.files)
        finally:
            self._slots.give_back(wakes_at_s)

    def stop_all(self) -> None:
        """Ask every recording to end."""
        for recording in self.recordings:
            recording.stop()

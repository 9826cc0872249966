"""A worker: hosts many recordings in one process, with one receive buffer and a few writer threads."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from queue import SimpleQueue
from typing import Self

import structlog

from engine.errors import InternalError, ReelError
from engine.heap import keep_trimmed
from engine.ingest import Slots
from engine.media.events import Event
from engine.media.limits import QUEUED_BYTES, RECEIVE_BUFFER_BYTES, WORKER_QUEUED_BYTES
from engine.record import Chronicle, Outcome, Recording, RecordSpec, Revived, revive_all

_log = structlog.get_logger()

_Work = tuple[Callable[[], object], "WriterLane | None", int]

_GATHER_S = 0.02
"""Work is gathered this long and handed over at once: waking a thread costs more than muxing a tick."""


class WriterThread:
    """One thread that does the muxing and the disk work of its lanes, in order (design decision 6)."""

    def __init__(self, number: int) -> None:
        self.put_bytes = 0  # written by the event loop
        self.done_bytes = 0  # written by the thread
        self._gathered: list[_Work] = []
        self._queue: SimpleQueue[list[_Work] | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name=f"writer-{number}", daemon=True)
        self._thread.start()

    def put(self, work: _Work) -> None:
        """Queue work from the event loop; never waits."""
        self._gathered.append(work)
        if len(self._gathered) == 1:
            asyncio.get_running_loop().call_later(_GATHER_S, self.hand_over)

    def hand_over(self) -> None:
        """Give the thread what was gathered."""
        if self._gathered:
            self._queue.put(self._gathered)
            self._gathered = []

    def stop(self) -> None:
        """Do what is queued, then end the thread."""
        self.hand_over()
        self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        while (gathered := self._queue.get()) is not None:
            gathered.reverse()
            while gathered:
                self._do(*gathered.pop())  # and its media is let go of at once

    def _do(self, work: Callable[[], object], lane: WriterLane | None, size_bytes: int) -> None:
        try:
            work()
        except Exception:  # a defect of ours must not stop the other recordings
            _log.exception("writer.defect")
        if lane is not None:
            lane.done_bytes += size_bytes
            self.done_bytes += size_bytes


class WriterLane:
    """One recording's queue on a writer thread. Two counters, each written by one thread, need no lock."""

    def __init__(self, thread: WriterThread, threads: Sequence[WriterThread]) -> None:
        self._thread = thread
        self._threads = threads  # of all recordings of the worker
        self._put_bytes = 0  # written by the event loop
        self.done_bytes = 0  # written by the writer thread

    @property
    def is_full(self) -> bool:
        """More is waiting for the disk than this recording, or all of its worker, may hold."""
        if self._put_bytes - self.done_bytes > QUEUED_BYTES:
            return True
        pending_bytes = 0
        for thread in self._threads:
            pending_bytes += thread.put_bytes - thread.done_bytes
        return pending_bytes > WORKER_QUEUED_BYTES

    def put(self, work: Callable[[], None], size_bytes: int = 0) -> None:
        """Have `work` done on the writer thread."""
        self._put_bytes += size_bytes
        self._thread.put_bytes += size_bytes
        self._thread.put((work, self, size_bytes))

    async def drain(self) -> None:
        """Wait until everything put so far is done."""
        loop = asyncio.get_running_loop()
        drained: asyncio.Future[None] = loop.create_future()
        self._thread.put((lambda: loop.call_soon_threadsafe(drained.set_result, None), None, 0))
        self._thread.hand_over()
        await drained


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

"""Writer threads: the muxing and the disk work of recordings (design decision 6)."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from queue import SimpleQueue

import structlog

from engine.media.limits import QUEUED_BYTES, WORKER_QUEUED_BYTES

_log = structlog.get_logger()

_Work = tuple[Callable[[], object], "WriterLane | None", int]

_GATHER_S = 0.02
"""Work is gathered this long and handed over at once: waking a thread costs more than muxing a tick. The next
thread waits as long again: two that work at one time wake each other at every system call, because only one
of them may run Python."""


class WriterThread:
    """One thread that does the muxing and the disk work of its lanes, in order (design decision 6)."""

    def __init__(self, number: int) -> None:
        self._gather_s = _GATHER_S * (number + 1)
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
            asyncio.get_running_loop().call_later(self._gather_s, self.hand_over)

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

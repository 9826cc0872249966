"""Writer threads: the muxing and the disk work of recordings (design decision 6).

Each disk has a thread of its own, so that one that stalls keeps nothing from another. When the work of one
recording takes long and that of others waits behind it, the disk gets another thread for them: one file that
is synced, or whose storage hangs, is no matter of the others.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from queue import SimpleQueue

import structlog

from engine.media.limits import QUEUED_BYTES, WORKER_QUEUED_BYTES

_log = structlog.get_logger()

_Work = tuple[Callable[[], object], int]  # and how many bytes of media it holds

_GATHER_S = 0.02
"""Work is gathered this long and handed over at once: waking a thread costs more than muxing a tick."""

_STUCK_S = 0.1
"""Nothing was done for so long while work waited: on a disk that is well a tick's takes under a millisecond.
Threads that work at one time wake each other at every system call, because only one of them may run Python:
there is one as long as it comes along."""

_MOST_THREADS = 4
"""Of one disk. When as many recordings hang, it is the disk that does."""


class Writers:
    """The writer threads of one worker."""

    def __init__(self) -> None:
        self._disks: dict[int, _DiskWriter] = {}

    def lane(self, device: int) -> WriterLane:
        """A queue of a recording that writes to a disk, which is known by its device number."""
        disk = self._disks.get(device)
        if disk is None:
            disk = self._disks[device] = _DiskWriter(f"writer-{len(self._disks)}")
        return WriterLane(self, disk)

    @property
    def waiting_bytes(self) -> int:
        """Media that waits for disks."""
        total = 0
        for disk in self._disks.values():
            total += disk.put_bytes - disk.done_bytes
        return total

    def stop(self) -> None:
        """Do what is queued, then end the threads."""
        for disk in self._disks.values():
            disk.stop()


class WriterLane:
    """One recording's queue: what is put is done in order, one after the other, by whichever thread."""

    def __init__(self, writers: Writers, disk: _DiskWriter) -> None:
        self._writers = writers
        self._disk = disk
        self._put_bytes = 0  # written by the event loop
        self.done_bytes = 0
        """Written by the thread that works on it, as what follows is under the disk's lock."""
        self.works: deque[_Work] = deque()
        self.is_ready = False
        """It waits for a thread, or has one."""

    @property
    def is_full(self) -> bool:
        """More is waiting for the disk than this recording, or all of its worker, may hold."""
        if self.queued_bytes > QUEUED_BYTES:
            return True
        return self._writers.waiting_bytes > WORKER_QUEUED_BYTES

    @property
    def queued_bytes(self) -> int:
        """Media of this recording that waits for the disk."""
        return self._put_bytes - self.done_bytes

    def put(self, work: Callable[[], None], size_bytes: int = 0) -> None:
        """Have `work` done on a writer thread."""
        self._put_bytes += size_bytes
        self._disk.put(self, work, size_bytes)

    async def drain(self) -> None:
        """Wait until everything put so far is done."""
        loop = asyncio.get_running_loop()
        drained: asyncio.Future[None] = loop.create_future()
        self._disk.put(self, lambda: loop.call_soon_threadsafe(drained.set_result, None), 0)
        self._disk.hand_over()
        await drained


@dataclass(slots=True, eq=False)
class _Thread:
    """One thread of a disk."""

    is_replaced: bool = False
    """It hangs, and another one does the work: it ends when it is back."""


class _DiskWriter:
    """The lanes of one disk, and the threads that work on them. What threads share is under one lock."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._gathered: list[WriterLane] = []  # by the event loop, since the last hand-over
        self._is_watched = False
        self._lock = threading.Lock()
        self._ready: deque[WriterLane] = deque()
        self._wakes: SimpleQueue[bool] = SimpleQueue()  # False ends a thread
        self._threads: dict[_Thread, threading.Thread] = {}
        self._is_stopping = False
        self._turns = 0  # how much was done
        self.put_bytes = 0  # written by the event loop
        self.done_bytes = 0
        self._start_thread()

    def put(self, lane: WriterLane, work: Callable[[], object], size_bytes: int) -> None:
        """Queue work from the event loop; never waits for the disk."""
        self.put_bytes += size_bytes
        with self._lock:
            lane.works.append((work, size_bytes))
            is_new, lane.is_ready = not lane.is_ready, True
        if is_new:
            self._gathered.append(lane)
            if len(self._gathered) == 1:
                asyncio.get_running_loop().call_later(_GATHER_S, self.hand_over)

    def hand_over(self) -> None:
        """Give the threads what was gathered."""
        if not self._gathered:
            return
        self._release()
        if not self._is_watched:
            self._is_watched = True
            asyncio.get_running_loop().call_later(_STUCK_S, self._look, self._turns)

    def stop(self) -> None:
        """Do what is queued, then end the threads."""
        self._release()
        with self._lock:
            self._is_stopping = True
            threads = list(self._threads.values())
        for _ in threads:
            self._wakes.put(False)
        for thread in threads:
            thread.join()

    def _release(self) -> None:
        with self._lock:
            gathered, self._gathered = self._gathered, []
            self._ready.extend(gathered)
        self._wakes.put(True)

    def _look(self, turns: int) -> None:
        """Another thread where nothing was done since `turns`, and something waits."""
        with self._lock:
            if not self._ready or self._is_stopping:
                self._is_watched = False
                return
            is_stuck = self._turns == turns and len(self._threads) < _MOST_THREADS
            if is_stuck:
                for thread in self._threads:
                    thread.is_replaced = True
        if is_stuck:
            _log.debug("writer.stalled", writer=self._name, threads=len(self._threads))
            self._start_thread()
        asyncio.get_running_loop().call_later(_STUCK_S, self._look, self._turns)

    def _start_thread(self) -> None:
        own = _Thread()
        thread = threading.Thread(target=self._run, args=(own,), name=self._name, daemon=True)
        with self._lock:
            self._threads[own] = thread
        thread.start()

    # On the threads

    def _run(self, own: _Thread) -> None:
        while (lane := self._next(own)) is not None:
            work, size_bytes = lane.works.popleft()
            try:
                work()
            except Exception:  # a defect of ours must not stop the other recordings
                _log.exception("writer.failed")
            del work  # its media is let go of at once
            with self._lock:
                self._turns += 1
                lane.done_bytes += size_bytes
                self.done_bytes += size_bytes
                if lane.works:
                    self._ready.append(lane)
                else:
                    lane.is_ready = False

    def _next(self, own: _Thread) -> WriterLane | None:
        """A lane that has work; None when this thread is to end."""
        while True:
            with self._lock:
                if own.is_replaced and not self._is_stopping:
                    del self._threads[own]
                    self._wakes.put(True)  # for what it leaves
                    return None
                if self._ready:
                    return self._ready.popleft()
            if not self._wakes.get():
                return None

"""Memory that the process no longer needs goes back to the system.

A tick's media is allocated, muxed and freed, hundreds of times a second and from several threads: glibc
keeps the holes that this leaves, which came to half of a worker's memory. They are given back when there are
many: a page that is taken again at the next tick costs more than what is written to it.
"""

from __future__ import annotations

import asyncio
import ctypes
import gc
import mmap
from collections.abc import Callable
from pathlib import Path

CHECK_S = 5.0
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # of glibc's malloc.h
_SPARE_BYTES = 24 << 20  # what may be free: more than a slot of recordings takes at once
_BLOCK_BYTES = 4 << 20  # what is larger is the system's own, and goes back at once


class _Mallinfo2(ctypes.Structure):
    """What glibc (2.33 and later) says of its heap; all in bytes or numbers of blocks."""

    _fields_ = [
        (name, ctypes.c_size_t)
        for name in (
            *("arena", "ordblks", "smblks", "hblks", "hblkhd"),
            *("usmblks", "fsmblks", "uordblks", "fordblks", "keepcost"),
        )
    ]


class Heap:
    """The C library's heap; of another than glibc nothing is known, and nothing is done to it."""

    def __init__(self) -> None:
        library = ctypes.CDLL(None)
        self._trim: Callable[[int], int] | None = getattr(library, "malloc_trim", None)
        self._tune: Callable[[int, int], int] | None = getattr(library, "mallopt", None)
        self._tell: Callable[[], _Mallinfo2] | None = getattr(library, "mallinfo2", None)
        if self._tell is not None:
            library.mallinfo2.restype = _Mallinfo2

    def trim(self) -> None:
        """Give what is free back to the system."""
        if self._trim is not None:
            self._trim(0)

    def keep_free(self) -> None:
        """Have the C library keep what is freed until it is trimmed."""
        if self._tune is not None:
            self._tune(_M_TRIM_THRESHOLD, _SPARE_BYTES)
            self._tune(_M_MMAP_THRESHOLD, _BLOCK_BYTES)

    def unused_bytes(self) -> int | None:
        """What of the process's memory the heap does not use: free blocks, beside all that never was the
        heap's. None where that is not known."""
        if self._tell is None:
            return None
        try:
            resident = int(Path("/proc/self/statm").read_bytes().split()[1]) * mmap.PAGESIZE
        except (OSError, IndexError, ValueError):
            return None
        told = self._tell()
        return resident - int(told.uordblks) - int(told.hblkhd)


class Trimming:
    """Trims a heap when more of it has become free than may be."""

    def __init__(self, heap: Heap) -> None:
        self._heap = heap
        self._least_bytes: int | None = None  # that was unused

    def check(self) -> bool:
        """Trim now if it is time; whether it was."""
        unused_bytes = self._heap.unused_bytes()
        if unused_bytes is not None and self._least_bytes is not None:
            self._least_bytes = min(self._least_bytes, unused_bytes)
            if unused_bytes - self._least_bytes <= _SPARE_BYTES:
                return False
        self._heap.trim()
        self._least_bytes = self._heap.unused_bytes()
        return True


def settle() -> None:
    """What the process consists of now stays: a search for garbage looks only through what is made later. Of
    200,000 objects that never go, each whole search took 0.1 s, in which nothing else was done."""
    gc.freeze()


async def keep_trimmed() -> None:
    """Give free memory back every few seconds, and only then, until cancelled."""
    settle()
    heap = Heap()
    heap.keep_free()
    trimming = Trimming(heap)
    while True:
        await asyncio.sleep(CHECK_S)
        trimming.check()

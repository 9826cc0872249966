"""What is to be done when. Knows no clock: it is told the time. Pure.

A moment is one of the wall clock (a task's start), or a time from now (a delay): when the wall clock steps,
the second kind moves with it.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Generic, TypeVar

K = TypeVar("K")

_STEP_S = 1.0  # of the wall clock against the steady one, beyond what adjusting does between two looks


@dataclass(frozen=True, slots=True, order=True)
class _Entry(Generic[K]):
    at: datetime
    number: int
    key: K = field(compare=False)
    is_delay: bool = field(compare=False)


class Schedule(Generic[K]):
    """One moment a key; a key that is put again moves."""

    def __init__(self) -> None:
        self._heap: list[_Entry[K]] = []
        self._entries: dict[K, _Entry[K]] = {}
        self._number = 0

    def __len__(self) -> int:
        return len(self._entries)

    def put(self, key: K, at: datetime, *, is_delay: bool = False) -> None:
        """`key` is due at a moment."""
        self._number += 1
        entry = self._entries[key] = _Entry(at, self._number, key, is_delay)
        heapq.heappush(self._heap, entry)
        if len(self._heap) > 2 * len(self._entries) + 64:
            self._rebuild()

    def drop(self, key: K) -> None:
        """Nothing is due; that it is not there is no error."""
        self._entries.pop(key, None)

    def due(self, now: datetime) -> list[K]:
        """Keys whose moment has come, in order. They are taken out."""
        keys: list[K] = []
        while self._heap and self._heap[0].at <= now:
            entry = heapq.heappop(self._heap)
            if self._entries.get(entry.key) is entry:
                del self._entries[entry.key]
                keys.append(entry.key)
        return keys

    def step(self, by: timedelta) -> None:
        """The wall clock stepped."""
        self._entries = {
            key: _Entry(entry.at + by, entry.number, key, True) if entry.is_delay else entry
            for key, entry in self._entries.items()
        }
        self._rebuild()

    def _rebuild(self) -> None:
        self._heap = list(self._entries.values())
        heapq.heapify(self._heap)


class Steps:
    """Finds steps of the wall clock, by a steady one beside it."""

    def __init__(self, now: datetime, steady_s: float) -> None:
        self._now, self._steady_s = now, steady_s

    def look(self, now: datetime, steady_s: float) -> timedelta | None:
        """By how much the wall clock stepped since the last look; None: it did not."""
        by = (now - self._now) - timedelta(seconds=steady_s - self._steady_s)
        self._now, self._steady_s = now, steady_s
        return by if abs(by.total_seconds()) >= _STEP_S else None

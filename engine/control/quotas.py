"""How much may be ordered. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime

from engine.errors import TooManyRunning, TooManyTasks
from engine.media.civil_time import china_day, china_text


@dataclass(frozen=True, slots=True)
class Quotas:
    """The vendor's limits; 0 is none."""

    daily: int = 4000
    """Scheduled tasks created in one China-time day, those that were deleted not counted."""
    running: int = 400
    """Scheduled tasks in their window at the same moment."""
    per_stream: int = 3
    """Tasks of CreateRecordTask that record one stream at once; later ones wait for an earlier one's end."""
    templates: int = 50
    rules: int = 50


@dataclass(slots=True)
class DayCount:
    """How many tasks were created today."""

    limit: int
    day: datetime
    count: int = 0

    def take(self, now: datetime) -> None:
        """One more.

        Raises:
            TooManyTasks: there are as many as there may be.
        """
        day = china_day(now)
        if day != self.day:
            self.day, self.count = day, 0
        if self.limit and self.count >= self.limit:
            raise TooManyTasks(f"{self.limit} tasks were created on {china_text(now)[:10]}")
        self.count += 1

    def give_back(self, created_at: datetime) -> None:
        """One that was created at a moment does not count: it was deleted, or not created after all."""
        if china_day(created_at) == self.day and self.count:
            self.count -= 1


Window = tuple[datetime, datetime]


def check_running(limit: int, windows: Collection[Window], start: datetime, end: datetime) -> None:
    """That one more task in a window leaves no moment with too many.

    Raises:
        TooManyRunning: there would be one.
    """
    if limit and len(windows) >= limit and peak(windows, start, end) >= limit:
        raise TooManyRunning(f"{limit} tasks run at once between {start} and {end}")


def peak(windows: Iterable[Window], start: datetime, end: datetime) -> int:
    """How many windows, which hold their start and not their end, share a moment of [start, end)."""
    changes: list[tuple[datetime, int]] = []
    for begins, ends in windows:
        if begins < end and ends > start and begins < ends:
            changes += [(max(begins, start), 1), (ends, -1)]
    changes.sort()  # at one moment those that end come first
    most = count = 0
    for _, change in changes:
        count += change
        most = max(most, count)
    return most

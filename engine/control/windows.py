"""Orders for tasks, and the windows they are recorded in. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

from engine.control.streams import StreamKey
from engine.errors import NoSuchWindow

Family = Literal["live", "record", "legacy", "aliyun"]

REAL_TIME = timedelta(minutes=30)
"""The longest window of a real-time task."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskOrder:
    """What a request asks for.

    Without `start_at` it begins now. `end_at` of None is the longest window there is for a real-time task.
    `options` of `live` and `legacy`: `format` (`flv`, `hls`, `mp4`, `aac`, `mp3`), `type` (`video`,
    `audio`), `interval_s`, `storage_s` (0: kept for ever); all may be absent.
    """

    family: Family
    key: StreamKey
    start_at: datetime | None = None
    end_at: datetime | None = None
    is_real_time: bool = False
    is_mixed: bool = False
    template_id: int | None = None
    options: dict[str, Any] = field(default_factory=dict)
    request_id: str = ""


def window(order: TaskOrder, now: datetime) -> tuple[datetime, datetime]:
    """From when to when a task is recorded. A real-time one begins now and is over within half an hour,
    whatever it asks for.

    Raises:
        NoSuchWindow: it has no end, ends before it begins, or is over.
    """
    if order.is_real_time:
        last = now + REAL_TIME
        asked = order.end_at
        return now, asked if asked is not None and now < asked <= last else last
    start = order.start_at or now
    if order.end_at is None:
        raise NoSuchWindow("a scheduled task needs an end")
    if order.end_at <= start:
        raise NoSuchWindow(f"the end {order.end_at} is not after the start {start}")
    if order.end_at <= now:
        raise NoSuchWindow(f"the end {order.end_at} is over")
    return start, order.end_at

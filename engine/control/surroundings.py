"""What control is given by those around it: whom it tells, and whom it asks."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol

from sqlalchemy.ext.asyncio import AsyncSession

from engine.catalog.schema import AliyunRecordConfig, File, Push, Recording, Task
from engine.control.streams import StreamKey
from engine.media.events import Warned

Status = Literal["started", "failed", "paused", "resumed", "error", "ended"]


class Messages(Protocol):
    """Puts what happened into the outbox, in the transaction that stores it."""

    async def file_finished(
        self, session: AsyncSession, recording: Recording, file: File, task: Task | None, push: Push | None
    ) -> None:
        """A file is final."""

    async def recording_status(
        self, session: AsyncSession, recording: Recording, what: Status, at: datetime
    ) -> None:
        """A recording began, broke off, went on or ended."""

    async def push(self, session: AsyncSession, push: Push, began: bool) -> None:
        """A publisher came or went."""

    async def exception(self, session: AsyncSession, recording: Recording, warning: Warned) -> None:
        """Something was repaired, left out, or failed without ending the recording."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """A yes to "shall this push be recorded?"."""

    intervals: dict[str, int] = field(default_factory=dict)
    """Seconds of a file, by format (`m3u8`, `flv`, `mp4`, `cmaf`), in place of the configuration's."""
    formats: frozenset[str] | None = None
    """Only these of the configuration's; None: all."""


AskOnDemand = Callable[[StreamKey, AliyunRecordConfig], Awaitable[Accepted | None]]
"""Asks the domain's OnDemandUrl; None: not recorded."""

Drop = Callable[[StreamKey], Awaitable[None]]
"""Has the origin cut a push."""

"""What a fleet is, whatever its workers are: processes of this machine, or machines behind a queue."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from engine.media.events import Event
from engine.record import RecordSpec

OnEvent = Callable[[Event], Awaitable[None]]
"""Hears every event of every recording; those of one recording come in order, one after the other.

A `file_finished` counts as told once this returns. When it raises, or never returned because the process
was killed, the file is told of again (`recovered=True`) by a later `recover` or by the recording's next
worker: it has to bear a second telling of one path, though a fleet that lives keeps those from it.
"""


@dataclass(frozen=True, slots=True)
class WorkerStatus:
    """A worker at a glance."""

    number: int
    pid: int | None
    """None: it is being started."""
    recordings: int
    load: float
    """Of one core, as measured last."""
    deaths: int
    """How often it had to be started again."""


class Fleet(Protocol):
    """Places recordings on workers.

    What becomes of an order is told by events; an order for an id that is not being recorded (it may just
    have ended) does nothing.
    """

    async def start(self, spec: RecordSpec, url: str) -> None:
        """Record `url` under `spec.id`, until a `finished` or `failed` event. An id that a process which is
        gone recorded under goes on where that left it. `spec.urls` is not looked at.

        Raises:
            UsageError: no id, one that is being recorded, or a URL that cannot be pulled.
        """

    async def stop(self, id: str) -> None:
        """End a recording at once: its files are finalized, `finished` (`stopped`) follows."""

    async def finish(self, id: str) -> None:
        """The push is over: record what the connection still holds, for 5 s at the most, then end as `stop`
        does."""

    async def pause(self, id: str) -> None:
        """Disconnect. Files stay open for the splice time, then they are finalized; the recording waits for
        `resume`, however long, and what it misses is a gap of reason `paused`."""

    async def resume(self, id: str) -> None:
        """Connect again after `pause`: in the files that still wait, or in new ones. A recording that waits
        for its stream connects at once, since the stream is back."""

    async def recover(self, root: Path) -> None:
        """Finalize, and tell of, what processes that are gone left below a folder. Files that another process
        still holds are seen to when it lets go of them, after this has returned."""

    def status(self) -> Sequence[WorkerStatus]:
        """The workers."""

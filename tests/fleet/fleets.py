"""A local fleet for tests: real worker processes, and what they told."""

from __future__ import annotations

import os
import signal
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from waiting import until

from engine.fleet import LocalFleet
from engine.media.codecs import Format
from engine.media.events import Event, FileFinished, Finished, Live
from engine.record import RecordSpec

T = TypeVar("T")
EVERY = "flv,mp4,hls"


@dataclass
class Heard:
    """What a fleet told. `trouble` may raise, or wait, before an event counts as heard."""

    events: list[Event] = field(default_factory=list)
    trouble: Callable[[Event], Awaitable[None]] | None = None

    async def __call__(self, event: Event) -> None:
        if self.trouble is not None:
            await self.trouble(event)
        self.events.append(event)

    def of(self, id: str, kind: type[T]) -> list[T]:
        """The events of one class of a recording."""
        return [event for event in self.events if isinstance(event, kind) and event.recording == id]

    async def live(self, *ids: str, times: int = 1) -> None:
        """Wait until these have been live so often."""
        await until(lambda: all(len(self.of(id, Live)) >= times for id in ids))

    async def finished(self, *ids: str) -> None:
        """Wait until these have ended as they should."""
        await until(lambda: all(self.of(id, Finished) for id in ids))

    def files(self, id: str, format: Format) -> list[Path]:
        """Finished files in the order of their beginning."""
        told = [event for event in self.of(id, FileFinished) if event.format is format]
        return [Path(event.path) for event in sorted(told, key=lambda event: event.started_at)]

    def assert_each_told_once(self, root: Path) -> None:
        """Every file on disk was told of, and once; nothing is unfinished."""
        told = Counter(event.path for event in self.events if isinstance(event, FileFinished))
        assert set(told.values()) <= {1}, told
        there = {str(path) for path in root.rglob("*") if path.suffix in (".flv", ".mp4", ".m3u8")}
        assert there == set(told)
        left = [path for path in root.rglob("*") if path.suffix in (".part", ".journal", ".tmp")]
        assert not left


def spec(root: Path, id: str, url: str, **fields: Any) -> RecordSpec:
    """An order."""
    wanted = {"format": EVERY, "reconnect": 60, "hls_time": 1, **fields}
    return RecordSpec.parse({**wanted, "urls": [url], "output": str(root), "id": id})


def kill(fleet: LocalFleet, number: int = 0, how: signal.Signals = signal.SIGKILL) -> int:
    """Signal a worker: its process id."""
    pid = fleet.status()[number].pid
    assert pid is not None
    os.kill(pid, how)
    return pid


def is_running(pid: int) -> bool:
    """Whether there is such a process, not counting one whose end nobody has asked for."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"

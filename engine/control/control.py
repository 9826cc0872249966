"""The control plane's one face: orders, streams that come and go, and what recordings say."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, Self

from engine.catalog import Catalog
from engine.catalog.schema import Push, Task
from engine.control.quotas import Quotas
from engine.control.streams import Routes, StreamKey
from engine.control.surroundings import AskOnDemand, Drop, Messages
from engine.control.windows import Family, TaskOrder
from engine.fleet import Fleet
from engine.media.events import Event

Command = Literal["start", "stop", "cancel_delay", "restart"]


def utcnow() -> datetime:
    """The moment, aware."""
    return datetime.now(UTC)


class Control:
    """Takes orders and has the fleet carry them out.

    An async context manager: entering it takes up what an earlier process left, leaving it ends recordings
    gracefully. The fleet runs while it does, and gives its events to `on_event`.

    Args:
        root: Where files are recorded to, in `DOMAIN/APP/STREAM`.
        on_demand: Who is asked for pushes of a configuration that says so; None: they are not recorded.
        drop: Has the origin cut a push; None: it cannot.
        default_format: Of a task whose template does not exist.
    """

    def __init__(
        self,
        catalog: Catalog,
        fleet: Fleet,
        *,
        routes: Routes,
        quotas: Quotas,
        root: Path,
        messages: Messages,
        on_demand: AskOnDemand | None = None,
        drop: Drop | None = None,
        default_format: str = "hls",
        now: Callable[[], datetime] = utcnow,
    ) -> None:
        raise NotImplementedError

    async def __aenter__(self) -> Self:
        raise NotImplementedError

    async def __aexit__(self, *_: object) -> None:
        raise NotImplementedError

    # Tasks

    async def create_task(self, order: TaskOrder) -> Task:
        """Take an order; it survives whatever happens after this returned. The same scheduled order of a
        `live` task that is not over gives that task.

        Raises:
            NoSuchWindow: its window is empty or over.
            StreamNotLive: a real-time `live` or `legacy` task of a stream that nobody publishes.
            TooManyTasks, TooManyRunning: a quota is used up.
        """
        raise NotImplementedError

    async def stop_task(self, family: Family, public_id: str, stream: str | None = None) -> None:
        """End a task and close its files; nothing when it is over.

        Raises:
            UnknownTask: there is none in that family, or it is of another stream than `stream`.
        """
        raise NotImplementedError

    async def delete_task(self, family: Family, public_id: str, stream: str | None = None) -> None:
        """Forget a task. What a `record` task records goes on to the end of the push.

        Raises:
            UnknownTask: as `stop_task`.
            TaskIsRunning: a `live` or `legacy` task in its window.
        """
        raise NotImplementedError

    # Streams

    async def push_began(
        self,
        key: StreamKey,
        *,
        params: str = "",
        client_ip: str = "",
        source: str = "embedded",
        at: datetime | None = None,
    ) -> None:
        """A publisher came. Telling it twice is no harm. `params` is the query string of the push URL,
        `source` who tells: `embedded`, `srs`, ..., `poll`."""
        raise NotImplementedError

    async def push_ended(self, key: StreamKey, *, code: int = 0, at: datetime | None = None) -> None:
        """A publisher left. Telling it twice is no harm."""
        raise NotImplementedError

    def is_live(self, key: StreamKey) -> bool:
        """Somebody publishes the stream."""
        raise NotImplementedError

    def online(self, *, domain: str = "", app: str = "", stream: str = "") -> Sequence[Push]:
        """Pushes that go on, by their beginning; empty names are any."""
        raise NotImplementedError

    async def drop(self, key: StreamKey) -> None:
        """Have the origin cut a push; nothing when nobody publishes."""
        raise NotImplementedError

    # Aliyun's commands

    async def command(self, key: StreamKey, command: Command) -> None:
        """Start or stop a recording by hand.

        Raises:
            UnknownConfig: no recording configuration matches the stream.
            StreamNotLive: nobody publishes it.
            AlreadyStarted: `start` of a stream that is being recorded by it.
        """
        raise NotImplementedError

    # What recordings say

    async def on_event(self, event: Event) -> None:
        """Store what a recording says, and what is to be told of it, in one transaction."""
        raise NotImplementedError

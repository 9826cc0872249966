"""The control plane's one face: orders, streams that come and go, and what recordings say."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, NoReturn, Self, TypeVar

import structlog

from engine.catalog import Catalog, tasks
from engine.catalog.schema import Push, Task
from engine.clock import wall_now
from engine.control.board import Board
from engine.control.commands import Command, Commands
from engine.control.hearing import Hearing
from engine.control.ids import TaskIds
from engine.control.orders import Group
from engine.control.presence import Presence
from engine.control.quotas import DayCount, Quotas
from engine.control.reconcile import Reconciler
from engine.control.recovery import Recovery
from engine.control.streams import Routes, StreamKey
from engine.control.surroundings import AskOnDemand, Drop, Messages
from engine.control.tasks import SCHEDULED, Tasks
from engine.control.timing import Timing
from engine.control.windows import Family, TaskOrder
from engine.errors import CatalogUnavailable, InternalError
from engine.fleet import Fleet, WorkerStatus
from engine.media.civil_time import china_day
from engine.media.codecs import Format
from engine.media.events import Event

_log = structlog.get_logger()

T = TypeVar("T")


class Control:
    """Takes orders and has the fleet carry them out.

    An async context manager: entering it takes up what an earlier process left, leaving it begins and ends
    nothing more. It is entered after the fleet, and left before it: the fleet then finalizes every file, of
    which `on_event` hears still. What was being recorded is gone on with by the next process.

    Args:
        root: Where files are recorded to, in `DOMAIN/APP/STREAM`.
        on_demand: Who is asked for pushes of a configuration that says so; None: they are not recorded.
        drop: Has the origin cut a push; None: it cannot.
        default_format: Of a task whose template does not exist.
        fallback: What is recorded of a push that no rule and no configuration matches; empty: nothing.
        tz: The time zone of file names.
        now: The wall clock, which may step.
        steady: Seconds that pass, whatever the wall clock says.
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
        fallback: tuple[Group, ...] = (),
        tz: str = "UTC",
        now: Callable[[], datetime] = wall_now,
        steady: Callable[[], float] = time.monotonic,
    ) -> None:
        self._board = Board(
            catalog, fleet, routes, quotas, messages, root, Format(default_format), now, fallback
        )
        self._reconciler = Reconciler(self._board, tz)
        self._dropper = drop
        self._presence = Presence(self._board, self._reconciler, on_demand)
        self._hearing = Hearing(self._board, self._reconciler, self._presence)
        self._tasks: Tasks
        self._commands: Commands
        self._steady = steady
        self._timing: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        board, now = self._board, self._board.now()
        async with board.catalog.read() as session:
            ids = TaskIds(await tasks.newest_id(session))
            created = await tasks.created_since(session, SCHEDULED, china_day(now))
        day = DayCount(board.quotas.daily, china_day(now), created)
        self._tasks = Tasks(board, self._reconciler, ids, day)
        self._commands = Commands(board, self._reconciler, ids)
        await Recovery(board, self._reconciler, self._presence, self._tasks, self._hearing).take_up()
        timing = Timing(board, self._reconciler, self._tasks, self._commands, self._steady)
        self._timing = asyncio.create_task(timing.run(), name="control-timing")
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._timing is not None
        self._timing.cancel()
        await asyncio.gather(self._timing, return_exceptions=True)
        await self._board.errands.drain()

    async def wait_failed(self) -> NoReturn:
        """Wait until nothing is done at its time any more.

        Raises:
            CatalogFailed: nothing can be stored.
            Exception: a defect.
        """
        assert self._timing is not None
        await asyncio.shield(self._timing)
        raise InternalError("the timer of control ended")

    # Tasks

    async def create_task(self, order: TaskOrder) -> Task:
        """Take an order; it survives whatever happens after this returned. The same scheduled order of a
        `live` task that is not over gives that task.

        Raises:
            NoSuchWindow: its window is empty or over.
            StreamNotLive: a real-time `live` or `legacy` task of a stream that nobody publishes.
            TooManyTasks, TooManyRunning: a quota is used up.
        """
        return await _whole(self._tasks.create(order))

    async def stop_task(self, family: Family, public_id: str, stream: str | None = None) -> None:
        """End a task and close its files; nothing when it is over.

        Raises:
            UnknownTask: there is none in that family, or it is of another stream than `stream`.
        """
        await _whole(self._tasks.stop(family, public_id, stream))

    async def delete_task(self, family: Family, public_id: str, stream: str | None = None) -> None:
        """Forget a task. What a `record` task records goes on to the end of the push.

        Raises:
            UnknownTask: as `stop_task`.
            TaskIsRunning: a `live` or `legacy` task in its window.
        """
        await _whole(self._tasks.delete(family, public_id, stream))

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
        await _whole(self._presence.began(key, params, client_ip, source, at))

    async def push_ended(self, key: StreamKey, *, code: int = 0, at: datetime | None = None) -> None:
        """A publisher left. Telling it twice is no harm."""
        await _whole(self._presence.ended(key, code, at))

    def is_live(self, key: StreamKey) -> bool:
        """Somebody publishes the stream."""
        return self._board.desk(key).push is not None

    def is_recorded(self, key: StreamKey) -> bool:
        """Some of its media is being recorded now."""
        return any(running.is_live for running in self._board.desk(key).running.values())

    def online(self, *, domain: str = "", app: str = "", stream: str = "") -> Sequence[Push]:
        """Pushes that go on, by their beginning; empty names are any."""
        pushes = [desk.push for desk in self._board.desks.values() if desk.push is not None]
        return sorted(
            (
                push
                for push in pushes
                if domain in ("", push.domain) and app in ("", push.app) and stream in ("", push.stream)
            ),
            key=lambda push: (push.began_at, push.id),
        )

    def workers(self) -> Sequence[WorkerStatus]:
        """The worker processes of the fleet."""
        return self._board.fleet.status()

    async def drop(self, key: StreamKey) -> None:
        """Have the origin cut a push; nothing when nobody publishes."""
        if self._dropper is not None and self.is_live(key):
            await self._dropper(key)

    async def stop_recording(self, id: str) -> None:
        """End a recording, whatever ordered it, and close its files. Its order records the stream again from
        the next push on.

        Raises:
            UnknownRecording: there is none of that id, or it has ended.
        """
        await _whole(self._reconciler.stop(id))

    # Aliyun's commands

    async def command(self, key: StreamKey, command: Command, request_id: str = "") -> None:
        """Start or stop a recording by hand. What it starts names the call by `request_id` in the log.

        Raises:
            UnknownConfig: no recording configuration matches the stream.
            StreamNotLive: nobody publishes it.
            AlreadyStarted: `start` of a stream that is being recorded by it.
        """
        await _whole(self._commands.run(key, command, request_id))

    # What recordings say

    async def on_event(self, event: Event) -> None:
        """Store what a recording says, and what is to be told of it, in one transaction."""
        await _whole(self._hearing.hear(event))


async def _whole(work: Coroutine[Any, Any, T]) -> T:
    """Done to its end though whoever waits for it is cancelled: what is committed must be known here too."""
    doing = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(doing)
    except asyncio.CancelledError:
        doing.add_done_callback(_look_at)
        raise


def _look_at(done: asyncio.Task[Any]) -> None:
    """Nobody waits for it any more."""
    if done.cancelled():
        return
    error = done.exception()
    if error is not None and not isinstance(error, CatalogUnavailable):
        _log.warning("control.call_failed", error=repr(error))

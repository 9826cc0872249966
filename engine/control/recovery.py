"""Takes up what an earlier process left: tasks, pushes, recordings that were open, files nobody stored."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

import structlog

from engine.catalog import pushes, recordings, tasks
from engine.catalog.schema import Push, Recording, Task
from engine.control.board import Board, Change
from engine.control.desk import Desk, OpenTask, Running
from engine.control.hearing import Hearing, manifest_beside
from engine.control.log_ids import push_ids, recording_ids
from engine.control.orders import Order
from engine.control.presence import Presence
from engine.control.reconcile import Reconciler
from engine.control.states import TaskState, at_end
from engine.control.streams import StreamKey
from engine.control.tasks import Tasks
from engine.media.manifest import Manifest
from engine.record import RecordSpec
from engine.store import NameTemplate

_log = structlog.get_logger()

_OUR_OWN = "embedded"
"""Who tells of pushes to the origin in our own process: they ended with it."""

_CLOCKS = timedelta(seconds=10)
"""How far the file system's clock may be behind ours."""


@dataclass(slots=True)
class _Left:
    """What was left of one stream."""

    push: Push | None = None
    tasks: list[Task] = field(default_factory=list)
    rows: list[Recording] = field(default_factory=list)

    @property
    def is_quiet(self) -> bool:
        """Only tasks that wait: there is nothing to do but to know them."""
        waiting = (TaskState.ARMED.value, TaskState.WAITING.value)
        return (
            self.push is None
            and not self.rows
            and all(task.state in waiting and task.family != "aliyun" for task in self.tasks)
        )


class Recovery:
    """What is done once, before anything else."""

    def __init__(
        self, board: Board, reconciler: Reconciler, presence: Presence, task_plans: Tasks, hearing: Hearing
    ) -> None:
        self._board = board
        self._reconciler = reconciler
        self._presence = presence
        self._tasks = task_plans
        self._hearing = hearing

    async def take_up(self) -> None:
        """Know everything again, go on with what still stands, and close the rest."""
        left: defaultdict[StreamKey, _Left] = defaultdict(_Left)
        async with self._board.catalog.read() as session:
            for task in await tasks.open_ones(session):
                left[_key(task)].tasks.append(task)
            for push in await pushes.open_ones(session):
                left[_key(push)].push = push
            for row in await recordings.open_ones(session):
                left[_key(row)].rows.append(row)
        for key, what in left.items():
            desk = Desk(key, tasks={task.id: OpenTask.of(task) for task in what.tasks})
            self._board.put(desk)
            for known in desk.tasks.values():
                self._tasks.plan(key, known)
        for key, what in left.items():
            if not what.is_quiet:
                await self._take_up(key, what)
        self._board.errands.put("recovery", partial(self._board.fleet.recover, self._board.root))

    async def _take_up(self, key: StreamKey, left: _Left) -> None:
        manifests = await asyncio.to_thread(_manifests, self._board.root, left.rows)
        async with self._board.change(key) as change:
            await self._push(change, left.push)
            for path, manifest in manifests:
                event = manifest.event(str(path), change.now)
                await self._hearing.store(change, event, manifest)
            standing = change.desk.standing(change.now, self._board.quotas.per_stream)
            for id in [row.id for row in left.rows]:
                row = await change.session.get_one(Recording, id)
                order = standing.get(_order(row).slot)
                if change.desk.push is not None and order is not None and row.push_id == change.desk.push.id:
                    self._go_on(change, row, order)
                else:
                    await self._reconciler.ended(change, row.id, settles=False)
            await self._reconciler.note_states(change)
            await self._end_tasks(change)
            await self._reconciler.settle(change)

    async def _push(self, change: Change, left: Push | None) -> None:
        if left is None:
            return
        push = await change.session.get_one(Push, left.id)
        if push.source == _OUR_OWN:
            push.ended_at = max(change.now, push.began_at)
            change.log("push.ended", **push_ids(push), reason="the server was restarted")
            await self._board.messages.push(change.session, push, False)
            return
        desk = change.desk
        desk.push = push
        rows = await recordings.of_push(change.session, push)
        for row in rows:
            order = _order(row)
            desk.orders[order.slot] = order
            if row.options.get("is_held_off"):
                desk.held_off.add((order.slot, row.options["group"]))
            if row.cause == "aliyun":
                desk.is_stopped = bool(row.options.get("is_stopped"))
        if "aliyun" not in desk.orders and "settings" not in desk.orders:
            await self._presence.resolve_config(change)

    def _go_on(self, change: Change, row: Recording, order: Order) -> None:
        """The same recording, in another process."""
        group = next(group for group in order.groups if group.label == row.options["group"])
        change.desk.running[row.id] = Running(
            id=row.id,
            session_id=row.session_id,
            slot=order.slot,
            group=group,
            task_id=row.task_id,
            push_id=row.push_id,
            was_live=row.state != "starting",
        )
        spec = RecordSpec.model_validate({**row.spec, "output": self._board.root})
        url = self._board.routes.url(change.desk.key, row.is_mixed)
        change.errands.append(self._reconciler.starting(row, spec, url))
        change.log("recording.taken_over", **recording_ids(row))

    async def _end_tasks(self, change: Change) -> None:
        """Those that lasted as long as a push which is over."""
        desk = change.desk
        for task in list(desk.tasks.values()):
            records = any(running.task_id == task.id for running in desk.running.values())
            if task.family == "aliyun" and desk.push is None:
                await self._reconciler.enter(change, task, at_end(task.state))
            elif task.is_deleted and not records:
                await self._reconciler.enter(change, task, TaskState.STOPPED)


def _key(row: Task | Push | Recording) -> StreamKey:
    return StreamKey(row.domain, row.app, row.stream)


def _order(row: Recording) -> Order:
    return Order.model_validate(row.options["order"])


def _manifests(root: Path, rows: Sequence[Recording]) -> list[tuple[Path, Manifest]]:
    """The finished files of some recordings of a stream, by their beginning."""
    if not rows:
        return []
    since = min(row.began_at for row in rows) - _CLOCKS
    ids = {row.id for row in rows}
    found = []
    patterns = {NameTemplate(row.spec["name"]).glob for row in rows}
    for path in _finished_since(root, patterns, since):
        manifest = manifest_beside(path)
        if manifest is not None and manifest.recording in ids:
            found.append((path, manifest))
    return sorted(found, key=lambda pair: pair[1].started_at)


def _finished_since(root: Path, patterns: Iterable[str], since: datetime) -> set[Path]:
    """Files whose manifest is not older than a moment."""
    return {
        path.with_suffix("")
        for pattern in patterns
        for path in root.glob(f"{pattern}.*.json")
        if path.stat().st_mtime >= since.timestamp()
    }

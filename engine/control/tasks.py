"""Tasks: taken, begun, ended, stopped, deleted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial

import structlog
from sqlalchemy import update

from engine.catalog import tasks
from engine.catalog.schema import Task
from engine.control.board import Board, Change, Due
from engine.control.desk import Desk, OpenTask
from engine.control.ids import TaskIds, task_word
from engine.control.inserts import TaskInserts
from engine.control.quotas import DayCount, check_running
from engine.control.reconcile import Reconciler
from engine.control.states import TaskState, at_end
from engine.control.streams import StreamKey
from engine.control.windows import Family, TaskOrder, window
from engine.errors import StreamNotLive, TaskIsRunning, UnknownTask

_log = structlog.get_logger()

_MANY = 500
"""Rows named in one statement."""


SCHEDULED = ("live", "legacy")
"""The families whose scheduled tasks the quotas of a day and of a moment count."""


class Tasks:
    """What is done with tasks."""

    def __init__(self, board: Board, reconciler: Reconciler, ids: TaskIds, day: DayCount) -> None:
        self._board = board
        self._reconciler = reconciler
        self._ids = ids
        self._day = day
        self._inserts = TaskInserts(board.catalog)

    async def create(self, order: TaskOrder) -> Task:
        """As `Control.create_task`."""
        async with self._board.alone(order.key):
            now, desk = self._board.now(), self._board.desk(order.key)
            start_at, end_at = window(order, now)
            is_mixed = order.is_mixed or self._board.routes.mix_reuses_name(order.key)
            if order.is_real_time and order.family != "record" and desk.push is None:
                raise StreamNotLive(f"nobody publishes {order.key}")
            same = _same(desk, order, start_at, end_at, is_mixed)
            if same is not None:
                return await self._known(same)
            is_counted = order.family in SCHEDULED and not order.is_real_time
            if is_counted:
                check_running(self._board.quotas.running, self._board.windows.values(), start_at, end_at)
                self._day.take(now)
            task = self._row(order, now, start_at, end_at, is_mixed)
            try:
                await self._store(order.key, task)
            except BaseException:
                if is_counted:
                    self._day.give_back(now)
                raise
        _log.info(
            "task.created",
            task=task.public_id,
            family=task.family,
            stream=str(order.key),
            start_at=start_at.isoformat(),
            end_at=end_at.isoformat(),
        )
        return task

    async def _known(self, task: OpenTask) -> Task:
        async with self._board.catalog.read() as session:
            return await session.get_one(Task, task.id)

    async def _store(self, key: StreamKey, task: Task) -> None:
        opened = OpenTask.of(task)
        desk = self._board.desk(key)
        if opened.state is TaskState.ARMED or desk.push is None:  # nothing follows from it yet
            await self._inserts.add(task)
            desk = desk.copy()
            desk.tasks[opened.id] = opened
            self._board.put(desk)
            self.plan(key, opened)
            return
        async with self._board.change_alone(key) as change:
            await tasks.add(change.session, task)
            change.desk.tasks[opened.id] = opened
            change.afterwards.append(partial(self.plan, key, opened))
            await self._reconciler.settle(change)

    def _row(
        self, order: TaskOrder, now: datetime, start_at: datetime, end_at: datetime, is_mixed: bool
    ) -> Task:
        id = self._ids.next(now)
        return Task(
            id=id,
            public_id=task_word() if order.family == "record" else str(id),
            family=order.family,
            state=(TaskState.ARMED if start_at > now else TaskState.WAITING).value,
            domain=order.key.domain,
            app=order.key.app,
            stream=order.key.stream,
            start_at=start_at,
            end_at=end_at,
            is_real_time=order.is_real_time,
            is_mixed=is_mixed,
            template_id=order.template_id,
            options=order.options,
            created_at=now,
            stopped_at=None,
            deleted_at=None,
            request_id=order.request_id,
        )

    def plan(self, key: StreamKey, task: OpenTask) -> None:
        """Put the moments of a task on the schedule. Of a real-time task the end is a time from now."""
        schedule = self._board.schedule
        if task.state is TaskState.ARMED:
            schedule.put(Due("task_begins", key, task.id), task.start_at)
        if task.family in SCHEDULED and not task.is_real_time and task.end_at is not None:
            self._board.windows[task.id] = (task.start_at, task.end_at)
        if task.end_at is not None:
            schedule.put(Due("task_ends", key, task.id), task.end_at, is_delay=task.is_real_time)

    # Its window

    async def begin(self, due: Sequence[tuple[StreamKey, int]]) -> None:
        """Windows begin: any number of them at once, in one transaction."""
        await self._enter_all([id for _, id in due], TaskState.ARMED, TaskState.WAITING)
        for key, id in due:
            async with self._board.alone(key):
                desk = self._board.desk(key).copy()
                task = desk.tasks.get(id)
                if task is None or task.state is not TaskState.ARMED:
                    continue  # stopped meanwhile
                desk.tasks[id] = replace(task, state=TaskState.WAITING)
                self._board.put(desk)
            if desk.push is not None:
                async with self._board.change(key) as change:
                    await self._reconciler.settle(change)

    async def end(self, due: Sequence[tuple[StreamKey, int]]) -> None:
        """Windows end. Those of streams that never came are done with in one transaction."""
        idle: list[tuple[StreamKey, int]] = []
        for key, id in due:
            task = self._board.desk(key).tasks.get(id)
            if task is not None and task.state is TaskState.WAITING and not self._board.desk(key).running:
                idle.append((key, id))
            elif task is not None:
                await self._end_one(key, id)
        await self._enter_all([id for _, id in idle], TaskState.WAITING, TaskState.FAILED)
        for key, id in idle:
            if not await self._ended_idle(key, id):
                await self._end_one(key, id)  # it began to record meanwhile

    async def _ended_idle(self, key: StreamKey, id: int) -> bool:
        async with self._board.alone(key):
            desk = self._board.desk(key).copy()
            task = desk.tasks.get(id)
            if task is None or task.state is not TaskState.WAITING or desk.running:
                return task is None
            del desk.tasks[id]
            desk.orders.pop(task.slot, None)
            self._board.put(desk)
            return True

    async def _end_one(self, key: StreamKey, id: int) -> None:
        async with self._board.change(key) as change:
            task = change.desk.tasks.get(id)
            if task is not None:
                await self._close(change, task, at_end(task.state))

    async def _enter_all(self, ids: Sequence[int], state: TaskState, next_state: TaskState) -> None:
        if not ids:
            return
        async with self._board.catalog.begin() as session:
            for start in range(0, len(ids), _MANY):
                await session.execute(
                    update(Task)
                    .where(Task.id.in_(ids[start : start + _MANY]), Task.state == state.value)
                    .values(state=next_state.value)
                )

    async def _close(self, change: Change, task: OpenTask, state: TaskState) -> None:
        """A task is over: what it records is ended."""
        await self._reconciler.enter(change, task, state)
        await self._reconciler.settle(change)

    # By request

    async def stop(self, family: Family, public_id: str, stream: str | None) -> None:
        """As `Control.stop_task`."""
        found = await self._find(family, public_id, stream)
        async with self._board.change(_key(found)) as change:
            task = change.desk.tasks.get(found.id)
            if task is None:
                return
            await change.session.execute(update(Task).where(Task.id == task.id).values(stopped_at=change.now))
            await self._close(change, task, TaskState.STOPPED)
        _log.info("task.stopped", task=public_id, stream=str(_key(found)))

    async def delete(self, family: Family, public_id: str, stream: str | None) -> None:
        """As `Control.delete_task`."""
        found = await self._find(family, public_id, stream)
        async with self._board.change(_key(found)) as change:
            task = change.desk.tasks.get(found.id)
            if task is not None and family != "record" and task.state.is_running:
                raise TaskIsRunning(f"task {public_id} is running: stop it first")
            await change.session.execute(
                update(Task).where(Task.id == found.id).values(deleted_at=change.now)
            )
            if task is not None:
                await self._delete(change, task)
            if family in SCHEDULED and not found.is_real_time:
                change.afterwards.append(partial(self._day.give_back, found.created_at))
        _log.info("task.deleted", task=public_id, stream=str(_key(found)))

    async def _delete(self, change: Change, task: OpenTask) -> None:
        desk = change.desk
        if desk.push is not None and any(
            running.task_id == task.id and not running.is_ending for running in desk.running.values()
        ):
            desk.tasks[task.id] = replace(task, is_deleted=True)
            desk.orders[task.slot] = desk.orders[task.slot].model_copy(update={"ends_with_push": True})
        else:
            await self._close(change, task, TaskState.STOPPED)

    async def _find(self, family: Family, public_id: str, stream: str | None) -> Task:
        async with self._board.catalog.read() as session:
            task = await tasks.get(session, family, public_id)
        if task is None or task.deleted_at is not None or stream not in (None, task.stream):
            raise UnknownTask(f"there is no task {public_id}" + (f" of stream {stream}" if stream else ""))
        return task


def _key(task: Task) -> StreamKey:
    return StreamKey(task.domain, task.app, task.stream)


def _same(
    desk: Desk, order: TaskOrder, start_at: datetime, end_at: datetime, is_mixed: bool
) -> OpenTask | None:
    """A task that this order would make once more: a client asks again when it saw no answer."""
    if order.family != "live" or order.is_real_time:
        return None
    for task in desk.tasks.values():
        if (
            (task.family, task.start_at, task.end_at) == (order.family, start_at, end_at)
            and task.is_mixed == is_mixed
            and not task.is_real_time
            and all(task.options.get(name) == order.options.get(name) for name in ("type", "format"))
        ):
            return task
    return None

"""Aliyun's commands: recording by hand."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Literal

import structlog

from engine.catalog import aliyun, recordings
from engine.catalog.schema import Task
from engine.control.board import Board, Change, Due
from engine.control.desk import OpenTask, Running
from engine.control.ids import TaskIds, task_word
from engine.control.orders import of_config
from engine.control.reconcile import Reconciler
from engine.control.states import TaskState, at_end
from engine.control.streams import StreamKey
from engine.errors import AlreadyStarted, StreamNotLive, UnknownConfig

_log = structlog.get_logger()

Command = Literal["start", "stop", "cancel_delay", "restart"]


class Commands:
    """What a command does. Nothing, when there is nothing that it could change."""

    def __init__(self, board: Board, reconciler: Reconciler, ids: TaskIds) -> None:
        self._board = board
        self._reconciler = reconciler
        self._ids = ids
        self._by_name: dict[Command, Callable[[Change], Awaitable[None]]] = {
            "start": self._start,
            "stop": self._stop,
            "cancel_delay": self._cancel_delay,
            "restart": self._restart,
        }

    async def run(self, key: StreamKey, command: Command, request_id: str) -> None:
        """As `Control.command`."""
        async with self._board.change(key) as change:
            change.request_id = request_id
            config = await aliyun.best_config(change.session, key.domain, key.app, key.stream)
            if config is None:
                raise UnknownConfig(f"no recording configuration matches {key}")
            if change.desk.push is None:
                raise StreamNotLive(f"nobody publishes {key}")
            await self._by_name[command](change)
        _log.info("stream.commanded", stream=str(key), command=command)

    def _running(self, change: Change) -> list[Running]:
        return [
            running
            for running in change.desk.running.values()
            if running.slot == "aliyun" and not running.is_ending
        ]

    async def _start(self, change: Change) -> None:
        desk = change.desk
        paused = [running for running in self._running(change) if running.is_paused]
        held_off = {place for place in desk.held_off if place[0] == "aliyun"}
        is_ordered = "aliyun" in desk.orders and desk.orders["aliyun"].stands(change.now)
        if is_ordered and not desk.is_stopped and not held_off:
            raise AlreadyStarted(f"{desk.key} is being recorded")
        desk.held_off -= held_off
        if not paused:
            await self._order(change)
        for running in paused:
            desk.running[running.id] = replace(running, is_paused=False)
            change.afterwards.append(partial(self._board.schedule.drop, _delay(change, running)))
            change.errands.append(partial(self._board.fleet.resume, running.id))
        await self._mark(change, is_stopped=False)
        await self._reconciler.settle(change)

    async def _order(self, change: Change) -> None:
        """A recording by hand, which is a task so that it is not forgotten."""
        key = change.desk.key
        config = await aliyun.best_config(change.session, key.domain, key.app, key.stream)
        assert config is not None
        task = Task(
            id=self._ids.next(change.now),
            public_id=task_word(),
            family="aliyun",
            state=TaskState.WAITING.value,
            domain=key.domain,
            app=key.app,
            stream=key.stream,
            start_at=change.now,
            end_at=None,
            is_real_time=True,
            is_mixed=self._reconciler.is_mixed(change),
            template_id=None,
            options={"config_id": config.id},
            created_at=change.now,
            stopped_at=None,
            deleted_at=None,
            request_id=change.request_id,
        )
        change.session.add(task)
        await change.session.flush()
        change.desk.tasks[task.id] = OpenTask.of(task)
        change.desk.orders["aliyun"] = of_config(config, is_mixed=task.is_mixed, task=task)

    async def _stop(self, change: Change) -> None:
        desk = change.desk
        if desk.is_stopped or "aliyun" not in desk.orders:
            return
        running = [one for one in self._running(change) if not one.is_paused]
        for one in running:
            desk.running[one.id] = replace(one, is_paused=True)
            change.errands.append(partial(self._board.fleet.pause, one.id))
            change.afterwards.append(
                partial(
                    self._board.schedule.put,
                    _delay(change, one),
                    change.now + timedelta(seconds=one.group.splice_s),
                    is_delay=True,
                )
            )
        await self._mark(change, is_stopped=True)
        if not running:
            await self._end_task(change)

    async def _cancel_delay(self, change: Change) -> None:
        for running in self._running(change):
            if running.is_paused:
                self._reconciler.end(change, running, "stop")
        if change.desk.is_stopped:
            await self._end_task(change)

    async def delay_over(self, change: Change, id: str) -> None:
        """Nobody started a recording again in time."""
        running = change.desk.running.get(id)
        if running is None or not running.is_paused:
            return
        self._reconciler.end(change, running, "stop")
        if not self._running(change):
            await self._end_task(change)

    async def _restart(self, change: Change) -> None:
        running = self._running(change)
        if not running:
            return
        for one in running:
            self._reconciler.end(change, one, "stop")
        await self._mark(change, is_stopped=False)
        await self._reconciler.settle(change)

    async def _end_task(self, change: Change) -> None:
        for task in list(change.desk.tasks.values()):
            if task.family == "aliyun":
                await self._reconciler.enter(change, task, at_end(task.state))

    async def _mark(self, change: Change, *, is_stopped: bool) -> None:
        """For a process after this one: what was stopped by command stays stopped while the push lasts."""
        change.desk.is_stopped = is_stopped
        assert change.desk.push is not None
        for row in await recordings.of_push(change.session, change.desk.push):
            if row.cause == "aliyun":
                row.options = {**row.options, "is_stopped": is_stopped}


def _delay(change: Change, running: Running) -> Due:
    return Due("delay_over", change.desk.key, running.id)

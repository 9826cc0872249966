"""Brings what is recorded of a stream into line with what is ordered."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any, Literal

import structlog
from sqlalchemy import update

from engine.catalog import recordings
from engine.catalog.schema import Recording, RecordTemplate, Task
from engine.catalog.templates import RECORD
from engine.control.board import Board, Change, Due
from engine.control.desk import OpenTask, Plan, Running, plan, task_state
from engine.control.ids import recording_id, session_id
from engine.control.log_ids import recording_ids
from engine.control.orders import Group, Order, default_groups, inline_groups, template_groups
from engine.control.states import TaskState, entered
from engine.errors import ReelError, UnknownRecording
from engine.record import RecordSpec

_log = structlog.get_logger()

RETRY_FIRST_S = 1.0
RETRY_LAST_S = 60.0
"""Waits before a recording that failed while its stream is live is tried again: doubled each time. The engine
has tried for half a minute by then."""


class Reconciler:
    """Starts and ends recordings. Everything is done inside a change."""

    def __init__(self, board: Board, tz: str) -> None:
        self._board = board
        self._tz = tz  # of file names

    async def settle(self, change: Change) -> None:
        """Compare what stands with what runs, and do what is to be done."""
        desk = change.desk
        per_stream = self._board.quotas.per_stream
        if desk.push is not None:
            for task in desk.unresolved(per_stream):
                desk.orders[task.slot] = await self._order_of(change, task)
        made = plan(desk, desk.standing(change.now, per_stream))
        for running in made.stop:
            self.end(change, running, "stop")
        for running in made.finish:
            self.end(change, running, "finish")
        for running in made.rejoin:
            await self._rejoin(change, running)
        await self._start(change, made)
        await self.note_states(change)

    async def note_states(self, change: Change) -> None:
        """Bring the states of tasks into line with what is recorded for them."""
        for task in list(change.desk.tasks.values()):
            if task.state.is_running and (state := task_state(change.desk, task)) is not task.state:
                await self.enter(change, task, state)

    async def enter(self, change: Change, task: OpenTask, state: TaskState) -> None:
        """A task goes over to another state. One that is over is known no more."""
        entered(task.state, state)
        await change.session.execute(update(Task).where(Task.id == task.id).values(state=state.value))
        if state.is_over:
            del change.desk.tasks[task.id]
            if task.slot != "aliyun":
                change.desk.orders.pop(task.slot, None)
            change.afterwards.append(partial(self._forget, change, task))
        else:
            change.desk.tasks[task.id] = replace(task, state=state)

    def _forget(self, change: Change, task: OpenTask) -> None:
        self._board.schedule.drop(Due("task_begins", change.desk.key, task.id))
        self._board.schedule.drop(Due("task_ends", change.desk.key, task.id))

    # Orders

    def is_mixed(self, change: Change, asked: bool = False) -> bool:
        """The mix is what is recorded: it was asked for, or is put out in place of the stream."""
        return asked or self._board.routes.mix_reuses_name(change.desk.key)

    async def _order_of(self, change: Change, task: OpenTask) -> Order:
        groups = (
            await self._template_groups(change, task.template_id)
            if task.family == "record"
            else inline_groups(task.family, task.options)
        )
        return Order(
            cause="task",
            groups=groups,
            task_id=task.id,
            template_id=task.template_id if task.family == "record" else None,
            task=task.public_id,
            request_id=task.request_id,
            is_mixed=self.is_mixed(change, task.is_mixed),
            ends_with_push=task.is_deleted,
        )

    async def _template_groups(self, change: Change, id: int | None) -> tuple[Group, ...]:
        template: RecordTemplate | None = await RECORD.get(change.session, id) if id else None
        return default_groups(self._board.default_format) if template is None else template_groups(template)

    # Recordings

    def end(self, change: Change, running: Running, how: Literal["stop", "finish"]) -> None:
        """A recording is told to end: at once, or when what its push still holds is read."""
        fleet = self._board.fleet
        change.desk.running[running.id] = replace(running, is_ending=True, is_paused=False)
        change.afterwards.append(
            partial(self._board.schedule.drop, Due("delay_over", change.desk.key, running.id))
        )
        change.errands.append(partial(fleet.stop if how == "stop" else fleet.finish, running.id))

    async def stop(self, id: str) -> None:
        """As `Control.stop_recording`."""
        key = self._board.where.get(id)
        if key is None:
            raise UnknownRecording(f"recording {id}: it has ended, or there is none of that id")
        async with self._board.change(key) as change:
            running = change.desk.running.get(id)
            if running is None:
                raise UnknownRecording(f"recording {id} has ended")
            if running.is_ending:
                return
            row = await recordings.get(change.session, id)
            assert row is not None
            # The order still stands: without this another recording would begin at once or after a restart.
            change.desk.held_off.add((running.slot, running.group.label))
            row.options = {**row.options, "is_held_off": True}
            self.end(change, running, "stop")
            await self.settle(change)

    async def _rejoin(self, change: Change, running: Running) -> None:
        push = change.desk.push
        assert push is not None
        row = await recordings.get(change.session, running.id)
        assert row is not None
        row.push_id = push.id
        change.desk.running[running.id] = replace(running, push_id=push.id)
        change.errands.append(partial(self._board.fleet.resume, running.id))

    async def _start(self, change: Change, made: Plan) -> None:
        sessions = {
            running.slot: running.session_id
            for running in change.desk.running.values()
            if not running.is_ending
        }
        for order, group in made.start:
            await self._begin(change, order, group, sessions.setdefault(order.slot, session_id()))

    async def _begin(self, change: Change, order: Order, group: Group, session: str) -> None:
        """A recording, stored before it is started: a process that dies in between leaves it to the next."""
        desk, board = change.desk, self._board
        assert desk.push is not None
        url = board.routes.url(desk.key, order.is_mixed)
        spec = group.spec(recording_id(), desk.key, board.root, url, self._tz)
        assert spec.id is not None
        row = Recording(
            id=spec.id,
            session_id=session,
            cause=order.cause,
            task_id=order.task_id,
            template_id=order.template_id,
            config_id=order.config_id,
            domain=desk.key.domain,
            app=desk.key.app,
            stream=desk.key.stream,
            is_mixed=order.is_mixed,
            push_id=desk.push.id,
            url=url,
            spec=spec.model_dump(mode="json"),
            options=order.options(group, desk.push.params),
            state="starting",
            began_at=change.now,
            ended_at=None,
        )
        change.session.add(row)
        desk.running[spec.id] = Running(
            id=spec.id,
            session_id=session,
            slot=order.slot,
            group=group,
            task_id=order.task_id,
            push_id=desk.push.id,
        )
        change.errands.append(self.starting(row, spec, url))

    def starting(self, row: Recording, spec: RecordSpec, url: str) -> Callable[[], Awaitable[None]]:
        """Return the work that starts a stored recording, or continues one that a process left."""
        formats = [format.value for format in spec.format]
        return partial(
            self._start_now, spec, url, {**recording_ids(row), "cause": row.cause, "formats": formats}
        )

    async def _start_now(self, spec: RecordSpec, url: str, fields: dict[str, Any]) -> None:
        assert spec.id is not None
        log = _log.bind(**fields)
        log.info("recording.started")
        try:
            await self._board.fleet.start(spec, url)
        except ReelError as error:
            log.warning("recording.refused", error=str(error))
            await self.refused(spec.id, error)

    async def refused(self, id: str, error: ReelError) -> None:
        """The fleet does not take it, and will not if asked again."""
        key = self._board.where.get(id)
        if key is None:
            return
        async with self._board.change(key) as change:
            await self.ended(change, id, error.code)

    async def ended(
        self, change: Change, id: str, error: str = "", *, may_retry: bool = False, settles: bool = True
    ) -> None:
        """A recording is over. When it failed and its order stands, another one is tried in a while."""
        desk = change.desk
        running = desk.running.pop(id, None)
        row = await recordings.get(change.session, id)
        if row is None or row.ended_at is not None:
            return
        await self._tell_end(change, row, error)
        row.state, row.ended_at = "ended", change.now
        change.log("recording.ended", **recording_ids(row), **({"error": error} if error else {}))
        if running is not None and not running.is_ending and desk.push is not None:
            self._hold_off(change, running, may_retry=may_retry)
        if settles:
            await self.settle(change)

    async def _tell_end(self, change: Change, row: Recording, error: str) -> None:
        """What never began has no end; that it failed is told."""
        tell = self._board.messages.recording_status
        was_live = row.state != "starting"
        if error:
            await tell(change.session, row, "error" if was_live else "failed", change.now)
        if was_live:
            await tell(change.session, row, "ended", change.now)

    def _hold_off(self, change: Change, running: Running, *, may_retry: bool) -> None:
        place = (running.slot, running.group.label)
        change.desk.held_off.add(place)
        if may_retry:
            tries = change.desk.tries[place] = change.desk.tries.get(place, 0) + 1
            wait_s = min(RETRY_FIRST_S * 2 ** min(tries - 1, 30), RETRY_LAST_S)
            change.afterwards.append(
                partial(
                    self._board.schedule.put,
                    Due("try_again", change.desk.key, place),
                    change.now + timedelta(seconds=wait_s),
                    is_delay=True,
                )
            )

"""What is known of one stream: its push, the tasks for it, what is ordered and what is being recorded. Pure.

Everything here is a value: a change works on a copy, which takes the old one's place when its transaction is
committed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from engine.catalog.schema import Push, Task
from engine.control.orders import Group, Order
from engine.control.states import TaskState
from engine.control.streams import StreamKey
from engine.media.events import TrackInfo


@dataclass(frozen=True, slots=True)
class OpenTask:
    """A task that is not over."""

    id: int
    family: str
    state: TaskState
    start_at: datetime
    end_at: datetime | None
    is_real_time: bool
    is_mixed: bool
    template_id: int | None
    options: Mapping[str, Any]
    public_id: str = ""
    """What clients call it."""
    request_id: str = ""
    is_deleted: bool = False
    """It records to the end of the push, and never again."""

    @classmethod
    def of(cls, task: Task) -> OpenTask:
        """From its row."""
        return cls(
            id=task.id,
            family=task.family,
            state=TaskState(task.state),
            start_at=task.start_at,
            end_at=task.end_at,
            is_real_time=task.is_real_time,
            is_mixed=task.is_mixed,
            template_id=task.template_id,
            options=task.options,
            public_id=task.public_id,
            request_id=task.request_id or "",
            is_deleted=task.deleted_at is not None,
        )

    @property
    def slot(self) -> str:
        """Its place among the orders of a stream."""
        return "aliyun" if self.family == "aliyun" else f"task:{self.id}"


@dataclass(frozen=True, slots=True)
class Running:
    """A recording that has not ended."""

    id: str
    session_id: str
    slot: str
    group: Group
    task_id: int | None
    push_id: int | None
    is_live: bool = False
    """It records media now."""
    was_live: bool = False
    is_paused: bool = False
    """By command; it is ended when its delay is over."""
    is_ending: bool = False
    """It was told to end."""
    tracks: tuple[TrackInfo, ...] = ()
    """Of what it records, as far as they are known."""


@dataclass(slots=True)
class Desk:
    """All that is known of a stream."""

    key: StreamKey
    push: Push | None = None
    tasks: dict[int, OpenTask] = field(default_factory=dict)
    orders: dict[str, Order] = field(default_factory=dict)
    """By slot, as they were when the push (or the task on it) began."""
    running: dict[str, Running] = field(default_factory=dict)
    held_off: set[tuple[str, str]] = field(default_factory=set)
    """Slots and groups whose recording failed, and is not tried again yet."""
    tries: dict[tuple[str, str], int] = field(default_factory=dict)
    """By slot and group: how often it failed since it last was live."""
    is_stopped: bool = False
    """By Aliyun's command, until the next push."""

    def copy(self) -> Desk:
        """To be changed."""
        return Desk(
            self.key,
            self.push,
            dict(self.tasks),
            dict(self.orders),
            dict(self.running),
            set(self.held_off),
            dict(self.tries),
            self.is_stopped,
        )

    @property
    def is_empty(self) -> bool:
        """Nothing is known that matters."""
        return self.push is None and not self.tasks and not self.running

    def recording_tasks(self, per_stream: int) -> list[OpenTask]:
        """Tasks whose turn it is: all that are in their window, but of CreateRecordTask only so many, those
        that were created first."""
        tasks = [task for _, task in sorted(self.tasks.items()) if task.state.is_running]
        limited = [task for task in tasks if task.family == "record"]
        idle = {task.id for task in limited[per_stream:]} if per_stream else set()
        return [task for task in tasks if task.id not in idle]

    def standing(self, now: datetime, per_stream: int) -> dict[str, Order]:
        """The orders that are to be recorded while the stream is live, by slot."""
        slots = ["rule", "settings"] if self.is_stopped else ["rule", "settings", "aliyun"]
        slots += [task.slot for task in self.recording_tasks(per_stream) if task.family != "aliyun"]
        orders = ((slot, self.orders.get(slot)) for slot in slots)
        return {slot: order for slot, order in orders if order is not None and order.stands(now)}

    def unresolved(self, per_stream: int) -> list[OpenTask]:
        """Tasks whose turn it is, and of which is not known what they record of this push."""
        turns = self.recording_tasks(per_stream)
        return [task for task in turns if task.family != "aliyun" and task.slot not in self.orders]


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be done so that what is ordered is what is recorded."""

    stop: list[Running]
    """At once."""
    finish: list[Running]
    """When what the push still holds is read."""
    rejoin: list[Running]
    """It goes on with this push what it recorded of another."""
    start: list[tuple[Order, Group]]


def plan(desk: Desk, standing: Mapping[str, Order]) -> Plan:
    """Compare what stands with what runs. The orders are those of the push that is live or, when there is
    none, of the last one."""
    made = Plan([], [], [], [])
    covered: set[tuple[str, str]] = set()
    for running in desk.running.values():
        if running.is_ending or running.is_paused:
            if running.is_paused:
                covered.add((running.slot, running.group.label))
            continue
        order = standing.get(running.slot)
        if order is None or running.group not in order.groups or running.task_id != order.task_id:
            made.stop.append(running)
        elif desk.push is not None:
            covered.add((running.slot, running.group.label))
            if running.push_id != desk.push.id:
                made.rejoin.append(running)
        elif order.ends_with_push or not running.group.splice_s:
            made.finish.append(running)
    if desk.push is not None:
        made.start.extend(
            (order, group)
            for order in standing.values()
            for group in order.groups
            if (order.slot, group.label) not in covered and (order.slot, group.label) not in desk.held_off
        )
    return made


def task_state(desk: Desk, task: OpenTask) -> TaskState:
    """The state of a task in its window, by what is recorded for it."""
    own = [running for running in desk.running.values() if running.task_id == task.id]
    if any(running.is_live and not running.is_ending for running in own):
        return TaskState.RECORDING
    return TaskState.INTERRUPTED if task.state is TaskState.RECORDING else task.state

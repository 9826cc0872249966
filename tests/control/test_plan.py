"""What is ordered against what runs, whatever both are."""

from __future__ import annotations

from dataclasses import replace

from house import KEY, START
from hypothesis import given
from hypothesis import strategies as st

from engine.catalog.schema import Push
from engine.control.desk import Desk, OpenTask, Plan, Running, plan, task_state
from engine.control.orders import Group, Order, Output
from engine.control.states import TaskState
from engine.media.codecs import Format

GROUPS = [
    Group(outputs=(Output(format=Format.FLV),), interval_s=1800),
    Group(outputs=(Output(format=Format.HLS),), splice_s=60),
    Group(outputs=(Output(format=Format.MP4),), interval_s=1800, splice_s=180, splice_all=True),
]
SLOTS = ["rule", "aliyun", "task:1"]


def push(id: int) -> Push:
    return Push(id=id, domain=KEY.domain, app=KEY.app, stream=KEY.stream, began_at=START, source="srs")


@st.composite
def orders(draw: st.DrawFn) -> dict[str, Order]:
    made = {}
    for slot in draw(st.lists(st.sampled_from(SLOTS), unique=True)):
        cause, _, task = slot.partition(":")
        groups = tuple(draw(st.lists(st.sampled_from(GROUPS), unique_by=lambda group: group.label)))
        order = Order(
            cause=cause,  # type: ignore[arg-type]
            groups=groups,
            task_id=int(task) if task else None,
            ends_with_push=draw(st.booleans()),
        )
        made[slot] = order
    return made


@st.composite
def desks(draw: st.DrawFn) -> Desk:
    desk = Desk(KEY, push=draw(st.sampled_from([None, push(1), push(2)])))
    for number in range(draw(st.integers(0, 6))):
        slot = draw(st.sampled_from(SLOTS))
        is_ending = draw(st.booleans())
        desk.running[str(number)] = Running(
            id=str(number),
            session_id="1",
            slot=slot,
            group=draw(st.sampled_from(GROUPS)),
            task_id=int(slot.partition(":")[2]) if ":" in slot else None,
            push_id=draw(st.sampled_from([1, 2])),
            is_paused=not is_ending and slot == "aliyun" and draw(st.booleans()),
            is_ending=is_ending,
        )
    places = st.tuples(st.sampled_from(SLOTS), st.sampled_from([group.label for group in GROUPS]))
    desk.held_off = draw(st.sets(places, max_size=3))
    return desk


def carry_out(desk: Desk, made: Plan) -> Desk:
    """The desk when all of it is done."""
    after = desk.copy()
    for running in (*made.stop, *made.finish):
        after.running[running.id] = replace(running, is_ending=True)
    for running in made.rejoin:
        assert desk.push is not None
        after.running[running.id] = replace(running, push_id=desk.push.id)
    for number, (order, group) in enumerate(made.start):
        assert desk.push is not None
        after.running[f"new-{number}"] = Running(
            id=f"new-{number}",
            session_id="2",
            slot=order.slot,
            group=group,
            task_id=order.task_id,
            push_id=desk.push.id,
        )
    return after


@given(desks(), orders())
def test_a_plan_that_is_carried_out_leaves_nothing_to_do(desk: Desk, standing: dict[str, Order]) -> None:
    assert plan(carry_out(desk, plan(desk, standing)), standing) == Plan([], [], [], [])


@given(desks(), orders())
def test_while_a_stream_is_live_all_that_stands_is_recorded_and_nothing_else(
    desk: Desk, standing: dict[str, Order]
) -> None:
    after = carry_out(desk, plan(desk, standing))
    active = [running for running in after.running.values() if not running.is_ending]
    for running in active:
        if not running.is_paused:
            assert running.group in standing[running.slot].groups
    if desk.push is not None:
        wanted = {(slot, group.label) for slot, order in standing.items() for group in order.groups}
        places = {(running.slot, running.group.label) for running in active}
        assert wanted - desk.held_off <= places
        assert all(running.push_id == desk.push.id for running in active if not running.is_paused)


@given(desks(), orders())
def test_while_nobody_publishes_only_what_may_be_spliced_is_kept(
    desk: Desk, standing: dict[str, Order]
) -> None:
    desk.push = None
    made = plan(desk, standing)
    assert not made.start
    assert not made.rejoin
    for running in carry_out(desk, made).running.values():
        if not running.is_ending and not running.is_paused:
            assert running.group.splice_s
            assert not standing[running.slot].ends_with_push


def open_task(id: int, family: str = "record", state: TaskState = TaskState.WAITING) -> OpenTask:
    return OpenTask(
        id=id,
        family=family,
        state=state,
        start_at=START,
        end_at=None,
        is_real_time=False,
        is_mixed=False,
        template_id=None,
        options={},
    )


@given(
    st.lists(st.tuples(st.sampled_from(["record", "live", "legacy"]), st.sampled_from(list(TaskState)))),
    st.integers(0, 4),
)
def test_whose_turn_it_is(drawn: list[tuple[str, TaskState]], per_stream: int) -> None:
    tasks = {id: open_task(id, family, state) for id, (family, state) in enumerate(drawn)}
    desk = Desk(KEY, tasks=dict(reversed(tasks.items())))
    turns = desk.recording_tasks(per_stream)
    in_window = [task for task in tasks.values() if task.state.is_running]
    limited = [task for task in in_window if task.family == "record"]
    assert [task for task in turns if task.family == "record"] == limited[: per_stream or None]
    assert {task.id for task in in_window if task.family != "record"} <= {task.id for task in turns}


def test_a_tasks_state_is_that_of_its_recordings() -> None:
    desk = Desk(KEY)
    running = Running("a", "1", "task:1", GROUPS[0], 1, 1)
    task = open_task(1)
    desk.running["a"] = running
    assert task_state(desk, task) is TaskState.WAITING
    desk.running["a"] = replace(running, is_live=True, was_live=True)
    assert task_state(desk, task) is TaskState.RECORDING
    assert task_state(desk, open_task(2)) is TaskState.WAITING
    desk.running["a"] = replace(running, is_live=True, is_ending=True)
    assert task_state(desk, replace(task, state=TaskState.RECORDING)) is TaskState.INTERRUPTED

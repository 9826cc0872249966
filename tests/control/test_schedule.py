"""The schedule, and steps of the wall clock, drawn at random."""

from __future__ import annotations

from datetime import datetime, timedelta

from house import START
from hypothesis import given
from hypothesis import strategies as st

from engine.control.schedule import Schedule, Steps

seconds = st.integers(-50, 50)


def moment(at_s: float) -> datetime:
    return START + timedelta(seconds=at_s)


@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("put"), st.integers(0, 5), seconds, st.booleans()),
            st.tuples(st.just("drop"), st.integers(0, 5)),
            st.tuples(st.just("step"), seconds),
            st.tuples(st.just("due"), seconds),
        ),
        max_size=40,
    )
)
def test_it_is_a_table_of_moments(steps: list[tuple]) -> None:  # type: ignore[type-arg]
    schedule: Schedule[int] = Schedule()
    table: dict[int, tuple[int, bool]] = {}
    for step in steps:
        match step:
            case ("put", key, at_s, is_delay):
                schedule.put(key, moment(at_s), is_delay=is_delay)
                table[key] = (at_s, is_delay)
            case ("drop", key):
                schedule.drop(key)
                table.pop(key, None)
            case ("step", by_s):
                schedule.step(timedelta(seconds=by_s))
                table = {key: (at_s + by_s * is_delay, is_delay) for key, (at_s, is_delay) in table.items()}
            case ("due", now_s):
                due = schedule.due(moment(now_s))
                ripe = {key: at_s for key, (at_s, _) in table.items() if at_s <= now_s}
                assert sorted(due) == sorted(ripe)
                assert [ripe[key] for key in due] == sorted(ripe.values())
                table = {key: entry for key, entry in table.items() if key not in ripe}
        assert len(schedule) == len(table)


def test_keys_that_move_all_the_time_fill_no_memory() -> None:
    schedule: Schedule[str] = Schedule()
    for n in range(10_000):
        schedule.put("key", moment(n))
    assert len(schedule._heap) < 100
    assert schedule.due(moment(9_998)) == []
    assert schedule.due(moment(9_999)) == ["key"]


@given(st.lists(st.tuples(st.floats(0, 5), st.sampled_from([0.0, 0.4, -0.9, 1.5, -3600.0, 86400.0]))))
def test_steps_are_told_from_time_that_passes(passed: list[tuple[float, float]]) -> None:
    wall_s = steady_s = 0.0
    steps = Steps(moment(wall_s), steady_s)
    for passes_s, by_s in passed:
        wall_s += passes_s + by_s
        steady_s += passes_s
        step = steps.look(moment(wall_s), steady_s)
        if abs(by_s) < 1:
            assert step is None
        else:
            assert step is not None
            assert abs(step.total_seconds() - by_s) < 1e-3

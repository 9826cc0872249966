"""Which worker a recording goes to, how long a dead one waits, and which files have been told of."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from engine.fleet.backoff import DeathBackoff
from engine.fleet.placement import Candidate, Load, least_loaded
from engine.fleet.told import Told


def used(*shares: float) -> Load:
    """A load that was measured each second."""
    load, cpu_s = Load(), 0.0
    load.measure(0.0, 0.0)
    for second, share in enumerate(shares, 1):
        cpu_s += share
        load.measure(cpu_s, float(second))
    return load


def test_the_least_loaded_is_chosen_whatever_it_hosts() -> None:
    busy, idle = used(*[0.6] * 30), used(*[0.2] * 30)
    assert least_loaded([Candidate(True, busy, 1), Candidate(True, idle, 50)]) == 1


def test_of_those_that_are_alike_the_one_with_fewer_recordings() -> None:
    loads = [used(*[0.201] * 30), used(*[0.204] * 30)]
    assert least_loaded([Candidate(True, loads[0], 7), Candidate(True, loads[1], 6)]) == 1
    assert least_loaded([Candidate(True, loads[0], 6), Candidate(True, loads[1], 7)]) == 0


def test_a_dead_one_is_chosen_only_when_all_are() -> None:
    assert least_loaded([Candidate(False, Load(), 0), Candidate(True, used(0.9), 90)]) == 1
    assert least_loaded([Candidate(False, Load(), 1), Candidate(False, Load(), 0)]) == 1


@given(
    st.lists(st.tuples(st.floats(0, 0.9), st.integers(0, 200)), min_size=2, max_size=8), st.integers(8, 200)
)
def test_many_that_come_at_once_are_spread(workers: list[tuple[float, int]], coming: int) -> None:
    """Before anything is measured anew no worker is given more than evens it out with the others."""
    loads = [used(*[share] * 30) for share, _ in workers]
    counts = [count for _, count in workers]
    total = sum(load.share for load in loads)
    each = total / sum(counts) if total and sum(counts) else 0.002
    before = [load.share for load in loads]
    for _ in range(coming):
        chosen = least_loaded(
            [Candidate(True, load, count) for load, count in zip(loads, counts, strict=True)]
        )
        loads[chosen].given += 1
        counts[chosen] += 1
    reached = [share + load.given * each for share, load in zip(before, loads, strict=True)]
    given_to = [level for level, load in zip(reached, loads, strict=True) if load.given]
    assert max(given_to) - min(reached) <= each * 2 + 0.02


def test_load_is_smoothed_and_begins_with_the_second_measurement() -> None:
    load = Load()
    load.measure(5.0, 100.0)  # its start-up is no load of recordings
    assert load.share == 0
    load.measure(6.0, 101.0)
    assert 0 < load.share < 1
    for second in range(30):
        load.measure(6.0 + second, 101.0 + second)
    assert abs(load.share - 1) < 0.01


def test_a_worker_that_keeps_dying_is_started_more_and_more_seldom() -> None:
    backoff = DeathBackoff()
    waits = [backoff.next_s(1.0) for _ in range(10)]
    assert waits == [0, 0.5, 1, 2, 4, 8, 16, 30, 30, 30]
    assert backoff.next_s(3600.0) == 0
    assert backoff.next_s(1.0) == 0.5


def test_the_newest_files_are_remembered() -> None:
    told = Told()
    for number in range(10_050):
        told.add(f"{number}.flv")
    assert "10049.flv" in told
    assert "50.flv" in told
    assert "49.flv" not in told

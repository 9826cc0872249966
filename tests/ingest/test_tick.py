"""How long a source sleeps: between reads, and between connections."""

from __future__ import annotations

from itertools import pairwise
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.ingest.tick import Backoff, Tick, wake_time_s
from engine.media.limits import (
    BACKOFF_FIRST_S,
    BACKOFF_LAST_S,
    TICK_FIRST_S,
    TICK_LAST_S,
)

WINDOW = 200_000
JITTER = 1.051


class Middle(Random):
    """Draws the middle of every range, so that growth can be seen."""

    def uniform(self, a: float, b: float) -> float:
        return (a + b) / 2


def test_ticks_start_short_and_lengthen_while_little_comes() -> None:
    tick = Tick(Middle())
    sleeps = [tick.next_s(1_000, WINDOW) for _ in range(12)]
    assert sleeps[0] <= 2 * TICK_FIRST_S
    assert sleeps == sorted(sleeps)
    assert sleeps[-1] == TICK_LAST_S


@pytest.mark.parametrize("full", [WINDOW // 2, WINDOW, 10 * WINDOW])
def test_ticks_shorten_when_half_the_window_was_full(full: int) -> None:
    tick = Tick(Middle())
    while tick.next_s(0, WINDOW) < TICK_LAST_S * 0.99:
        pass
    sleeps = [tick.next_s(full, WINDOW) for _ in range(10)]
    assert sleeps == sorted(sleeps, reverse=True)
    assert sleeps[0] == pytest.approx(TICK_LAST_S / 2)
    assert 0 < sleeps[-1] < TICK_FIRST_S


def test_between_a_quarter_and_half_of_the_window_the_tick_stays() -> None:
    tick = Tick(Middle())
    first = tick.next_s(WINDOW // 3, WINDOW)
    assert tick.next_s(WINDOW // 3, WINDOW) == first


@given(st.lists(st.tuples(st.integers(0, 1 << 24), st.integers(1, 1 << 24)), max_size=50), st.integers())
def test_ticks_stay_within_their_bounds(reads: list[tuple[int, int]], seed: int) -> None:
    tick = Tick(Random(seed))
    for read_bytes, window_bytes in reads:
        sleep_s = tick.next_s(read_bytes, window_bytes)
        assert 0 < sleep_s <= TICK_LAST_S * JITTER


@given(st.floats(0, TICK_LAST_S), st.floats(0, 1e6), st.floats(0, TICK_LAST_S, exclude_max=True))
def test_long_sleeps_end_where_they_are_told_and_none_is_prolonged(
    sleep_s: float, now_s: float, wakes_at_s: float
) -> None:
    wakes_s = wake_time_s(sleep_s, now_s, wakes_at_s)
    slept_s = wakes_s - now_s
    if sleep_s < TICK_LAST_S / 4:
        assert wakes_s == now_s + sleep_s
        return
    assert -1e-6 < slept_s <= sleep_s + 1e-6
    quarters = (wakes_s - wakes_at_s) / TICK_LAST_S * 4
    assert quarters == pytest.approx(round(quarters), abs=1e-3)


@given(st.floats(0, 1e6), st.floats(0, 0.95), st.floats(0, 0.2))
def test_who_wakes_late_sleeps_less_and_keeps_its_place(
    now_s: float, wakes_at_s: float, late_s: float
) -> None:
    on_time_s = wake_time_s(TICK_LAST_S, now_s, wakes_at_s)
    again_s = wake_time_s(TICK_LAST_S, on_time_s + late_s + 1e-6, wakes_at_s)
    assert again_s == pytest.approx(on_time_s + TICK_LAST_S, abs=1e-3)


@given(st.floats(0, 1e6), st.floats(0, 0.95), st.floats(0, 0.9))
def test_a_slot_wakes_at_one_number(now_s: float, wakes_at_s: float, later_s: float) -> None:
    first_s = wake_time_s(TICK_LAST_S, now_s, wakes_at_s)
    other_s = wake_time_s(TICK_LAST_S, now_s + later_s, wakes_at_s)
    assert other_s == first_s or other_s > first_s + TICK_LAST_S / 2


def test_many_recordings_do_not_tick_together() -> None:
    ticks = [Tick(Random(seed)) for seed in range(20)]
    assert len({tick.next_s(0, WINDOW) for tick in ticks}) == 20


def test_waits_double_up_to_the_longest_and_start_again_after_a_stream() -> None:
    backoff = Backoff(Middle())
    waits = [backoff.next_s() for _ in range(9)]
    for before, after in pairwise(waits):
        assert after == pytest.approx(min(2 * before, 0.75 * BACKOFF_LAST_S))
    backoff.reset()
    assert backoff.next_s() == waits[0]


@given(st.integers())
def test_waits_have_jitter_and_bounds(seed: int) -> None:
    backoff = Backoff(Random(seed))
    wanted_s = BACKOFF_FIRST_S
    for _ in range(12):
        assert wanted_s / 2 <= backoff.next_s() <= wanted_s
        wanted_s = min(wanted_s * 2, BACKOFF_LAST_S)

"""How long a source sleeps: between reads, and between connections."""

from __future__ import annotations

from itertools import pairwise
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.ingest.tick import Backoff, Tick, slotted_s
from engine.media.limits import BACKOFF_FIRST_S, BACKOFF_LAST_S, TICK_FIRST_S, TICK_LAST_S, TICK_SLOT_S

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


def test_long_ticks_are_of_one_length_and_begin_anywhere() -> None:
    """So recordings that begin together end in every slot, and each stays in its own."""
    firsts = set()
    for seed in range(100):
        tick = Tick(Random(seed))
        sleeps = [tick.next_s(1_000, WINDOW) for _ in range(20)]
        assert sleeps[-3:] == [TICK_LAST_S] * 3
        now_s = slotted_s(1.0, 77.0 + sum(sleeps[:17])) + 77.0 + sum(sleeps[:17])
        firsts.add(round(now_s % TICK_LAST_S / TICK_SLOT_S) % round(TICK_LAST_S / TICK_SLOT_S))
        late_s = now_s + 0.04  # of a busy process
        assert late_s + slotted_s(TICK_LAST_S, late_s) == pytest.approx(now_s + TICK_LAST_S)
    assert firsts == {0, 1, 2, 3}


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


@given(st.floats(0, 2), st.floats(0, 1e6))
def test_long_sleeps_end_together_and_none_is_prolonged(sleep_s: float, now_s: float) -> None:
    slept_s = slotted_s(sleep_s, now_s)
    if sleep_s < 2 * TICK_SLOT_S:
        assert slept_s == sleep_s
        return
    assert sleep_s - TICK_SLOT_S - 1e-6 < slept_s <= sleep_s + 1e-6
    slots = (now_s + slept_s) / TICK_SLOT_S
    assert slots == pytest.approx(round(slots), abs=1e-3)


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

"""Quotas, against counting by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.control.quotas import DayCount, check_running, peak
from engine.errors import TooManyRunning, TooManyTasks
from engine.media.civil_time import china_day

ORIGIN = datetime(2026, 3, 1, tzinfo=UTC)


def at(minute: int) -> datetime:
    return ORIGIN + timedelta(minutes=minute)


windows = st.lists(st.tuples(st.integers(0, 20), st.integers(0, 20)), max_size=12)


@given(windows, st.integers(0, 20), st.integers(1, 20))
def test_the_peak_is_that_of_each_minute(drawn: list[tuple[int, int]], start: int, length: int) -> None:
    counts = [sum(a <= minute < b for a, b in drawn) for minute in range(start, start + length)]
    assert peak([(at(a), at(b)) for a, b in drawn], at(start), at(start + length)) == max(counts)


def test_windows_that_touch_do_not_share_a_moment() -> None:
    check_running(1, [(at(0), at(5)), (at(9), at(12))], at(5), at(9))
    with pytest.raises(TooManyRunning):
        check_running(1, [(at(0), at(5))], at(4), at(9))
    check_running(0, [(at(0), at(5))] * 1000, at(0), at(5))


@given(st.lists(st.tuples(st.integers(0, 90_000), st.booleans()), max_size=60), st.integers(0, 4))
def test_a_day_is_chinas(steps: list[tuple[int, bool]], limit: int) -> None:
    now = datetime(2026, 3, 1, 15, 0, tzinfo=UTC)
    day = DayCount(limit, china_day(now))
    created: list[datetime] = []
    for seconds, deletes in steps:
        now += timedelta(seconds=seconds)
        if deletes and created:
            day.give_back(created.pop())
            continue
        today = sum(china_day(one) == china_day(now) for one in created)
        if limit and today >= limit:
            with pytest.raises(TooManyTasks):
                day.take(now)
        else:
            day.take(now)
            created.append(now)

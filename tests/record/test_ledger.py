"""G1: gaps are in order, never overlap, and tile the window with what was recorded."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from engine.record.ledger import Gap, Ledger

START = datetime(2026, 1, 1, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def test_a_gap() -> None:
    ledger = Ledger()
    assert ledger.open_reason is None
    ledger.open("not_live", at(0))
    assert ledger.open_reason == "not_live"
    assert ledger.close(at(2)) == Gap("not_live", at(0), at(2))
    assert ledger.open_reason is None
    assert ledger.gaps == [Gap("not_live", at(0), at(2))]


def test_an_open_gap_goes_on_with_its_own_reason() -> None:
    ledger = Ledger()
    ledger.open("interrupted", at(1))
    ledger.open("stalled", at(2))
    assert ledger.close(at(3)) == Gap("interrupted", at(1), at(3))


def test_closing_without_a_gap_is_nothing() -> None:
    ledger = Ledger()
    assert ledger.close(at(1)) is None
    assert ledger.gaps == []


def test_a_gap_without_length_is_not_kept() -> None:
    ledger = Ledger()
    ledger.open("not_live", at(1))
    assert ledger.close(at(1)) == Gap("not_live", at(1), at(1))
    assert ledger.gaps == []


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 5)), max_size=60))
def test_gaps_and_what_lies_between_tile_the_window(steps: list[tuple[bool, int]]) -> None:
    ledger = Ledger()
    now, covered = 0, 0
    for opens, seconds in steps:
        if opens:
            ledger.open("interrupted", at(now))
        else:
            ledger.close(at(now))
        covered += seconds if ledger.open_reason else 0
        now += seconds
    ledger.close(at(now))
    for before, after in pairwise(ledger.gaps):
        assert before.end <= after.start
    assert all(gap.start < gap.end for gap in ledger.gaps)
    assert sum((gap.end - gap.start).total_seconds() for gap in ledger.gaps) == covered

"""G1: recorded intervals and gaps tile the window, whatever is said of it in whichever order."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from engine.media.manifest import Gap, Interval, Part
from engine.record.ledger import Ledger, join, tile

START = datetime(2026, 1, 1, tzinfo=UTC)
REASONS = ("not_live", "interrupted", "stalled", "storage", "process_down", "unsupported")


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def gap(reason: Any, start: float, end: float) -> Gap:
    return Gap(reason=reason, start=at(start), end=at(end))


def interval(start: float, end: float) -> Interval:
    return Interval(start=at(start), end=at(end))


def assert_tiles(part: Part, start: datetime, end: datetime) -> None:
    """The part's pieces follow each other from `start` to `end`."""
    assert (part.covers.start, part.covers.end) == (start, end)
    pieces = sorted([*part.recorded, *part.gaps], key=lambda piece: piece.start)
    for piece in pieces:
        assert piece.start < piece.end
    borders = [start, *(piece.end for piece in pieces)]
    assert [piece.start for piece in pieces] == borders[:-1]
    assert borders[-1] == end


def test_a_stream_that_is_late_and_breaks_off_once() -> None:
    ledger = Ledger(at(0))
    assert ledger.reason == "not_live"
    assert ledger.record(at(2), at(3)) == [gap("not_live", 0, 2)]
    assert ledger.record(None, at(10)) == []
    ledger.mark("interrupted")
    assert ledger.record(at(14), at(20)) == [gap("interrupted", 10, 14)]
    assert ledger.miss(at(25)) == [gap("stalled", 20, 25)]  # nobody said why
    part = ledger.split()
    assert part.recorded == [interval(2, 10), interval(14, 20)]
    assert part.gaps == [gap("not_live", 0, 2), gap("interrupted", 10, 14), gap("stalled", 20, 25)]
    assert_tiles(part, at(0), at(25))


def test_what_is_known_elsewhere_is_forgotten() -> None:
    """S7: the account of a recording does not grow with its interruptions."""
    ledger = Ledger(at(0))
    for second in range(1, 1000, 2):
        ledger.record(at(second), at(second + 1))
        ledger.mark("interrupted")
        ledger.forget()
    ledger.record(at(1001), at(1002))
    part = ledger.split()
    assert part.recorded == [interval(1001, 1002)]
    assert part.gaps == [gap("interrupted", 1000, 1001)]
    assert_tiles(part, at(1000), at(1002))


def test_a_gap_whose_reason_changes() -> None:
    ledger = Ledger(at(0))
    ledger.record(at(0), at(5))
    ledger.mark("interrupted")
    ledger.mark("storage", at(8))
    ledger.mark("process_down", at(9))
    assert ledger.record(at(12), at(13)) == [
        gap("interrupted", 5, 8),
        gap("storage", 8, 9),
        gap("process_down", 9, 12),
    ]


def test_a_reconnect_that_goes_on_where_it_broke_off_leaves_no_gap() -> None:
    ledger = Ledger(at(0))
    ledger.record(at(0), at(5))
    ledger.mark("interrupted")
    assert ledger.record(None, at(7)) == []
    assert ledger.split().gaps == []


def test_what_was_taken_for_recorded_is_lost() -> None:
    ledger = Ledger(at(0))
    ledger.record(at(1), at(9))
    ledger.lose(at(6), "storage")
    assert ledger.missing_since == at(6)
    ledger.mark("storage")
    assert ledger.record(at(12), at(13)) == [gap("storage", 9, 12)]
    part = ledger.split()
    assert part.gaps == [gap("not_live", 0, 1), gap("storage", 6, 12)]
    assert_tiles(part, at(0), at(13))


def test_parts_follow_each_other() -> None:
    ledger = Ledger(at(0))
    ledger.record(at(1), at(9))
    first = ledger.split(at(6))
    assert_tiles(first, at(0), at(6))
    second = ledger.split()
    assert second == Part(covers=interval(6, 9), recorded=[interval(6, 9)], gaps=[])
    ledger.give_back(second)
    ledger.miss(at(10))
    assert_tiles(join(first, ledger.split()), at(0), at(10))


moments = st.integers(0, 1000).map(lambda tenths: at(tenths / 10))
steps = st.one_of(
    st.tuples(st.just("record"), st.none() | moments, moments),
    st.tuples(st.just("miss"), moments),
    st.tuples(st.just("mark"), st.sampled_from(REASONS), st.none() | moments),
    st.tuples(st.just("lose"), moments, st.sampled_from(REASONS)),
    st.tuples(st.just("split"), st.none() | moments),
    st.tuples(st.just("keep")),
)


@given(st.lists(steps, max_size=40), moments)
def test_it_tiles_the_window(script: list[tuple[Any, ...]], end: datetime) -> None:
    ledger = Ledger(START)
    parts: list[Part] = []
    for name, *arguments in script:
        if name == "split":
            parts.append(ledger.split(*arguments))
        elif name == "keep":
            if parts:
                ledger.give_back(parts.pop())
        else:
            before = ledger.until
            closed = getattr(ledger, name)(*arguments)
            assert ledger.until >= before
            for one, two in pairwise(closed or ()):
                assert one.end == two.start
    ledger.miss(end)
    parts.append(ledger.split())
    until = START
    for part in parts:
        assert_tiles(part, until, part.covers.end)
        assert part == tile(part.covers, part.gaps)
        until = part.covers.end
    assert until == ledger.until >= end


def test_a_single_frame_ends_the_gap_before_it() -> None:
    """What goes on from it must not claim the gap for recorded."""
    start = datetime(2026, 1, 1, tzinfo=UTC)
    first, last = start + timedelta(seconds=30), start + timedelta(seconds=31)
    ledger = Ledger(start, "storage")
    assert [(gap.start, gap.end) for gap in ledger.record(first, first)] == [(start, first)]
    ledger.record(None, last)
    part = ledger.split()
    assert [(piece.start, piece.end) for piece in part.recorded] == [(first, last)]
    assert [gap.reason for gap in part.gaps] == ["storage"]

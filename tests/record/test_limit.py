"""`duration`: media is let through until so much of it has passed, on however many clocks."""

from __future__ import annotations

from batches import audio, batch, video
from hypothesis import given
from hypothesis import strategies as st

from engine.record.limit import MediaLimit
from engine.segment import Begin, Cause, End, Media, Operation


def begin(section: int, cause: Cause, dts_ms: int) -> Begin:
    """The begin of a section."""
    return Begin(section=section, cause=cause, dts_ms=dts_ms, tracks=(), headers=(), metadata=b"")


def media(section: int, *times_ms: int) -> Media:
    """Video at these times."""
    return Media(section, batch(*(video(time, key=True) for time in times_ms)))


def times(operations: list[Operation]) -> list[int]:
    """The timestamps that are let through."""
    return [
        int(dts)
        for operation in operations
        if isinstance(operation, Media)
        for dts in operation.batch.tags["dts"]
    ]


def test_without_a_duration_everything_passes() -> None:
    limit = MediaLimit(None)
    operations = [begin(0, Cause.FIRST, 100), media(0, 100, 140), media(0, 10**9), End(0)]
    assert limit.pass_through(operations) == operations
    assert (limit.reached, limit.recorded_ms) == (False, 10**9 - 100)


def test_the_first_frame_that_is_too_late_ends_it() -> None:
    limit = MediaLimit(1000)
    passed = limit.pass_through(
        [begin(0, Cause.FIRST, 500), media(0, 500, 1499, 1500, 1460), media(0, 1480), End(0)]
    )
    assert times(passed) == [500, 1499]
    assert isinstance(passed[-1], End)
    assert (limit.reached, limit.recorded_ms) == (True, 999)
    late = [begin(1, Cause.INTERVAL, 1540), media(1, 1540), End(1)]
    assert limit.pass_through(late) == [End(1)]


def test_what_is_not_reached_is_not_reached() -> None:
    limit = MediaLimit(1000)
    limit.pass_through([begin(0, Cause.FIRST, 0), media(0, 0, 999)])
    assert not limit.reached
    limit.pass_through([media(0, 1000)])
    assert limit.reached


def test_a_push_or_a_jump_starts_another_clock_and_a_cut_does_not() -> None:
    limit = MediaLimit(3000)
    limit.pass_through([begin(0, Cause.FIRST, 0), media(0, 0, 1000)])
    assert limit.recorded_ms == 1000
    limit.pass_through([begin(1, Cause.INTERVAL, 1040), media(1, 1040, 1500)])
    assert limit.recorded_ms == 1500
    limit.pass_through([begin(2, Cause.JUMP, 70_000), media(2, 70_000, 70_500)])
    assert limit.recorded_ms == 2000
    passed = limit.pass_through([begin(3, Cause.FIRST, 5), media(3, 5, 1004, 1005)])
    assert times(passed) == [5, 1004]
    assert limit.reached


def test_audio_before_the_cut_point_counts_for_nothing() -> None:
    limit = MediaLimit(1000)
    early = Media(0, batch(audio(950), audio(990), video(1000, key=True)))
    passed = limit.pass_through([begin(0, Cause.FIRST, 1000), early])
    assert times(passed) == [950, 990, 1000]
    assert limit.recorded_ms == 0


@given(st.lists(st.integers(0, 3000), min_size=1, max_size=40), st.integers(1, 3000), st.integers(1, 7))
def test_the_division_into_batches_changes_nothing(times_ms: list[int], duration_ms: int, step: int) -> None:
    times_ms = sorted(times_ms)
    start = begin(0, Cause.FIRST, times_ms[0])
    whole = MediaLimit(duration_ms)
    expected = times(whole.pass_through([start, media(0, *times_ms)]))
    parts = MediaLimit(duration_ms)
    passed = parts.pass_through([start])
    for at in range(0, len(times_ms), step):
        passed += parts.pass_through([media(0, *times_ms[at : at + step])])
    assert times(passed) == expected == [t for t in times_ms if t - times_ms[0] < duration_ms]
    assert (parts.reached, parts.recorded_ms) == (whole.reached, whole.recorded_ms)

"""T17: clocks that jump, as a discontinuity and as a repair."""

from __future__ import annotations

import pytest
from batches import Tag, audio, batch, dts, video
from clocks import flagged, placed

from engine.media.batch import Kind
from engine.timeline import Repair, Timeline, What


def second(start: int, audio_ahead: int = 0) -> list[Tag]:
    """A second of 25 pictures and 40 audio frames."""
    tags = [video(start + 40 * at) for at in range(25)]
    tags += [audio(start + audio_ahead + 25 * at) for at in range(40)]
    return sorted(tags, key=lambda tag: tag[1])


def test_a_jump_is_flagged_once_for_both_tracks() -> None:
    piece = batch(video(0, key=True), audio(1), video(60_000), audio(60_001), video(60_040))
    assert Timeline().place(piece) == [Repair(What.JUMP, Kind.VIDEO, 60_000, 60_000)]
    assert dts(piece) == [0, 1, 60_000, 60_001, 60_040]
    assert flagged(piece) == [2]


def test_a_step_back_beyond_a_second_is_a_jump_and_a_small_one_is_not() -> None:
    assert placed(video(5000), video(4000)) == ([5000, 4000], [])
    assert placed(video(5000), video(3999))[1] == [Repair(What.JUMP, Kind.VIDEO, -1001, 3999)]


def test_a_step_ahead_beyond_ten_seconds_is_a_jump_and_one_within_is_not() -> None:
    assert placed(video(0), video(10_000)) == ([0, 10_000], [])
    assert placed(video(0), video(10_001))[1] == [Repair(What.JUMP, Kind.VIDEO, 10_001, 10_001)]


@pytest.mark.parametrize(("step", "jumps"), [(-201, 1), (-200, 0), (3000, 0), (3001, 1)])
def test_the_limits_are_settings(step: int, jumps: int) -> None:
    timeline = Timeline(jump_back_ms=200, jump_ahead_ms=3000)
    assert len(timeline.place(batch(video(5000), video(5000 + step)))) == jumps


@pytest.mark.parametrize("there", [3_600_000, 0])
def test_a_repaired_clock_goes_on_and_keeps_the_new_distance_of_audio_and_video(there: int) -> None:
    piece = batch(*second(500_000), *second(there, audio_ahead=7))
    repairs = Timeline(jump="repair").place(piece)
    assert repairs == [Repair(What.CONTINUED, Kind.VIDEO, there - 500_960, 501_000)]
    assert flagged(piece) == []
    assert dts(piece) == [time for _, time, _ in (*second(500_000), *second(501_000, audio_ahead=7))]


def test_the_frame_distance_is_measured() -> None:
    for step in (20, 33, 66, 500):
        times, _ = placed(*(video(step * at) for at in range(9)), video(900_000), jump="repair")
        assert times[-2:] == [8 * step, 9 * step]
    shared = [time for time in range(0, 400, 50) for _ in range(3)]  # T01
    times, _ = placed(*(video(time) for time in (*shared, 900_000)), jump="repair")
    assert times[-1] == 400
    times, _ = placed(video(0), video(900_000), jump="repair")
    assert times[-1] == 40, "nothing was there to measure"


def test_frames_of_the_old_clock_that_come_late_stay_on_it() -> None:
    tags = [
        *second(0),
        video(700_000),
        audio(1000),
        audio(1025),
        video(700_040),
        audio(700_050),
        video(700_080),
    ]
    times, repairs = placed(*tags, jump="repair")
    assert times[65:] == [1000, 1000, 1025, 1040, 1050, 1080]
    assert [repair.what for repair in repairs] == [What.CONTINUED]


def test_one_track_that_jumps_alone_is_continued_alone() -> None:
    tags = [
        *second(0),
        *(tag for at in range(20) for tag in (video(1000 + 40 * at), audio(90_000 + 40 * at))),
    ]
    times, repairs = placed(*tags, jump="repair")
    assert repairs == [Repair(What.CONTINUED, Kind.AUDIO, 89_025, 1000)]
    assert times[65:] == [1000 + 40 * (at // 2) for at in range(40)]


def test_t18_distances_that_cannot_be_kept_do_not_tear_a_track() -> None:
    tags = [tag for at in range(50) for tag in (video(100_000 + 40 * at), audio(148_000 + 40 * at))]
    tags += [tag for at in range(50) for tag in (video(40 * at), audio(40 * at))]
    times, repairs = placed(*tags, jump="repair")
    assert [repair.kind for repair in repairs] == [Kind.VIDEO, Kind.AUDIO]
    assert times[0::2] == [100_000 + 40 * at for at in range(100)]
    assert times[1::2] == [148_000 + 40 * at for at in range(100)]


def test_a_jump_after_a_shift_and_after_another_jump() -> None:
    timeline = Timeline(jump="repair")
    first, last = batch(*second(0)), batch(*second(50_000), *second(7_000_000))
    timeline.place(first)
    timeline.shift(10_000)
    assert [repair.dts_ms for repair in timeline.place(last)] == [11_000, 12_000]
    assert dts(last) == [time for _, time, _ in (*second(11_000), *second(12_000))]


def test_a_shift_is_no_distance_between_frames() -> None:
    timeline = Timeline(jump="repair")
    timeline.place(batch(video(0)))
    timeline.shift(5000)
    last = batch(video(40), video(900_000))
    timeline.place(last)
    assert dts(last) == [5040, 5080]


def test_a_repair_tells_what_it_was() -> None:
    assert str(Repair(What.JUMP, Kind.VIDEO, -9000, 4)) == "video timestamps jump by -9000 ms"
    assert all(str(Repair(what, Kind.AUDIO, 5, 4)) for what in What)

"""Pushes glued together inside one connection: headers again, and a time that starts over."""

from __future__ import annotations

import pytest
from batches import Tag, audio, audio_config, batch, dts, video, video_config
from clocks import flagged, placed

from engine.media.batch import Kind
from engine.timeline import Repair, Timeline, What


def push(length_ms: int, start: int = 0, *, headers: bool = True) -> list[Tag]:
    """25 pictures and 40 audio frames a second, behind their headers."""
    tags = [video(start + at, key=at % 1000 == 0) for at in range(0, length_ms, 40)]
    tags += [audio(start + at) for at in range(0, length_ms, 25)]
    head = [video_config(start), audio_config(start)] if headers else []
    return [*head, *sorted(tags, key=lambda tag: tag[1])]


@pytest.mark.parametrize("length_ms", [200, 700, 1000, 5000, 3_000_000 // 60])
def test_a_second_push_is_a_discontinuity_however_short_the_first_was(length_ms: int) -> None:
    first = push(length_ms)
    piece = batch(*first, *push(800))
    (repair,) = Timeline().place(piece)
    assert (repair.what, repair.kind, repair.dts_ms) == (What.GLUED, Kind.VIDEO, 0)
    assert repair.step_ms == -((length_ms - 1) // 40 * 40)
    assert flagged(piece) == [len(first) + 2]
    assert [dts(piece)[row] for row in range(len(first) + 2, len(piece))] == [
        time for _, time, _ in push(800)[2:]
    ]


@pytest.mark.parametrize("length_ms", [200, 700, 1000, 5000])
def test_as_a_repair_the_second_push_goes_on_behind_the_first(length_ms: int) -> None:
    tags = push(length_ms) + push(length_ms) + push(length_ms)
    times, repairs = placed(*tags, jump="repair")
    assert [(repair.what, repair.kind) for repair in repairs] == [(What.GLUED, Kind.VIDEO)] * 2
    frames = [time for (_, _, body), time in zip(tags, times, strict=True) if body[1] == 1]
    ends = [max(time for _, time, _ in push(length_ms)) + 40]
    ends.append(2 * ends[0])
    assert frames == [time + start for start in (0, *ends) for _, time, _ in push(length_ms)[2:]]


def test_headers_of_one_track_are_enough_and_the_first_frame_may_be_of_the_other() -> None:
    tags = [*push(700), video_config(0), audio(0), video(0, key=True), audio(25)]
    piece = batch(*tags)
    assert Timeline().place(piece) == [Repair(What.GLUED, Kind.AUDIO, -675, 0)]
    assert flagged(piece) == [len(tags) - 3]


def test_a_long_step_back_behind_headers_is_another_push_too() -> None:
    assert placed(*push(9000), *push(100, 1000))[1] == [Repair(What.GLUED, Kind.VIDEO, -7960, 1000)]
    assert placed(*push(9000), *push(100, 1000, headers=False))[1] == [
        Repair(What.JUMP, Kind.VIDEO, -7960, 1000)
    ]


def test_headers_without_a_reset_and_a_reset_without_headers_are_nothing() -> None:
    assert placed(*push(700), *push(700, 700))[1] == []
    assert placed(*push(700), *push(700, headers=False))[1] == []
    assert placed(*push(700), video_config(0), audio_config(0), *push(700, 690, headers=False))[1] == []


def test_a_small_step_back_behind_headers_is_the_sources() -> None:
    for back_ms in (1, 40, 900):
        again = [video_config(0), audio_config(0), video(5000 - back_ms, key=True), audio(5000 - back_ms)]
        for jump in ("discontinuity", "repair"):
            times, repairs = placed(*push(5000), *again, jump=jump)
            assert (times[-2:], repairs) == ([5000 - back_ms] * 2, [])


def test_only_the_first_frame_behind_the_headers_counts() -> None:
    tags = [*push(700), video_config(700), video(700), audio(700), video(60), audio(60)]
    assert placed(*tags)[1] == []
    assert placed(*push(700), video_config(700), video(700), audio(60))[1] == []


def test_a_short_second_push_keeps_its_distance_of_audio_and_video() -> None:
    late = [video_config(), audio_config(), video(0, key=True), audio(140), video(40), audio(165)]
    times, repairs = placed(*push(5000), *late, jump="repair")
    assert [repair.what for repair in repairs] == [What.GLUED]
    assert times[-4:] == [5015, 5155, 5055, 5180]

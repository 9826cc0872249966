"""F6: what the timeline leaves as the source has it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from batches import audio, audio_config, batch, dts, video, video_config
from clocks import placed, read_sample

from engine.media.batch import Flag, Kind
from engine.timeline import Timeline


def test_plain_timestamps_pass_unchanged() -> None:
    piece = batch(video(40, key=True), audio(41), video(80), audio(64))
    assert Timeline().place(piece) == []
    assert dts(piece) == [40, 41, 80, 64]


def test_t01_messages_that_share_a_timestamp_keep_it() -> None:
    times = [0, 0, 40, 40, 40, 80, 80]
    assert placed(*(video(time) for time in times)) == (times, [])


def test_small_steps_back_are_the_sources() -> None:
    times = [5000, 4100, 4140, 4139, 5100]
    assert placed(*(video(time) for time in times)) == (times, [])


def test_t18_audio_and_video_that_start_apart_stay_apart() -> None:
    for apart in (-48_807, 50_000):
        tags = [
            tag
            for step in range(0, 4000, 40)
            for tag in (video(100_000 + step), audio(100_000 + apart + step))
        ]
        for jump in ("discontinuity", "repair"):
            times, repairs = placed(*tags, jump=jump)
            assert times == [timestamp for _, timestamp, _ in tags]
            assert repairs == []


def test_audio_and_video_that_cross_are_left_alone() -> None:
    times = [(audio, 0), (video, 700), (audio, 23), (video, 740), (audio, 1500), (audio, 1523), (video, 780)]
    assert placed(*(of(time) for of, time in times)) == ([time for _, time in times], [])


def test_a_stream_may_begin_below_zero() -> None:
    tags = [video_config(-50), audio(-48), audio(-25), video_config(0), audio(-2), audio(21)]
    assert placed(*tags) == ([-50, -48, -25, -25, -2, 21], [])


def test_header_tags_with_far_off_timestamps_do_not_move_the_clock() -> None:
    tags = [
        video_config(77),
        audio_config(-48_807),
        video(900_000, key=True),
        video_config(0),
        audio_config(5),
        video(900_040),
        (int(Kind.SCRIPT), 4_000_000_000, b"\x02\0\x01x"),
        audio(900_041),
    ]
    times, repairs = placed(*tags)
    assert times == [77, -48_807, 900_000, 900_000, 900_000, 900_040, 900_040, 900_041]
    assert repairs == []


def test_headers_alone_in_a_batch_take_the_time_of_the_frame_before() -> None:
    timeline = Timeline()
    first, headers, last = batch(video(70_000)), batch(video_config(3), audio_config(9)), batch(video(70_040))
    assert [timeline.place(piece) for piece in (first, headers, last)] == [[], [], []]
    assert dts(headers) == [70_000, 70_000]
    assert dts(last) == [70_040]


def test_t22_a_repeated_header_without_a_reset_is_nothing(sample: Callable[[str], Path]) -> None:
    whole = read_sample(sample("h264_aac_repeats"))
    for jump in ("discontinuity", "repair"):
        assert Timeline(jump=jump).place(whole) == []
        assert not (whole.tags["flags"] & Flag.DISCONTINUITY).any()


def test_t22_a_header_before_each_keyframe_and_a_small_step_back() -> None:
    tags = []
    for start in range(0, 10_000, 1000):
        tags += [
            video_config(start),
            video(start, key=True),
            audio(start - 30),
            video(start + 500),
            audio(start + 7),
        ]
    times, repairs = placed(*tags)
    assert repairs == []
    assert times[5:10] == [7, 1000, 970, 1500, 1007]


def test_shift_moves_what_follows_and_is_no_jump() -> None:
    timeline = Timeline()
    first, headers, last = batch(video(0), audio(1)), batch(video_config()), batch(video(40), audio(24))
    timeline.place(first)
    timeline.shift(3_000_000)
    assert timeline.place(headers) == []
    assert timeline.place(last) == []
    assert dts(first) == [0, 1]
    assert dts(headers) == [3_000_001]
    assert dts(last) == [3_000_040, 3_000_024]


def test_shift_before_the_first_frame() -> None:
    timeline = Timeline()
    timeline.shift(500)
    piece = batch(video_config(7), video(40), audio(41))
    assert timeline.place(piece) == []
    assert dts(piece) == [507, 540, 541]

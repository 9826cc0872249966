"""T20: media that comes again after a reconnect is dropped; nothing else is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from batches import Tag, audio, audio_config, joined_rows, video, video_config
from clocks import read_sample
from replays import HEADERS, at, camera, frames, keyframes, memory_of, placed, reconnect, rejoined

from engine.media.batch import Batch
from engine.media.limits import OPENING_BYTES, OPENING_WAIT_MS
from engine.timeline import Fresh, Joined, Rejoin

# Sample streams: what is replayed

SAMPLES = ["h264_aac_bframes", "h264_mp3", "h265_id12_aac", "av1_opus", "h264_aac_multitrack", "h266_aac"]


@pytest.mark.parametrize("name", [*SAMPLES, "video_only", "h264_aac_repeats"])
def test_a_replay_from_any_keyframe_joins(name: str, sample: Callable[[str], Path]) -> None:
    whole = placed(read_sample(sample(name)))
    headers = whole.rows(whole.tags["role"] == 1).rows(slice(0, 2))
    for cut in range(len(whole) // 2, len(whole), 37):
        memory = memory_of(whole.rows(slice(0, cut)))
        for key in [key for key in keyframes(whole) if key < cut][-3:]:
            result = rejoined(memory, [headers, whole.rows(slice(key, None))])
            assert not result.is_fresh
            assert result.offset_ms == 0
            again = whole.rows(slice(key, cut)).tags["role"] == 0
            assert result.dropped_packets == np.count_nonzero(again)
            behind = joined_rows([whole.rows(slice(cut, None))])
            real = set(joined_rows([whole.rows(whole.tags["role"] == 0)]))
            assert [row for row in result.rows if row in real] == [row for row in behind if row in real]


@pytest.mark.parametrize("name", ["aac_only", "mp3_only"])
def test_a_replay_of_a_stream_with_only_audio_joins(name: str, sample: Callable[[str], Path]) -> None:
    whole = placed(read_sample(sample(name)))
    result = rejoined(memory_of(whole.rows(slice(0, 250))), [whole.rows(slice(200, None))])
    assert (result.is_fresh, result.dropped_packets) == (False, 50)
    assert result.rows == rejoined(memory_of(), [whole.rows(slice(250, None))]).rows


def test_a_clock_that_started_over_is_put_on_the_recorded_one(sample: Callable[[str], Path]) -> None:
    whole = placed(read_sample(sample("h264_aac_bframes")))
    key = keyframes(whole)[4]
    again = Batch(whole.arena, whole.tags[key:].copy())
    again.tags["dts"] -= 4000
    result = rejoined(memory_of(whole.rows(slice(0, 400))), [again])
    assert (result.is_fresh, result.offset_ms, result.dropped_packets) == (False, 4000, 400 - key)
    assert result.rows == rejoined(memory_of(), [whole.rows(slice(400, None))]).rows
    assert again.tags["dts"][0] == whole.tags["dts"][key] - 4000, "what was fed is left alone"


# Hand-made streams: the rules


def test_what_is_dropped_is_told() -> None:
    result = reconnect(camera(0, 9500), camera(8000, 12_000))
    assert result.rows == rejoined(memory_of(), [placed(camera(9500, 12_000))]).rows
    repeated = camera(8000, 9500)
    assert (result.dropped_packets, result.dropped_ms) == (len(repeated), repeated[-1][1] - 8000)


def test_only_the_last_20_s_are_remembered() -> None:
    recorded = camera(0, 60_000, gop_ms=5000)
    assert not reconnect(recorded, camera(45_000, 61_000, gop_ms=5000)).is_fresh
    assert reconnect(recorded, camera(35_000, 61_000, gop_ms=5000)).is_fresh


def test_a_timestamp_that_is_rounded_otherwise_is_the_same() -> None:
    new = [(kind, time + (time // 20) % 2, body) for kind, time, body in camera(2000, 5000)]
    assert not reconnect(camera(0, 3500), new).is_fresh
    new = [(kind, time + (time // 20) % 2 * 2, body) for kind, time, body in camera(2000, 5000)]
    assert reconnect(camera(0, 3500), new).is_fresh


@pytest.mark.parametrize("wrong", [0, 1, 40, -1])
def test_one_frame_that_differs_is_new_media(wrong: int) -> None:
    new = camera(2000, 5000)
    again = len(camera(2000, 3500))
    which = wrong if wrong >= 0 else again + wrong
    kind, time, body = new[which]
    assert reconnect(camera(0, 3500), [*new[:which], (kind, time, body + b"x"), *new[which + 1 :]]).is_fresh
    if wrong in (40, -1):
        assert reconnect(camera(0, 3500), [*new[:which], *new[which + 1 :]]).is_fresh


def test_what_follows_a_gap_is_new_media() -> None:
    assert reconnect(camera(0, 3500), camera(4000, 6000)).is_fresh


def test_a_replay_that_begins_before_the_memory_is_not_proven() -> None:
    assert reconnect(camera(2000, 3500), camera(1000, 6000)).is_fresh


def test_new_media_is_given_back_as_it_came() -> None:
    pieces = [placed([*HEADERS, *camera(3000, 3100)]), placed(camera(3120, 3200))]
    rejoin = Rejoin(memory_of(camera(0, 3500)))
    outcome = rejoin.feed(pieces[0])
    assert isinstance(outcome, Fresh), "the headers of the memory are unknown"
    assert outcome.batches[0] is pieces[0]


def test_audio_may_end_earlier_or_later_than_video_and_be_interleaved_otherwise() -> None:
    recorded = [tag for tag in camera(0, 3500) if tag[0] == 9 or tag[1] < 3300]
    for new in (
        camera(2000, 6000),
        sorted(camera(2000, 6000), key=lambda tag: tag[1] + (400 if tag[0] == 8 else 0)),
    ):
        result = reconnect(recorded, new)
        assert not result.is_fresh
        assert sorted(result.rows) == sorted(
            rejoined(memory_of(), [placed([tag for tag in new if tag not in recorded])]).rows
        )
    recorded = [tag for tag in camera(0, 3500) if tag[0] == 8 or tag[1] < 3300]
    result = reconnect(recorded, camera(2000, 6000))
    assert [row for row in camera(2000, 6000) if row not in recorded] == [
        (kind, time, body) for kind, time, body in result.rows
    ]


def test_audio_that_goes_on_without_a_repeat_joins_and_audio_with_a_hole_does_not() -> None:
    recorded = camera(0, 3500)
    last_audio = max(time for kind, time, _ in recorded if kind == 8)
    new = [tag for tag in camera(3000, 6000) if tag[0] == 9 or tag[1] > last_audio]
    assert not reconnect(recorded, new).is_fresh
    new = [tag for tag in camera(3000, 6000) if tag[0] == 9 or tag[1] > last_audio + 23]
    assert reconnect(recorded, new).is_fresh


def test_a_track_that_does_not_come_is_waited_for_two_seconds_of_new_media() -> None:
    rejoin = Rejoin(memory_of(camera(0, 3500)))
    pictures = [tag for tag in camera(2000, 9000) if tag[0] == 9]
    for tag in pictures:
        outcome = rejoin.feed(placed([tag]))
        assert (outcome is not None) == (tag[1] > 3520 + OPENING_WAIT_MS)
        if outcome is not None:
            break
    assert isinstance(outcome, Fresh)
    assert len(outcome.batches) == len([tag for tag in pictures if tag[1] <= 3560 + OPENING_WAIT_MS])


def test_what_is_held_is_bounded_in_bytes() -> None:
    big = [(kind, time, body + bytes(OPENING_BYTES // 100)) for kind, time, body in camera(0, 3000)]
    assert reconnect(big, [tag for tag in big if tag[1] >= 1000]).is_fresh
    assert not reconnect(big, [tag for tag in big if tag[1] >= 2000]).is_fresh


def test_what_is_held_is_bounded_in_rows() -> None:
    rejoin = Rejoin(memory_of([*HEADERS, *camera(0, 3500)]))
    scripts = placed([(18, 0, b"\x02\0\x01x")] * 1000)
    fed = 0
    while rejoin.feed(scripts) is None:
        fed += 1
        assert fed < 10


@pytest.mark.parametrize(
    "header", [video_config(config=b"\x01\x64\0\x1f other"), audio_config(config=b"\x11\x90")]
)
def test_another_configuration_is_new_media(header: Tag) -> None:
    memory = memory_of([*HEADERS, *camera(0, 3500)])
    assert not rejoined(memory, [placed([*HEADERS, *camera(2000, 5000)])]).is_fresh
    assert rejoined(memory, [placed([header, *camera(2000, 5000)])]).is_fresh


def test_the_last_configuration_before_the_break_counts() -> None:
    other = audio_config(config=b"\x11\x90")
    memory = memory_of([*HEADERS, *camera(0, 1000), other, *camera(1000, 3500)])
    assert not rejoined(memory, [placed([video_config(), other, *camera(2000, 5000)])]).is_fresh
    assert rejoined(memory, [placed([*HEADERS, *camera(2000, 5000)])]).is_fresh


def test_a_kind_that_was_not_recorded_is_new_media() -> None:
    pictures = [tag for tag in camera(0, 3500) if tag[0] == 9]
    assert reconnect(pictures, camera(2000, 5000)).is_fresh
    sounds = [tag for tag in camera(0, 3500) if tag[0] == 8]
    assert reconnect(sounds, camera(2000, 5000)).is_fresh


def test_without_a_memory_everything_is_new() -> None:
    assert rejoined(memory_of(), [placed(camera(0, 1000))]).is_fresh
    assert rejoined(memory_of(), []).is_fresh
    assert rejoined(memory_of(HEADERS), [placed(HEADERS)]).is_fresh


# Content that repeats by itself


def loop(start: int, end: int, length_ms: int = 1840) -> list[Tag]:
    """A stream that shows the same again and again, on a clock that goes on."""
    laps = range(start // length_ms, end // length_ms + 1)
    tags = [tag for lap in laps for tag in at(camera(0, length_ms, gop_ms=length_ms), lap * length_ms)]
    return [tag for tag in tags if start <= tag[1] < end]


@pytest.mark.parametrize("later_ms", [2, 3500, 60_000])
def test_old_content_with_later_times_is_no_replay(later_ms: int) -> None:
    assert not reconnect(camera(0, 3500), camera(2000, 5000)).is_fresh
    assert reconnect(camera(0, 3500), at(camera(2000, 5000), later_ms)).is_fresh


@pytest.mark.parametrize("missed_ms", [0, 1840, 3680, 18_400])
def test_a_loop_on_a_clock_that_goes_on_is_no_replay(missed_ms: int) -> None:
    recorded = loop(0, 1840 * 12)
    assert reconnect(recorded, loop(1840 * 12 + missed_ms, 1840 * 14 + missed_ms)).is_fresh


@pytest.mark.parametrize("laps", [1, 2, 5])
def test_a_replay_of_a_loop_on_its_own_clock_is_one(laps: int) -> None:
    end = 1840 * 12 + 520
    result = reconnect(loop(0, end), loop(1840 * (13 - laps), end + 3000))
    assert not result.is_fresh
    assert result.rows == rejoined(memory_of(), [placed(loop(end, end + 3000))]).rows


def test_a_loop_on_another_clock_is_ambiguous_and_not_dropped() -> None:
    end = 1840 * 8 + 520
    assert reconnect(loop(0, end), at(loop(1840 * 8, end + 3000), -9999)).is_fresh
    assert reconnect(loop(0, end), at(loop(1840 * 8, end + 100), -9999)).is_fresh


def test_what_is_ambiguous_is_not_held_any_longer() -> None:
    end = 1840 * 8 + 520
    outcome = Rejoin(memory_of(loop(0, end))).feed(placed(at(loop(1840 * 6, 1840 * 8 + 1000), -9999)))
    assert isinstance(outcome, Fresh)
    silence = [audio(time, payload=b"silence") for time in range(0, 4000, 20)]
    rejoin = Rejoin(memory_of(silence))
    assert rejoin.feed(placed([audio(0, payload=b"silence"), audio(40, payload=b"silence")])) is not None


def still(start: int, end: int) -> list[Tag]:
    """A picture that does not move, and silence."""
    tags = [
        video(time, key=time % 1000 == 0, payload=b"key" if time % 1000 == 0 else b"skip %d" % (time % 1000))
        for time in range(start, end, 40)
    ]
    tags += [audio(time, payload=b"silence") for time in range(start, end, 20)]
    return sorted(tags, key=lambda tag: tag[1])


def test_a_still_picture_is_no_replay_unless_its_clock_says_so() -> None:
    recorded = still(0, 9000)
    assert reconnect(recorded, still(9000, 12_000)).is_fresh
    assert reconnect(recorded, still(15_000, 18_000)).is_fresh
    assert reconnect(recorded, still(0, 700)).is_fresh is False, "its first second, cut short"
    result = reconnect(recorded, still(8000, 12_000))
    assert (result.is_fresh, len(result.rows)) == (False, len(still(9000, 12_000)))


def test_silence_proves_nothing() -> None:
    silence = [audio(time, payload=b"silence") for time in range(0, 4000, 20)]
    assert reconnect(silence, silence[150:]).is_fresh
    assert reconnect(silence, at(silence, -2000)).is_fresh
    assert reconnect(silence, at(silence, 4000)).is_fresh


def test_a_keyframe_alone_is_a_replay_on_the_recorded_clock_only() -> None:
    recorded = camera(0, 2001)
    key = camera(2000, 2001)[:1]
    assert recorded[-1][:2] == key[0][:2] == (9, 2000)
    result = reconnect(recorded, camera(2000, 5000))
    assert (result.is_fresh, result.dropped_packets) == (False, 1)
    assert result.rows == rejoined(memory_of(), [placed(camera(2001, 5000))]).rows
    assert reconnect(recorded, key).dropped_packets == 1, "cut short"
    assert reconnect(recorded, at(camera(2000, 5000), -500)).is_fresh


def test_pictures_without_a_keyframe_prove_nothing() -> None:
    assert reconnect(camera(0, 3500), camera(3040, 6000)).is_fresh


# The end of a connection before a decision


def test_a_replay_that_is_cut_short_leaves_nothing() -> None:
    for end in (2200, 3000, 3499):
        result = reconnect(camera(0, 3500), camera(2000, end))
        assert (result.is_fresh, result.rows) == (False, [])
        assert result.dropped_packets == len(camera(2000, end))


def test_a_connection_that_ends_while_a_track_is_waited_for_keeps_the_new_frames() -> None:
    pictures = [tag for tag in camera(2000, 5000) if tag[0] == 9]
    result = reconnect(camera(0, 3500), pictures)
    assert [time for _, time, _ in result.rows] == [time for _, time, _ in pictures if time >= 3500]


def test_a_connection_that_ends_with_unknown_media_is_new() -> None:
    one = camera(2000, 2001)[:1]
    assert reconnect(camera(0, 3500), at(one, 5)).is_fresh, "one frame on another clock proves nothing"
    assert reconnect(camera(0, 3500), [tag for tag in camera(2000, 2200) if tag[0] == 8]).is_fresh
    assert reconnect(camera(0, 3500), []).is_fresh


def test_the_memory_goes_on_over_connections() -> None:
    memory = memory_of([*HEADERS, *camera(0, 3500)])
    first = Rejoin(memory).feed(placed([*HEADERS, *camera(3000, 5300)]))
    assert isinstance(first, Joined)
    for piece in first.batches_after:
        memory.remember(piece)
    result = rejoined(memory, [placed([*HEADERS, *camera(3000, 7000)])])
    assert result.rows == rejoined(memory_of(), [placed(camera(5300, 7000))]).rows


# A file that begins at the join


def test_from_keyframe_has_headers_the_last_repeated_keyframe_and_all_behind_it() -> None:
    result = reconnect(camera(0, 4500), camera(2000, 6000))
    expected = [*HEADERS, *camera(4000, 6000)]
    assert [(kind, body) for kind, _, body in result.from_keyframe] == [
        (kind, body) for kind, _, body in expected
    ]
    assert [time for _, time, _ in result.from_keyframe[2:]] == [time for _, time, _ in expected[2:]]


def test_from_keyframe_loses_no_new_frame_that_came_before_the_keyframe() -> None:
    recorded = [tag for tag in camera(0, 3500) if tag[0] == 9 or tag[1] < 2500]
    result = reconnect(recorded, camera(2000, 6000))
    new = [tag for tag in camera(2000, 6000) if tag not in recorded]
    assert set(new) <= set(result.from_keyframe)
    assert (result.from_keyframe[2][0], frames(result.from_keyframe)[0] in new) == (8, True)


def test_without_video_the_file_begins_at_the_join() -> None:
    sounds = [tag for tag in camera(0, 6000) if tag[0] == 8]
    memory = memory_of([audio_config(), *(tag for tag in sounds if tag[1] < 3500)])
    result = rejoined(memory, [placed([audio_config(), *(tag for tag in sounds if tag[1] > 3000)])])
    assert result.from_keyframe[0][2] == audio_config()[2]
    assert result.from_keyframe[1:] == [tag for tag in sounds if tag[1] >= 3500]

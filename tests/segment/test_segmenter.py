"""F4, C1, C3: the first cut point, cuts by interval, and changes of track, as operations."""

from __future__ import annotations

import pytest
from batches import AVC_CONFIG, audio, audio_config, batch, split, video, video_config
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import MalformedConfig, StreamNotFound
from engine.media.batch import Batch, Flag
from engine.media.codecs import Codec
from engine.segment import Begin, Cause, CutRule, End, Media, Note, Operation, Segmenter
from engine.timeline import Timeline

OTHER_AVC_CONFIG = AVC_CONFIG[:-5] + bytes([AVC_CONFIG[-5] ^ 1]) + AVC_CONFIG[-4:]  # another PPS
OTHER_AAC_CONFIG = bytes.fromhex("1190")  # 48 kHz


def segment(
    *tags: tuple[int, int, bytes],
    interval_ms: int | None = None,
    size_bytes: int | None = None,
    audio_only: bool = False,
) -> list[Operation]:
    """Everything a push causes, its end included."""
    segmenter = Segmenter(CutRule(interval_ms, size_bytes), audio_only=audio_only)
    whole = batch(*tags)
    Timeline().place(whole)
    return [*segmenter.feed(whole), *segmenter.finish()]


def rows(operations: list[Operation], section: int) -> list[tuple[str, int]]:
    """(a or v, dts) of a section's frames, in order."""
    return [
        ("v" if tag["kind"] == 9 else "a", int(tag["dts"]))
        for operation in operations
        if isinstance(operation, Media) and operation.section == section
        for tag in operation.batch.tags
        if tag["role"] == 0
    ]


def begins(operations: list[Operation]) -> list[tuple[Cause, int, list[Codec]]]:
    """Cause, time and codecs of each section."""
    return [
        (operation.cause, operation.dts_ms, [track.codec for track in operation.tracks])
        for operation in operations
        if isinstance(operation, Begin)
    ]


BOTH = [Codec.H264, Codec.AAC]
HEADERS = (video_config(), audio_config())


def test_starts_at_the_first_keyframe_with_audio_from_that_moment() -> None:
    operations = segment(*HEADERS, video(0), audio(1), audio(24), video(40, key=True), audio(47), video(80))
    assert begins(operations) == [(Cause.FIRST, 40, BOTH)]
    assert rows(operations, 0) == [("v", 40), ("a", 47), ("v", 80)]
    assert operations[-1] == End(0)


def test_audio_that_came_early_but_belongs_behind_the_keyframe_is_kept() -> None:
    operations = segment(*HEADERS, audio(23), audio(46), video(40, key=True), audio(69))
    assert rows(operations, 0) == [("v", 40), ("a", 46), ("a", 69)]


def test_audio_alone_starts_at_its_first_packet() -> None:
    operations = segment(audio_config(), audio(10), audio(33))
    assert begins(operations) == [(Cause.FIRST, 10, [Codec.AAC])]
    assert rows(operations, 0) == [("a", 10), ("a", 33)]


def test_type_audio_leaves_video_out() -> None:
    operations = segment(*HEADERS, audio(1), video(5, key=True), audio(24), audio_only=True)
    assert begins(operations) == [(Cause.FIRST, 1, [Codec.AAC])]
    assert rows(operations, 0) == [("a", 1), ("a", 24)]


def test_a_promised_track_is_waited_for_two_seconds() -> None:
    segmenter = Segmenter(CutRule())
    early = batch(*HEADERS, *(video(t, key=t == 0) for t in range(0, 2000, 40)))
    assert segmenter.feed(early) == []
    operations = segmenter.feed(batch(video(2000)))
    assert begins(operations) == [(Cause.FIRST, 0, [Codec.H264])]
    assert rows(operations, 0) == [("v", t) for t in range(0, 2001, 40)]


def test_a_header_alone_is_no_track() -> None:
    operations = segment(*HEADERS, *(audio(t) for t in range(0, 2300, 23)))
    assert begins(operations) == [(Cause.FIRST, 0, [Codec.AAC])]


def test_a_known_video_track_is_waited_for_until_its_keyframe() -> None:
    frames = [frame for t in range(0, 8000, 40) for frame in (video(t), audio(t + 1))]
    operations = segment(*HEADERS, *frames, video(8000, key=True), audio(8001))
    assert begins(operations) == [(Cause.FIRST, 8000, BOTH)]


def test_a_track_that_appears_later_starts_a_section_and_video_follows_at_its_keyframe() -> None:
    frames = [video(t, key=t % 1000 == 0) for t in range(0, 4000, 40)]
    late = [frame for frame in frames if frame[1] > 2500]
    operations = segment(
        video_config(),
        *(frame for frame in frames if frame[1] <= 2500),
        audio_config(),
        audio(2501),
        *late,
        audio(3990),
    )
    assert begins(operations) == [(Cause.FIRST, 0, [Codec.H264]), (Cause.TRACKS, 2501, BOTH)]
    assert rows(operations, 0) == [("v", t) for t in range(0, 3000, 40)]
    assert rows(operations, 1) == [("a", 2501), *(("v", t) for t in range(3000, 4000, 40)), ("a", 3990)]


def test_cut_at_the_first_keyframe_after_the_interval_and_audio_follows_in_time() -> None:
    operations = segment(
        *HEADERS,
        video(0, key=True),
        audio(0),
        video(500, key=True),
        audio(990),
        audio(1013),  # ahead of the keyframe, but before it in time
        audio(1036),  # ahead of the keyframe, and behind it in time
        video(1020, key=True),
        video(1060),
        audio(1059),
        interval_ms=1000,
    )
    assert begins(operations) == [(Cause.FIRST, 0, BOTH), (Cause.INTERVAL, 1020, BOTH)]
    assert rows(operations, 0) == [("v", 0), ("a", 0), ("v", 500), ("a", 990), ("a", 1013)]
    assert rows(operations, 1) == [("v", 1020), ("a", 1036), ("v", 1060), ("a", 1059)]


SPLIT = 500
"""Bytes: four frames of 100 do not fill them with what FLV puts around each, five do."""


def test_cut_at_the_first_keyframe_after_the_size_and_audio_follows_in_time() -> None:
    big = bytes(80)
    operations = segment(
        *HEADERS,
        video(0, key=True, payload=big),
        audio(0, big),
        video(40, key=True, payload=big),
        video(80, payload=big),
        audio(90, big),
        audio(115, big),  # ahead of the keyframe, but before it in time
        audio(138, big),  # ahead of the keyframe, and behind it in time
        video(120, key=True, payload=big),
        video(160),
        audio(161),
        size_bytes=SPLIT,
    )
    assert begins(operations) == [(Cause.FIRST, 0, BOTH), (Cause.SIZE, 120, BOTH)]
    assert rows(operations, 0) == [("v", 0), ("a", 0), ("v", 40), ("v", 80), ("a", 90), ("a", 115)]
    assert rows(operations, 1) == [("v", 120), ("a", 138), ("v", 160), ("a", 161)]


@pytest.mark.parametrize("interval_ms", [200, 2000])
def test_what_comes_first_of_interval_and_size_cuts(interval_ms: int) -> None:
    frames = [video(t, key=t % 80 == 0, payload=bytes(80)) for t in range(0, 2100, 40)]
    found = begins(segment(video_config(), *frames, interval_ms=interval_ms, size_bytes=1000))
    causes = {cause for cause, _, _ in found[1:]}
    assert causes == {Cause.INTERVAL if interval_ms == 200 else Cause.SIZE}


def test_size_never_cuts_without_a_keyframe() -> None:
    frames = [frame for t in range(0, 2100, 40) for frame in (video(t, key=t == 0), audio(t))]
    assert len(begins(segment(*HEADERS, *frames, size_bytes=100))) == 1


def test_audio_is_cut_by_size_when_there_is_no_video_any_more() -> None:
    frames = [video(0, key=True), *(audio(t, bytes(80)) for t in range(0, 20_000, 20))]
    operations = segment(*HEADERS, *frames, size_bytes=10_000)
    assert {cause for cause, _, _ in begins(operations)[1:]} == {Cause.SIZE}
    assert sum(len(rows(operations, number)) for number in range(len(begins(operations)))) == len(frames)


def test_audio_alone_is_cut_by_size_at_any_packet() -> None:
    operations = segment(audio_config(), *(audio(t, bytes(83)) for t in range(0, 300, 20)), size_bytes=500)
    assert [at for _, at, _ in begins(operations)] == [0, 100, 200]


def test_late_audio_goes_to_the_file_it_belongs_to() -> None:
    operations = segment(
        *HEADERS,
        video(0, key=True),
        audio(0),
        video(1000, key=True),
        audio(977),
        audio(1000),
        interval_ms=1000,
    )
    assert rows(operations, 0) == [("v", 0), ("a", 0), ("a", 977)]
    assert rows(operations, 1) == [("v", 1000), ("a", 1000)]
    assert [operation.section for operation in operations if isinstance(operation, End)] == [0, 1]


def test_without_a_keyframe_the_file_is_cut_at_twice_the_interval_and_says_so() -> None:
    frames = [frame for t in range(0, 2100, 40) for frame in (video(t, key=t == 0), audio(t))]
    operations = segment(*HEADERS, *frames, interval_ms=1000)
    assert [(cause, at) for cause, at, _ in begins(operations)] == [
        (Cause.FIRST, 0),
        (Cause.INTERVAL, 2000),
    ]
    assert [operation.code for operation in operations if isinstance(operation, Note)] == [
        "cut_without_keyframe"
    ]


def test_audio_alone_is_cut_at_any_packet() -> None:
    operations = segment(audio_config(), *(audio(t) for t in range(0, 300, 20)), interval_ms=100)
    assert [at for _, at, _ in begins(operations)] == [0, 100, 200]


def test_a_repeated_configuration_is_no_change() -> None:
    operations = segment(*HEADERS, video(0, key=True), audio(0), *HEADERS, video(40, key=True), audio(40))
    assert len(begins(operations)) == 1


def test_a_video_change_starts_a_section_at_its_keyframe() -> None:
    operations = segment(
        *HEADERS,
        video(0, key=True),
        audio(0),
        video(40),
        video_config(80, OTHER_AVC_CONFIG),
        audio(70),
        video(80, key=True),
        audio(93),
    )
    assert begins(operations) == [(Cause.FIRST, 0, BOTH), (Cause.TRACKS, 80, BOTH)]
    begin = [operation for operation in operations if isinstance(operation, Begin)][1]
    assert begin.headers[0].media(0) == OTHER_AVC_CONFIG
    assert rows(operations, 0) == [("v", 0), ("a", 0), ("v", 40), ("a", 70)]
    assert rows(operations, 1) == [("v", 80), ("a", 93)]


def test_video_that_cannot_be_decoded_is_left_out_and_said() -> None:
    operations = segment(
        *HEADERS,
        video(0, key=True),
        audio(0),
        video_config(40, OTHER_AVC_CONFIG),
        video(40),
        video(80),
        video(120, key=True),
        audio(121),
    )
    assert [note.message for note in operations if isinstance(note, Note)] == [
        "2 video frames came before the keyframe they need: left out"
    ]
    assert rows(operations, 0) == [("v", 0), ("a", 0)]
    assert rows(operations, 1) == [("v", 120), ("a", 121)]
    old = [item.batch for item in operations if isinstance(item, Media) and item.section == 0]
    assert OTHER_AVC_CONFIG not in [piece.media(row) for piece in old for row in range(len(piece))]


def test_audio_keeps_its_order_while_video_is_left_out_and_a_cut_is_due() -> None:
    """None that waits for the cut's keyframe is overtaken."""
    operations = segment(
        *HEADERS,
        video(0, key=True),
        audio(0),
        video_config(1000, OTHER_AVC_CONFIG),
        video(1000),
        audio(1010),
        audio(1033),
        video(1040),
        audio(1040),
        audio(1056),
        video(1080, key=True),
        interval_ms=1000,
    )
    assert rows(operations, 0) == [("v", 0), ("a", 0), ("a", 1010), ("a", 1033), ("a", 1040), ("a", 1056)]
    assert rows(operations, 1) == [("v", 1080)]


def test_an_audio_change_starts_a_section_at_once() -> None:
    operations = segment(
        *HEADERS,
        video(0, key=True),
        audio(0),
        audio_config(20, OTHER_AAC_CONFIG),
        audio(23),
        video(40),
        video(80, key=True),
        audio(90),
    )
    assert [cause for cause, _, _ in begins(operations)] == [Cause.FIRST, Cause.TRACKS]
    assert rows(operations, 0) == [("v", 0), ("a", 0), ("v", 40)]
    assert rows(operations, 1) == [("a", 23), ("v", 80), ("a", 90)]


def test_a_clock_that_jumps_starts_a_section_at_the_next_keyframe_and_loses_nothing() -> None:
    operations = segment(
        *HEADERS,
        video(0, key=True),
        audio(0),
        video(40),
        video(90_000),
        audio(90_010),
        video(90_040, key=True),
        audio(90_050),
    )
    assert [(cause, at) for cause, at, _ in begins(operations)] == [(Cause.FIRST, 0), (Cause.JUMP, 90_040)]
    assert rows(operations, 0) == [("v", 0), ("a", 0), ("v", 40), ("v", 80), ("a", 90)]
    assert rows(operations, 1) == [("v", 90_040), ("a", 90_050)]


def test_an_unreadable_configuration_is_noted_and_changes_nothing() -> None:
    operations = segment(
        *HEADERS, video(0, key=True), audio(0), video_config(40, b"\1\2"), video(40, key=True), audio(41)
    )
    assert [operation.code for operation in operations if isinstance(operation, Note)] == ["malformed_config"]
    assert len(begins(operations)) == 1
    assert rows(operations, 0) == [("v", 0), ("a", 0), ("v", 40), ("a", 41)]


def test_why_nothing_started() -> None:
    silent = Segmenter(CutRule())
    assert silent.finish() == []
    assert isinstance(silent.why_not_started(), StreamNotFound)
    headless = Segmenter(CutRule())
    assert headless.feed(batch(video(0, key=True), video(40))) == []
    assert headless.finish() == []
    assert isinstance(headless.why_not_started(), MalformedConfig)
    keyless = Segmenter(CutRule())
    assert keyless.feed(batch(video_config(), video(0), video(40))) == []
    assert keyless.finish() == []
    assert "keyframe" in str(keyless.why_not_started())


@pytest.mark.parametrize("interval_ms", [None, 1000])
@given(data=st.data())
def test_nothing_is_lost_or_doubled_and_the_split_makes_no_difference(
    interval_ms: int | None, data: st.DataObject
) -> None:
    lead = data.draw(st.integers(-300, 300), label="audio ahead of video, ms")
    gop = data.draw(st.sampled_from([200, 480, 1000]))
    events = [(t, video(t, key=t % gop == 0)) for t in range(1000, 5000, 40)]
    events += [(t - lead, audio(t)) for t in range(1000, 5000, 23)]
    tags = [*HEADERS, *(tag for _, tag in sorted(events, key=lambda event: event[0]))]
    whole = batch(*tags)
    pieces = split(whole, data.draw(st.sets(st.integers(0, len(whole)), max_size=8)))
    results = []
    for batches in ([whole], pieces):
        segmenter = Segmenter(CutRule(interval_ms))
        timeline = Timeline()
        operations: list[Operation] = []
        for piece in batches:
            timeline.place(piece)
            operations += segmenter.feed(piece)
        operations += segmenter.finish()
        sections = [begin.section for begin in operations if isinstance(begin, Begin)]
        results.append([rows(operations, section) for section in sections])
    assert results[0] == results[1]
    frames = [row for section in results[0] for row in section]
    start = next(dts for kind, dts in frames if kind == "v")
    assert [dts for kind, dts in frames if kind == "v"] == list(range(start, 5000, 40))
    audio_dts = [dts for kind, dts in frames if kind == "a"]
    assert audio_dts == sorted(set(audio_dts))
    assert [dts for dts in range(1000, 5000, 23) if dts >= start] == [
        dts for dts in audio_dts if dts >= start
    ]
    for section in results[0][1:]:
        assert section[0][0] == "v"
        cut = section[0][1]
        assert cut % gop == 0
        assert all(dts >= cut for _, dts in section)


def test_rows_of_a_discontinuity_keep_no_flag_in_the_old_section() -> None:
    operations = segment(*HEADERS, video(0, key=True), audio(0), video(50_000), video(50_040, key=True))
    old = [item.batch for item in operations if isinstance(item, Media) and item.section == 0]
    assert not any(
        (piece.tags["flags"] & Flag.DISCONTINUITY).any() for piece in old if isinstance(piece, Batch)
    )

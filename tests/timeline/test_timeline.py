"""F6: wire timestamps become one 64-bit timeline, whatever the split into batches."""

from __future__ import annotations

from batches import audio, audio_config, batch, dts, joined_rows, split, video, video_config
from hypothesis import given
from hypothesis import strategies as st

from engine.media.batch import Flag, Kind
from engine.timeline import Jump, Timeline


def test_plain_timestamps_pass_unchanged() -> None:
    piece = batch(video(40, key=True), audio(41), video(80), audio(64))
    assert Timeline().place(piece) == []
    assert dts(piece) == [40, 41, 80, 64]


def test_32_bit_wrap_is_a_step_like_any_other() -> None:
    start = (1 << 32) - 100_000
    piece = batch(*(video(start + 40 * step) for step in range(5000)))
    assert Timeline().place(piece) == []
    assert dts(piece) == [start + 40 * step for step in range(5000)]


def test_a_wrap_masked_to_24_or_31_bits_is_mended() -> None:
    for bits in (24, 31):
        modulus = 1 << bits
        steps = [modulus - 80, modulus - 40, 0, 40]
        piece = batch(*(video(step) for step in steps))
        assert Timeline().place(piece) == []
        assert dts(piece) == [modulus - 80, modulus - 40, modulus, modulus + 40]


def test_a_stream_may_begin_below_zero() -> None:
    piece = batch(audio(-48), audio(-25), audio(-2), audio(21))
    Timeline().place(piece)
    assert dts(piece) == [-48, -25, -2, 21]


def test_header_tags_with_far_off_timestamps_do_not_move_the_clock() -> None:
    piece = batch(video(900_000, key=True), video_config(0), audio_config(5), video(900_040), audio(900_041))
    assert Timeline().place(piece) == []
    assert dts(piece) == [900_000, 900_000, 900_000, 900_040, 900_041]


def test_a_jump_is_flagged_once_for_both_tracks() -> None:
    piece = batch(video(0, key=True), audio(1), video(60_000), audio(60_001), video(60_040))
    assert Timeline().place(piece) == [Jump(Kind.VIDEO, 60_000)]
    assert [bool(flags & Flag.DISCONTINUITY) for flags in piece.tags["flags"]] == [
        False,
        False,
        True,
        False,
        False,
    ]


def test_a_step_back_beyond_a_second_is_a_jump_and_a_small_one_is_not() -> None:
    small = batch(video(5000), video(4100))
    assert Timeline().place(small) == []
    large = batch(video(5000), video(3900))
    assert Timeline().place(large) == [Jump(Kind.VIDEO, -1100)]


_STEP = st.one_of(st.integers(-900, 2000), st.sampled_from([-5000, 70_000, 1 << 24, -(1 << 24)]))
_ROW = st.tuples(st.sampled_from(["video", "audio", "config"]), _STEP)


@given(st.integers(0, (1 << 32) - 1), st.lists(_ROW, min_size=1, max_size=40), st.data())
def test_the_split_into_batches_makes_no_difference(
    start: int, rows: list[tuple[str, int]], data: st.DataObject
) -> None:
    tags, now = [], start
    for what, step in rows:
        now += step
        tags.append({"video": video, "audio": audio, "config": video_config}[what](now))
    cuts = data.draw(st.sets(st.integers(0, len(tags))))
    whole = batch(*tags)
    pieces = split(whole, cuts)
    timeline, piecewise = Timeline(), Timeline()
    jumps = timeline.place(whole)
    assert [jump for piece in pieces for jump in piecewise.place(piece)] == jumps
    assert joined_rows(pieces) == joined_rows([whole])

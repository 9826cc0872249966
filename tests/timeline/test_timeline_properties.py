"""Whatever comes in: the split makes no difference, and what comes out is sound input."""

from __future__ import annotations

from itertools import pairwise

import pytest
from batches import audio, audio_config, batch, dts, joined_rows, split, video, video_config
from clocks import Jumps, flagged
from hypothesis import example, given
from hypothesis import strategies as st

from engine.media.batch import Batch
from engine.media.limits import JUMP_AHEAD_MS, JUMP_BACK_MS
from engine.timeline import Timeline, What

MAKERS = {
    "video": video,
    "audio": audio,
    "video header": video_config,
    "audio header": audio_config,
    "script": lambda time: (18, time, b"\x02\0\x01x"),
}
LAPS = [1 << 24, 1 << 31, -(1 << 24), -(1 << 31)]
steps = st.one_of(
    st.integers(-60, 60),
    st.integers(-1200, 2000),
    st.sampled_from([0, -5000, 70_000, -70_000, *LAPS, *(lap + 40 for lap in LAPS)]),
)
rows = st.lists(
    st.tuples(st.sampled_from(["video", "video", "audio", "audio", *MAKERS]), steps), min_size=1, max_size=40
)
starts = st.one_of(st.integers(0, (1 << 32) - 1), st.integers(-70_000, 70_000), st.sampled_from(LAPS))
masks = st.sampled_from([24, 31, 32, 32])
jumps = st.sampled_from(["discontinuity", "repair"])


def stream(start: int, rows: list[tuple[str, int]], bits: int) -> Batch:
    tags, now = [], start
    for what, step in rows:
        now += step
        tags.append(MAKERS[what](now % (1 << bits)))
    return batch(*tags)


@given(starts, rows, masks, jumps, st.data())
def test_the_split_into_batches_makes_no_difference(
    start: int, rows: list[tuple[str, int]], bits: int, jump: Jumps, data: st.DataObject
) -> None:
    whole = stream(start, rows, bits)
    pieces = split(whole, data.draw(st.sets(st.integers(0, len(whole)))))
    timeline, piecewise = Timeline(jump=jump), Timeline(jump=jump)
    repairs = timeline.place(whole)
    assert [repair for piece in pieces for repair in piecewise.place(piece)] == repairs
    assert joined_rows(pieces) == joined_rows([whole])
    assert [flags for piece in pieces for flags in piece.tags["flags"]] == list(whole.tags["flags"])


@example(0, [("audio", 0), ("video", 1 << 31), ("video", -(1 << 24)), ("audio", 0)], 32, "discontinuity")
@example(0, [("audio", 0), ("video", 1 << 31), ("video", 1 << 31), ("audio", 0)], 32, "discontinuity")
@example(
    0,
    [("video", 0), ("audio", 0), ("audio header", -5000), ("video", 0), ("audio", -41)],
    24,
    "repair",
)
@example(
    0,
    [
        *(("video", step) for step in (0, 1, -41)),
        *(("video header", 0), ("video", -1), ("video", (1 << 31) + 40)),
        *(("video header", -41), ("video", 16_777_256)),
    ],
    32,
    "repair",
)
@given(starts, rows, masks, jumps)
def test_its_own_output_is_left_as_it_is(
    start: int, rows: list[tuple[str, int]], bits: int, jump: Jumps
) -> None:
    once = stream(start, rows, bits)
    repairs = Timeline(jump=jump).place(once)
    again = Batch(once.arena, once.tags.copy())
    again.tags["timestamp"] = (once.tags["dts"] % (1 << 32)).astype("u4")
    again.tags["dts"] = again.tags["timestamp"]
    again.tags["flags"] &= 7
    found = Timeline(jump=jump).place(again)
    assert dts(again) == dts(once)
    assert flagged(again) == flagged(once)
    assert found == [repair for repair in repairs if repair.what in (What.JUMP, What.GLUED) and flagged(once)]


@given(starts, rows, masks)
def test_a_repaired_clock_has_no_jump_and_no_flag(start: int, rows: list[tuple[str, int]], bits: int) -> None:
    piece = stream(start, rows, bits)
    repairs = Timeline(jump="repair").place(piece)
    assert flagged(piece) == []
    assert {repair.what for repair in repairs} <= {What.CONTINUED, What.GLUED, What.WRAPPED}
    for kind in (8, 9):
        times = dts(piece.rows((piece.tags["kind"] == kind) & (piece.tags["role"] == 0)))
        for earlier, later in pairwise(times):
            assert -JUMP_BACK_MS <= later - earlier <= JUMP_AHEAD_MS


@pytest.mark.parametrize("jump", ["discontinuity", "repair"])
@given(starts, rows, st.integers(-(1 << 40), 1 << 40), st.data())
def test_a_shift_moves_what_follows_by_as_much(
    jump: Jumps, start: int, rows: list[tuple[str, int]], offset: int, data: st.DataObject
) -> None:
    whole = stream(start, rows, 32)
    pieces = split(whole, [data.draw(st.integers(0, len(whole)))])
    timeline, shifted = Timeline(jump=jump), Timeline(jump=jump)
    timeline.place(whole)
    for piece in pieces:
        shifted.place(piece)
        shifted.shift(offset if piece is pieces[0] else 0)
    moved = [0] * len(pieces[0]) + [offset] * (len(whole) - len(pieces[0]))
    assert [time for piece in pieces for time in dts(piece)] == [
        time + by for time, by in zip(dts(whole), moved, strict=True)
    ]

"""The clocks of a replay."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from origins.footage import rows

from engine.media.batch import Batch, Kind, Role
from engine.origin.clock import LoopClock, PaceClock

V, A = Kind.VIDEO, Kind.AUDIO
FRAME, CONFIG = int(Role.FRAME), int(Role.CONFIG)
FILE = [
    (V, CONFIG, 0),
    (A, CONFIG, 0),
    (V, FRAME, 60),
    (A, FRAME, 63),
    (A, FRAME, 86),
    (V, FRAME, 100),
    (A, FRAME, 109),
    (V, FRAME, 140),
]
PASS_MS = 140 + 40 - 60  # the video ends last, and its frames last 40 ms


def placed(clock: LoopClock, *fields: tuple[Kind, int, int]) -> list[int]:
    batch = rows(*fields)
    clock.place(batch)
    return [int(dts) for dts in batch.tags["dts"]]


def test_first_pass_keeps_the_files_timestamps() -> None:
    assert placed(LoopClock(), *FILE) == [0, 0, 60, 63, 86, 100, 109, 140]


def test_next_passes_go_on_one_frame_after_the_end() -> None:
    clock = LoopClock()
    placed(clock, *FILE)
    for turn in (1, 2):
        clock.next_pass()
        shift = turn * PASS_MS
        media = [time + shift for time in (60, 63, 86, 100, 109, 140)]
        assert placed(clock, *FILE) == [60 + shift, 60 + shift, *media]  # headers at the seam, not before it


def test_neither_track_steps_back_at_the_seam() -> None:
    clock = LoopClock()
    first = placed(clock, (V, FRAME, 0), (A, FRAME, 0), (V, FRAME, 40), (A, FRAME, 23), (A, FRAME, 93))
    clock.next_pass()
    second = placed(clock, (V, FRAME, 0), (A, FRAME, 0))
    assert min(second) == 93 + 70 > max(first)


@given(st.lists(st.integers(1, 7), max_size=8))
def test_how_the_file_is_read_makes_no_difference(cuts: list[int]) -> None:
    whole, split = LoopClock(), LoopClock()
    for _ in range(3):
        expected = placed(whole, *FILE)
        edges = [0, *sorted(set(cuts)), len(FILE)]
        assert [t for a, b in pairwise(edges) for t in placed(split, *FILE[a:b])] == expected
        whole.next_pass()
        split.next_pass()


def test_wire_timestamps_that_wrap_are_unwrapped() -> None:
    end = (1 << 32) - 20
    clock = LoopClock()
    assert placed(clock, (V, FRAME, end), (V, FRAME, 20), (V, FRAME, 60)) == [end, end + 40, end + 80]
    clock.next_pass()
    assert placed(clock, (V, FRAME, end), (V, FRAME, 20)) == [end + 120, end + 160]


def test_due_times_begin_at_zero_and_never_fall() -> None:
    due = PaceClock().due(rows((V, FRAME, 5000), (A, FRAME, 4990), (V, FRAME, 5040), (A, FRAME, 5010)))
    assert due.tolist() == [0, 0, 40, 40]


def test_a_jump_of_the_timestamps_is_due_at_once() -> None:
    clock = PaceClock()
    assert clock.due(rows((V, FRAME, 0), (V, FRAME, 40))).tolist() == [0, 40]
    assert clock.due(rows((V, FRAME, 3_600_000), (V, FRAME, 3_600_040))).tolist() == [40, 80]
    assert clock.due(rows((V, FRAME, 0), (V, FRAME, 40))).tolist() == [80, 120]


def test_an_empty_batch_is_no_error() -> None:
    LoopClock().place(Batch(b"", np.zeros(0, rows((V, FRAME, 0)).tags.dtype)))

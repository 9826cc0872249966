"""T19: clocks that wrap at 24, 31 and 32 bits."""

from __future__ import annotations

import pytest
from batches import Tag, audio, batch, dts, video
from clocks import Jumps, placed
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.media.batch import Kind
from engine.timeline import Repair, Timeline, What


def interleaved(start: int, steps: int, audio_ahead: int = 0) -> list[tuple[int, int]]:
    """(kind, time) of 25 pictures a second and an audio frame each 23 ms, in the order of time."""
    frames = [(start + 40 * at, 9) for at in range(steps)]
    frames += [(start + 23 * at, 8) for at in range(steps * 40 // 23)]
    return [(kind, time + (audio_ahead if kind == 8 else 0)) for time, kind in sorted(frames)]


def masked(frames: list[tuple[int, int]], bits: int) -> list[Tag]:
    """The frames as an origin that keeps `bits` of a timestamp sends them."""
    return [(video if kind == 9 else audio)(time % (1 << bits)) for kind, time in frames]


@pytest.mark.parametrize("bits", [24, 31, 32])
@pytest.mark.parametrize("audio_ahead", [0, 700, -700, 20_000, -20_000])
def test_t19_a_wrap_in_mid_batch_with_both_tracks_across_it(bits: int, audio_ahead: int) -> None:
    frames = interleaved((1 << bits) - 100_000, 4000, audio_ahead)
    times, repairs = placed(*masked(frames, bits))
    assert times == [time for _, time in frames]
    wraps = [(repair.what, repair.kind) for repair in repairs]
    both = [(What.WRAPPED, Kind.AUDIO), (What.WRAPPED, Kind.VIDEO)]
    assert sorted(wraps) == ([] if bits == 32 else both)


@pytest.mark.parametrize("bits", [24, 31])
def test_t19_a_masked_wrap_is_told_once_for_each_track(bits: int) -> None:
    end = 1 << bits
    times, repairs = placed(
        *masked([(9, end - 40), (8, end - 21), (9, end), (8, end + 2), (9, end + 40)], bits)
    )
    assert times == [end - 40, end - 21, end, end + 2, end + 40]
    assert repairs == [
        Repair(What.WRAPPED, Kind.VIDEO, 40 - end, end),
        Repair(What.WRAPPED, Kind.AUDIO, 23 - end, end + 2),
    ]


@pytest.mark.parametrize("jump", ["discontinuity", "repair"])
@pytest.mark.parametrize(("bits", "step_ms"), [(24, 9000), (31, 1 << 27), (32, 1 << 27)])
def test_t19_several_wraps(bits: int, step_ms: int, jump: Jumps) -> None:
    """Weeks are not fed frame by frame: the limit is raised, and the frames are days apart."""
    start = (1 << bits) - 100_000
    times = [start + at * step_ms for at in range(3 * (1 << bits) // step_ms)]
    piece = batch(*(tag for time in times for tag in masked([(9, time), (8, time + 11)], bits)))
    repairs = Timeline(jump=jump, jump_ahead_ms=max(10_000, step_ms)).place(piece)
    assert dts(piece) == [time + apart for time in times for apart in (0, 11)]
    assert len(repairs) == (0 if bits == 32 else 2 * (times[-1] >> bits))


def test_t19_a_step_back_across_a_masked_wrap() -> None:
    end = 1 << 24
    for jump in ("discontinuity", "repair"):
        tags = masked([(9, end - 40), (9, end + 3), (9, end - 7), (9, end + 33)], 24)
        times, repairs = placed(*tags, jump=jump)
        assert times == [end - 40, end + 3, end - 7, end + 33]
        assert {repair.what for repair in repairs} == {What.WRAPPED}


@pytest.mark.parametrize("first", [8, 9])
def test_t19_a_track_whose_first_frame_comes_across_a_masked_wrap(first: int) -> None:
    end = 1 << 24
    for frames in (
        [(first, end - 40), (first, end), (17 - first, end - 7), (first, end + 40), (17 - first, end + 16)],
        [(first, end - 40), (17 - first, end + 7), (first, end), (17 - first, end + 30)],
    ):
        assert placed(*masked(frames, 24))[0] == [time for _, time in frames]


@settings(max_examples=20)
@given(st.integers(-3000, 3000), st.sampled_from([24, 31, 32]), st.integers(-30_000, 30_000))
def test_t19_wherever_the_wrap_falls(phase: int, bits: int, audio_ahead: int) -> None:
    frames = interleaved((1 << bits) - 100_000 + phase, 3500, audio_ahead)
    times, _ = placed(*masked(frames, bits))
    assert times == [time for _, time in frames]


@pytest.mark.parametrize("bits", [24, 31])
def test_t19_a_clock_that_has_gone_beyond_a_mask_does_not_wrap_there(bits: int) -> None:
    """A push that begins anew just behind 2^24 is another push: a masked clock would never have got there."""
    end = 1 << bits
    for before, after in (
        ([(9, end + 40), (8, end + 50)], [(9, 0), (8, 7), (9, 40)]),
        ([(9, end)], [(8, 5), (9, 40)]),
    ):
        times, repairs = placed(*masked([*before, *after], 32))
        assert [time % (1 << 32) for time in times] == [time for _, time in [*before, *after]]
        assert What.WRAPPED not in {repair.what for repair in repairs}

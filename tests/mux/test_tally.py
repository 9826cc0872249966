"""What is counted of a track as a whole is what is counted frame by frame."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from engine.media.codecs import Codec
from engine.mux.frames import KEY, Frame
from engine.mux.tally import Tally

if TYPE_CHECKING:
    from engine._native import TrackTables

Sample = tuple[int, int, bool]  # time, size, key
SAMPLES = st.lists(st.tuples(st.integers(-50, 300), st.integers(1, 9), st.booleans()), min_size=1, max_size=6)
SEGMENTS = st.lists(st.tuples(st.booleans(), st.booleans(), SAMPLES), max_size=8)


def frames_of(is_video: bool, samples: list[Sample], origin_ms: int) -> list[Frame]:
    codec = int(Codec.UNKNOWN_VIDEO if is_video else Codec.UNKNOWN_AUDIO)
    return [(time + origin_ms, 0, 0, size, codec, KEY * key, 0) for time, size, key in samples]


def tables_of(is_video: bool, samples: list[Sample]) -> TrackTables:
    steps = [after - before for (before, *_), (after, *_) in pairwise(samples) if after > before]
    return {
        "kind": "video" if is_video else "audio",
        "samples": len(samples),
        "sync_samples": sum(key for *_, key in samples),
        "media_bytes": sum(size for _, size, _ in samples),
        "first_dts_ms": samples[0][0],
        "last_dts_ms": samples[-1][0],
        "frame_ms": steps[-1] if steps else 0,
    }


@given(segments=SEGMENTS, origin_ms=st.integers(-100, 100))
def test_tables_count_as_their_frames_do(
    segments: list[tuple[bool, bool, list[Sample]]], origin_ms: int
) -> None:
    whole, single = Tally(), Tally()
    for is_video, breaks, samples in segments:
        in_order = sorted(samples, key=lambda sample: sample[0])
        if breaks:
            whole.discontinuity()
            single.discontinuity()
        whole.add_tables(tables_of(is_video, in_order), origin_ms)
        single.add(frames_of(is_video, in_order, origin_ms))
        assert whole.snapshot() == single.snapshot()
        assert (whole.stats(), whole.end_ms(), whole.shown_ms) == (
            single.stats(),
            single.end_ms(),
            single.shown_ms,
        )

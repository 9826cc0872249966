"""What is remembered of a recording: its last 20 s, in a ring of one size."""

from __future__ import annotations

from batches import audio, split, video, video_config
from hypothesis import given
from hypothesis import strategies as st
from replays import HEADERS, at, camera, memory_of, placed

from engine.media.batch import Batch, Kind
from engine.media.limits import REMEMBERED_MS, REMEMBERED_PACKETS
from engine.timeline import Memory


def times(memory: Memory) -> dict[int, list[int]]:
    return {kind: recorded.dts.tolist() for kind, recorded in memory.recorded().items()}


def test_frames_are_remembered_by_kind_and_headers_as_they_are_now() -> None:
    memory = memory_of(
        [*HEADERS, video(0, key=True), audio(1), video(40), (18, 41, b"\x02\0\x01x"), audio(24)]
    )
    assert times(memory) == {Kind.VIDEO: [0, 40], Kind.AUDIO: [1, 24]}
    assert memory.recorded()[Kind.VIDEO].keys.tolist() == [True, False]
    before = memory.headers
    memory.remember(placed([video_config(config=b"\x01another")]))
    assert memory.headers[Kind.VIDEO] != before[Kind.VIDEO]
    assert memory.headers[Kind.AUDIO] == before[Kind.AUDIO]


def test_the_last_20_s_are_kept_whatever_the_clock_says() -> None:
    memory = memory_of(camera(0, 30_000), camera(0, 4000), at(camera(0, 6000), 900_000))
    kept = times(memory)[Kind.VIDEO]
    assert kept[-250:] == list(range(0, 4000, 40)) + list(range(900_000, 906_000, 40))
    assert 19_880 <= kept[0] < 20_000, "the jumps are no media"


def test_a_track_that_ended_is_forgotten_with_its_time() -> None:
    both = camera(0, 5000)
    pictures = [tag for tag in camera(5000, 60_000) if tag[0] == 9]
    assert times(memory_of(both, pictures[:400])).keys() == {Kind.VIDEO, Kind.AUDIO}
    assert times(memory_of(both, pictures)).keys() == {Kind.VIDEO}


def test_it_is_of_one_size() -> None:
    memory = Memory()
    for start in range(0, 100_000, 5000):
        memory.remember(placed([audio(start + at) for at in range(5000)]))
    (recorded,) = memory.recorded().values()
    assert recorded.dts.tolist() == list(range(100_000 - REMEMBERED_PACKETS, 100_000))


def test_20_s_of_75_packets_a_second_fit() -> None:
    assert REMEMBERED_PACKETS >= 75 * REMEMBERED_MS // 1000


@given(st.sets(st.integers(0, 3000), max_size=6))
def test_the_split_into_batches_makes_no_difference(cuts: set[int]) -> None:
    whole = placed([*HEADERS, *camera(0, 25_000), *at(camera(0, 9000), 70_000)])
    memory, piecewise = Memory(), Memory()
    memory.remember(whole)
    for piece in split(whole, {cut for cut in cuts if cut < len(whole)}):
        piecewise.remember(piece)
    piecewise.remember(Batch.empty())
    for kind, recorded in memory.recorded().items():
        same = piecewise.recorded()[kind]
        for column in ("digests", "dts", "keys"):
            assert getattr(same, column).tolist() == getattr(recorded, column).tolist()
    assert piecewise.headers == memory.headers

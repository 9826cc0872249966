"""hls.js in Chromium plays spliced playlists across their discontinuities, from start to end.

What it cannot play is no matter of the files: Media Source Extensions fix the tracks when the first segment
is appended, so hls.js stops where a push brings sound to a stream without, or leaves it out. And where the
pictures of a fragmented MP4 begin later than their decoding, it leaves that much of a hole at a splice.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from browser import Played, play
from oracle import playlist
from oracle.packets import output_packets
from origins.footage import H264, make_flv
from splices import record_spliced

RATE = 8.0
NO_B_FRAMES = ("-bf", "0")
LARGER = ("-vf", "scale=480:360")
AAC_48K_STEREO = ("-c:a", "aac", "-b:a", "96k", "-ar", "48000", "-ac", "2")
OPUS = ("-c:a", "libopus", "-ar", "48000")
START_S = 0.2  # hls.js goes to the first picture, which B-frames put behind the start, and 0.1 s further
EARLY_S = 0.5  # a new size is told when the picture is ready; at this rate that is a while ahead
TAIL_S = 0.1  # of sound may outlive the pictures of a push; hls.js puts the next push over it

Footage = Callable[[str], Path]


@pytest.fixture(scope="module")
def footage(tmp_path_factory, sample) -> Footage:
    """A stream by its name: of the samples, or made for this."""
    folder = tmp_path_factory.mktemp("footage")
    made = {
        "larger": lambda path: make_flv(path, (*H264, *LARGER), AAC_48K_STEREO),
        "plain": lambda path: make_flv(path, (*H264, *NO_B_FRAMES)),
        "opus": lambda path: make_flv(path, (*H264, *NO_B_FRAMES), OPUS),
        "plain_larger": lambda path: make_flv(path, (*H264, *NO_B_FRAMES, *LARGER), AAC_48K_STEREO),
    }

    def path_of(name: str) -> Path:
        if name not in made:
            return sample(name)
        path = folder / f"{name}.flv"
        return path if path.exists() else made[name](path)

    return path_of


def runs_of(path: Path) -> list[tuple[float, float]]:
    """(start, end) in seconds of what lies between the discontinuities of a playlist."""
    runs: dict[int, float] = {}
    for segment in playlist.read(path).segments:
        runs[segment.run] = runs.get(segment.run, 0.0) + segment.duration_s
    ends = [sum(list(runs.values())[: number + 1]) for number in range(len(runs))]
    return list(zip([0.0, *ends], ends, strict=False))


def assert_played_whole(played: Played, path: Path, pushes: int) -> None:
    """Every segment, frame and second of a playlist, without a word of complaint."""
    runs = runs_of(path)
    assert len(runs) == pushes
    assert (played.outcome, played.errors) == ("ended", [])
    assert all(to <= START_S for _, to in played.jumps), "a gap was jumped"
    assert played.current_s >= played.duration_s - 0.1
    assert played.duration_s == pytest.approx(runs[-1][1], abs=TAIL_S * len(runs))
    ((start, end),) = played.buffered
    assert start <= 0.1, "the first picture is late"
    assert end == pytest.approx(played.duration_s, abs=0.01)
    segments = playlist.read(path).segments
    assert played.fragments == [(number, segment.run) for number, segment in enumerate(segments)]
    assert played.frames >= len(output_packets(path).video)


def assert_shown(played: Played, path: Path) -> None:
    """In every run there was a picture, and each had its lights and darks."""
    for start, end in runs_of(path):
        spreads = [bright - dark for at, dark, bright in played.pictures if start < at < end]
        assert spreads, f"nothing was seen between {start} and {end} s"
        assert min(spreads) > 100


def sizes_of(played: Played) -> list[tuple[int, int]]:
    """The sizes of the picture one after another."""
    return [(width, height) for _, width, height in played.sizes]


@pytest.mark.parametrize(
    ("segment", "names"),
    [
        ("ts", ["h264_aac_bframes", "h264_aac_bframes"]),
        ("ts", ["video_only", "video_only"]),
        ("fmp4", ["plain", "plain"]),
        ("fmp4", ["opus", "opus"]),
    ],
)
async def test_a_push_that_comes_back_on_a_new_clock(segment, names, footage, tmp_path):
    path = await record_spliced([footage(name) for name in names], tmp_path, segment)
    played = await play(path, tmp_path / "profile", rate=RATE)
    assert_played_whole(played, path, len(names))
    assert_shown(played, path)
    assert len(set(sizes_of(played))) == 1
    assert (played.audio_bytes > 0) == ("video_only" not in names)


@pytest.mark.parametrize(
    ("segment", "small", "large"),
    [("ts", "h264_aac_bframes", "larger"), ("fmp4", "plain", "plain_larger")],
)
async def test_other_sizes_and_sample_rates(segment, small, large, footage, tmp_path):
    path = await record_spliced([footage(small), footage(large), footage(small)], tmp_path, segment)
    assert len({one.map_uri for one in playlist.read(path).segments}) == (2 if segment == "fmp4" else 1)
    played = await play(path, tmp_path / "profile", rate=RATE)
    assert_played_whole(played, path, 3)
    assert_shown(played, path)
    first, second, third = sizes_of(played)
    assert (first, second) == (third, (480, 360))
    _, (second_s, third_s), (_, end_s) = runs_of(path)
    _, (to_second, _, _), (to_third, _, _) = played.sizes
    assert second_s - EARLY_S < to_second < third_s - EARLY_S < to_third < end_s


async def test_sound_alone(footage, tmp_path):
    path = await record_spliced([footage("aac_only")] * 2, tmp_path, "ts")
    played = await play(path, tmp_path / "profile", rate=RATE)
    assert_played_whole(played, path, 2)
    assert played.audio_bytes > 0


@pytest.mark.parametrize("segment", ["ts", "fmp4"])
async def test_a_push_without_sound_plays_from_where_it_begins(segment, footage, tmp_path):
    path = await record_spliced([footage("h264_aac_bframes"), footage("video_only")], tmp_path, segment)
    (_, splice_s), (_, end_s) = runs_of(path)
    played = await play(path, tmp_path / "profile", rate=RATE, startPosition=splice_s + 0.1)
    assert (played.outcome, played.errors) == ("ended", [])
    assert played.duration_s == pytest.approx(end_s, abs=TAIL_S)
    assert {run for _, run in played.fragments} == {1}
    assert played.frames >= 190


async def test_pictures_later_than_their_decoding_leave_a_hole_that_is_skipped(footage, tmp_path):
    """Fragmented MP4 with B-frames: hls.js puts the decoding time of a push's first frame, not its picture,
    where the push before ends. It jumps over the hole; with its default `maxBufferHole` it then never sees
    the end of the stream."""
    path = await record_spliced([footage("h264_aac_bframes")] * 2, tmp_path, "fmp4")
    played = await play(path, tmp_path / "profile", rate=4.0, eager=True, maxBufferHole=0)
    (_, splice_s), _ = runs_of(path)
    assert played.outcome == "ended"
    ((_, hole_start), (hole_end, end)) = played.buffered
    assert hole_end - hole_start == pytest.approx(0.08, abs=0.01), "more than the reordering of two frames"
    assert hole_start == pytest.approx(splice_s, abs=0.01)
    assert end >= played.duration_s - 0.1
    assert len([to for _, to in played.jumps if to > START_S]) == 1

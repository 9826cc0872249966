"""Excerpts: which segments are listed, and that the playlist plays."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from muxing import PlainFolder, read_stream
from oracle import playlist
from oracle.playback import assert_plays
from oracle.rules import assert_playlist

from engine.media.codecs import Format
from engine.mux import MuxOptions, open_muxer
from engine.mux.excerpt import Excerpt, excerpt
from engine.mux.recover.playlist_text import read_playlist

T = datetime(2026, 2, 3, 4, 5, 6, tzinfo=UTC)


@pytest.fixture
def recorded(sample, tmp_path):
    """Makes recordings of 8 s, in segments of 2 s."""

    def record(name: str, begins_s: float, segment: str = "ts") -> PlainFolder:
        stream = read_stream(sample("h264_aac_bframes"))
        folder = PlainFolder(tmp_path / f"{name}.m3u8")
        options = MuxOptions(
            started_at=T + timedelta(seconds=begins_s),
            headers=[stream.headers],
            hls_time_s=1.5,
            hls_segment=segment,
        )
        muxer = open_muxer(Format.HLS, stream.tracks, folder, options)
        for batch in stream.batches():
            muxer.write(batch)
        muxer.close()
        return folder

    return record


def cut(folder: Path, start_s: float, end_s: float, **more) -> Excerpt | None:
    playlists = [(path.stem, read_playlist(path.read_text(), path.stem)) for path in folder.glob("*.m3u8")]
    return excerpt(playlists, T + timedelta(seconds=start_s), T + timedelta(seconds=end_s), **more)


def uris(made: Excerpt | None) -> list[str]:
    return [] if made is None else [uri.rpartition(".")[0] for uri in made.uris]


def written(made: Excerpt | None, folder: Path) -> playlist.Playlist:
    """The excerpt with all that it lists and nothing else."""
    assert made is not None
    path = folder / "excerpt" / "excerpt.m3u8"
    path.parent.mkdir()
    path.write_text(made.text)
    for segment in playlist.read(path).segments:
        for uri in filter(None, (segment.uri, segment.map_uri)):
            path.parent.joinpath(uri).parent.mkdir(exist_ok=True)
            shutil.copy(folder / uri, path.parent / uri)
    assert_plays(path, apart=True)
    listed = assert_playlist(path)
    assert [segment.uri for segment in listed.segments] == list(made.uris)
    return listed


def test_segments_that_end_in_the_time(recorded, tmp_path):
    recorded("a", 0)
    assert uris(cut(tmp_path, 0, 6)) == ["a/00000", "a/00001", "a/00002"]
    assert uris(cut(tmp_path, 2, 5.9)) == ["a/00001"]
    assert uris(cut(tmp_path, 1.9, 6)) == ["a/00000", "a/00001", "a/00002"]
    assert uris(cut(tmp_path, 2, 5.9, one_more=True)) == ["a/00001", "a/00002"]
    assert uris(cut(tmp_path, 2, 6, one_more=True)) == ["a/00001", "a/00002"]
    assert cut(tmp_path, -10, 0, one_more=True) is None
    assert cut(tmp_path, 2.1, 3.9) is None
    assert cut(tmp_path, 100, 200, one_more=True) is None


@pytest.mark.parametrize("segment", ["ts", "fmp4"])
def test_an_excerpt_plays(recorded, tmp_path, segment):
    recorded("a", 0, segment)
    made = cut(tmp_path, 2, 6)
    assert (made.starts_at, made.ends_at, made.duration_ms) == (
        T + timedelta(seconds=2),
        T + timedelta(seconds=6),
        4000,
    )
    listed = written(made, tmp_path)
    assert {one.run for one in listed.segments} == {0}
    assert listed.ended
    assert listed.segments[0].program_time == made.starts_at


@pytest.mark.parametrize("segment", ["ts", "fmp4"])
def test_of_two_recordings(recorded, tmp_path, segment):
    recorded("z", 0, segment)
    recorded("b", 20, segment)
    made = cut(tmp_path, 5, 25)
    assert uris(made) == ["z/00002", "z/00003", "b/00000", "b/00001"]
    assert [one.run for one in written(made, tmp_path).segments] == [0, 0, 1, 1]


def test_what_is_recorded_twice_is_listed_once(recorded, tmp_path):
    recorded("a", 0)
    recorded("b", 3)
    made = cut(tmp_path, 0, 100)
    assert uris(made) == ["a/00000", "a/00001", "a/00002", "a/00003", "b/00003"]
    written(made, tmp_path)


def test_one_container_is_enough(recorded, tmp_path):
    recorded("a", 0)
    recorded("b", 10, "fmp4")
    recorded("c", 20)
    made = cut(tmp_path, 0, 100)
    assert {uri.partition("/")[0] for uri in made.uris} == {"a", "c"}
    written(made, tmp_path)


def test_a_segment_that_is_gone_leaves_a_discontinuity(recorded, tmp_path):
    recorded("a", 0)
    (tmp_path / "a" / "00001.ts").unlink()
    made = cut(tmp_path, 0, 100, is_there=lambda uri: (tmp_path / uri).is_file())
    assert [one.run for one in written(made, tmp_path).segments] == [0, 1, 1]
    shutil.rmtree(tmp_path / "a")
    assert cut(tmp_path, 0, 100, is_there=lambda uri: (tmp_path / uri).is_file()) is None


def test_a_playlist_that_grows(recorded, tmp_path):
    folder = recorded("a", 0)
    folder.playlist.write_text(folder.published[2])
    made = cut(tmp_path, 0, 100)
    assert uris(made) == ["a/00000", "a/00001", "a/00002"]
    assert written(made, tmp_path).ended

"""`reel inspect` and `reel codecs`: what they print and how they end."""

from __future__ import annotations

import json

import pytest
import typer
from muxing import mux_file, mux_hls, read_stream
from typer.testing import CliRunner

from engine.cli.codecs import codecs_command
from engine.cli.inspect import inspect_command
from engine.media.codecs import Format
from engine.mux import MuxOptions

app = typer.Typer()
app.command("inspect")(inspect_command)
app.command("codecs")(codecs_command)


def reel(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments], env={"COLUMNS": "200"})


@pytest.fixture
def flv(sample, tmp_path):
    return mux_file(read_stream(sample("h264_aac_bframes")), tmp_path, Format.FLV)[0]


@pytest.fixture
def cut(flv, tmp_path):
    path = tmp_path / "[cut].flv"
    path.write_bytes(flv.read_bytes()[:-100])
    return path


def test_a_whole_file_ends_with_0(flv):
    done = reel("inspect", flv)
    assert done.exit_code == 0
    for words in (
        "whole",
        "H.264 avc1.64000c",
        "320x180",
        "AAC mp4a.40.2",
        "48000 Hz, 1 ch",
        "200",
        "376",
        "1.00 s",
    ):
        assert words in done.stdout
    assert done.stderr == ""


def test_a_damaged_file_ends_with_1_and_says_why(flv, cut):
    done = reel("inspect", flv, cut)
    assert done.exit_code == 1
    assert "[cut].flv" in done.stdout
    assert "damaged: after byte" in done.stdout


def test_a_missing_file_ends_with_2_and_the_others_are_read(flv, cut, tmp_path):
    done = reel("inspect", tmp_path / "none.flv", cut, flv)
    assert done.exit_code == 2
    assert done.stderr == f"reel inspect: {tmp_path / 'none.flv'}: No such file or directory\n"
    assert "whole" in done.stdout
    assert "damaged" in done.stdout


def test_json_is_one_object_a_line(flv, cut):
    done = reel("inspect", "--json", flv, cut)
    assert done.exit_code == 1
    whole, damaged = (json.loads(line) for line in done.stdout.splitlines())
    assert whole["container"] == "FLV"
    assert whole["damaged"] == []
    assert whole["duration_ms"] == pytest.approx(8081, abs=1)
    video, audio = whole["tracks"]
    assert video["keyframe_distances"] == {"shortest_ms": 1000, "mean_ms": 1000, "longest_ms": 1000}
    assert (audio["packets"], audio["first_ms"], audio["last_ms"]) == (376, 59, 8059)
    assert len(damaged["damaged"]) == 1


def test_a_playlist_is_read_with_its_segments(sample, tmp_path):
    out, _ = mux_hls(read_stream(sample("h264_mp3")), tmp_path, MuxOptions(hls_time_s=2.0))
    done = reel("inspect", out.playlist)
    assert done.exit_code == 0
    assert "HLS, 4 segments" in done.stdout
    (out.folder / "00002.ts").unlink()
    done = reel("inspect", out.playlist)
    assert done.exit_code == 1
    assert "out/00002.ts: No such file" in done.stdout


def test_a_directory_is_no_file(tmp_path):
    done = reel("inspect", tmp_path)
    assert done.exit_code == 2
    assert "directory" in done.stderr


def test_codecs_shows_every_cell():
    done = reel("codecs")
    assert done.exit_code == 0
    rows = {line.split("  ")[0].strip(): line for line in done.stdout.splitlines()}
    assert {"H.264", "H.265", "H.266", "AV1", "AAC", "MP3", "Opus"} <= set(rows)
    cells = " ".join(rows["AV1"].split()[1:])
    assert cells == "extended not supported supported not supported not supported"

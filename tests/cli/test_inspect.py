"""`reel inspect` and `reel codecs`: what they print and how they end."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
import typer
from muxing import mux_file, mux_hls, read_stream
from typer.testing import CliRunner

from engine.cli.codecs import codecs_command
from engine.cli.inspect import inspect_command
from engine.media.codecs import Format
from engine.media.manifest import Gap, Interval, Manifest
from engine.mux import MuxOptions
from engine.store import write_manifest

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


WINDOW = datetime(2026, 1, 1, 10, 0, tzinfo=UTC)


def described(path, **fields):
    """The file, with a manifest of a window of 20 s that it covers: 2 s, a gap of 3.5 s, the rest."""

    def at(seconds):
        return WINDOW + timedelta(seconds=seconds)

    manifest = Manifest(
        recording="[trial]",
        url="http://h/live/x.flv",
        stream="h/live/x",
        format=Format.FLV,
        file=path.name,
        size_bytes=path.stat().st_size,
        duration_ms=8081,
        video_packets=200,
        audio_packets=376,
        keyframes=8,
        media_bytes=1,
        first_dts_ms=0,
        last_dts_ms=8059,
        started_at=WINDOW,
        tracks=[],
        notes=["cut to [whole] tags"],
        covers=Interval(start=at(0), end=at(20)),
        recorded=[Interval(start=at(0), end=at(2)), Interval(start=at(5.5), end=at(20))],
        gaps=[Gap(start=at(2), end=at(5.5), reason="interrupted")],
    )
    write_manifest(path, manifest)
    return manifest


def test_the_window_and_its_gaps_are_printed(flv):
    described(flv)
    done = reel("inspect", flv)
    assert done.exit_code == 0
    for words in (
        "recording [trial]: covers 2026-01-01T10:00:00.000Z to 2026-01-01T10:00:20.000Z, 1 gaps, 3.500 s",
        "gap: 2026-01-01T10:00:02.000Z to 2026-01-01T10:00:05.500Z (3.500 s): interrupted",
        "note: cut to [whole] tags",
    ):
        assert words in done.stdout


def test_json_has_the_manifest_or_null(flv):
    assert json.loads(reel("inspect", "--json", flv).stdout)["manifest"] is None
    manifest = described(flv)
    assert json.loads(reel("inspect", "--json", flv).stdout)["manifest"] == manifest.model_dump(mode="json")


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "{}", '{"manifest": 2}', "\x00", " " * (16 << 20) + "{}"],
    ids=["nothing", "cut", "list", "empty", "version", "binary", "large"],
)
@pytest.mark.parametrize("as_json", [False, True])
def test_a_malformed_manifest_is_damage(as_json, text, flv):
    manifest = flv.with_name(flv.name + ".json")
    manifest.write_text(text)
    done = reel("inspect", *(["--json"] if as_json else []), flv)
    assert done.exit_code == 1
    assert done.stderr == ""
    if as_json:
        told = json.loads(done.stdout)
        assert told["manifest"] is None
        (line,) = told["damaged"]
        assert line.startswith(f"its manifest: {manifest}")
        assert "\n" not in line
    else:
        assert f"damaged: its manifest: {manifest}" in done.stdout.replace("\n", "")


def test_a_manifest_that_is_a_folder_is_damage(flv):
    flv.with_name(flv.name + ".json").mkdir()
    done = reel("inspect", flv)
    assert done.exit_code == 1
    assert "its manifest" in done.stdout

"""The options of `reel record`, each by what it makes."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from oracle import flv, playlist
from oracle.packets import output_packets, source_packets
from oracle.rules import assert_f1, assert_f2, assert_f3, assert_playlist
from origins.scripted import Client, head, scripted
from reel import reel

from engine.media import events

SAMPLE = "h264_aac_bframes"
Sample = Callable[[str], Path]


def at_once(path: Path) -> str:
    """The URL that replays a file as fast as it is taken."""
    return f"{path.as_uri()}?speed=0"


async def test_without_options_it_makes_an_flv_file_below_recordings(sample: Sample, tmp_path: Path) -> None:
    done = await reel("record", at_once(sample(SAMPLE)), cwd=tmp_path)
    done.assert_done()
    (path,) = (path for path in tmp_path.rglob("*") if path.suffix == ".flv")
    name = path.relative_to(tmp_path).as_posix()
    assert re.fullmatch(rf"recordings/localhost/file/{SAMPLE}/\d{{8}}T\d{{6}}Z-001\.flv", name)
    assert done.out == ""
    assert re.search(rf"^finished    {name} \(8\.1 s, 0\.2 MB\)$", done.err, re.MULTILINE)
    assert_f1(sample(SAMPLE), path)
    assert_f2(sample(SAMPLE), path, timestamps="original")
    assert_f3(path)


async def test_json_prints_events_and_nothing_else(sample: Sample, tmp_path: Path) -> None:
    url = at_once(sample(SAMPLE))
    done = await reel("record", url, "-o", tmp_path, "-f", "flv,hls,mp4,aac", "--json")
    done.assert_done()
    told = done.events
    kinds = [event.event for event in told]
    assert kinds[:4] == ["gap_opened", "connecting", "gap_closed", "live"]
    assert kinds[-1] == "finished"
    assert len({event.recording for event in told}) == 1
    assert all(event.at.tzinfo is not None for event in told)
    assert [event.at for event in told] == sorted(event.at for event in told)
    (live,) = done.of(events.Live)
    assert [(track.kind, track.codec) for track in live.tracks] == [("video", "H.264"), ("audio", "AAC")]
    for kind in (events.SegmentOpened, events.SegmentClosed, events.FileFinished):
        assert sorted(event.format for event in done.of(kind)) == ["aac", "flv", "hls", "mp4"]
    for finished in done.of(events.FileFinished):
        packets = output_packets(Path(finished.path))
        assert (finished.video_packets, finished.audio_packets) == (len(packets.video), len(packets.audio))
        if finished.format != "hls":
            assert finished.size_bytes == Path(finished.path).stat().st_size
        assert_f1(sample(SAMPLE), packets)
    (finished,) = done.of(events.Finished)
    assert (finished.reason, finished.files, finished.gaps) == ("stream_ended", 4, 1)


async def test_interval_and_name(sample: Sample, tmp_path: Path) -> None:
    options = ("--interval", "2", "--name", "{date}/{time}/{stream}-no-{seq}", "-f", "flv,mp4,hls", "--json")
    done = await reel("record", at_once(sample(SAMPLE)), "-o", tmp_path, *options)
    done.assert_done()
    for format in ("flv", "mp4", "hls"):
        files = done.files(format)
        names = [path.relative_to(tmp_path).with_suffix("").as_posix() for path in files]
        assert all(re.fullmatch(r"\d{4}-\d\d-\d\d/\d{6}/.*", name) for name in names)
        assert [name.split("/")[-1] for name in names] == [f"{SAMPLE}-no-{seq:03d}" for seq in (1, 2, 3, 4)]
        assert_f1(sample(SAMPLE), files)
        assert_f2(sample(SAMPLE), files)
        for path in files:
            assert_f3(path)


async def test_duration_is_media_time(sample: Sample, tmp_path: Path) -> None:
    options = ("--duration", "2.5", "-f", "flv,hls,mp4,aac", "--json")
    done = await reel("record", at_once(sample(SAMPLE)), "-o", tmp_path, *options)
    done.assert_done()
    (finished,) = done.of(events.Finished)
    assert finished.reason == "duration"
    for path in done.files():
        assert_f1(sample(SAMPLE), path, cut_short=True)
        assert_f3(path)
    (path,) = done.files("flv")
    times = [packet.dts_ms for packet in output_packets(path).packets]
    assert 2400 < max(times) - min(times) < 2500


async def test_type_audio(sample: Sample, tmp_path: Path) -> None:
    options = ("--type", "audio", "-f", "flv,mp4,aac", "--json")
    done = await reel("record", at_once(sample(SAMPLE)), "-o", tmp_path, *options)
    done.assert_done()
    for path in done.files():
        assert_f1(sample(SAMPLE), path, first_cut=False, tracks=["audio"])
        assert_f3(path)
    assert len(done.files()) == 3


@pytest.mark.parametrize("timestamps", ["original", "zero"])
async def test_timestamps(timestamps: str, sample: Sample, tmp_path: Path) -> None:
    """Of a sample that begins at 7 ms, recorded from its second file on."""
    options = ("--timestamps", timestamps, "--interval", "3", "-f", "flv,hls", "--json")
    done = await reel("record", at_once(sample("av1_opus")), "-o", tmp_path, *options)
    done.assert_done()
    files = done.files("flv")
    assert len(files) > 1
    assert_f2(sample("av1_opus"), files, timestamps="zero" if timestamps == "zero" else "original")


@pytest.mark.parametrize(
    ("name", "segment", "suffix"),
    [
        (SAMPLE, None, ".ts"),
        (SAMPLE, "fmp4", ".m4s"),
        (SAMPLE, "auto", ".ts"),
        ("h265_enhanced_aac", "auto", ".m4s"),
    ],
)
async def test_hls_segments(
    name: str, segment: str | None, suffix: str, sample: Sample, tmp_path: Path
) -> None:
    chosen = ("--hls-segment", segment) if segment else ()
    options = ("-f", "hls", "--hls-time", "2", "--json", *chosen)
    done = await reel("record", at_once(sample(name)), "-o", tmp_path, *options)
    done.assert_done()
    (path,) = done.files()
    listed = playlist.read(path)
    assert {Path(entry.uri).suffix for entry in listed.segments} == {suffix}
    assert len(listed.segments) == 4
    assert_playlist(path)
    assert_f1(sample(name), path)
    assert_f2(sample(name), path, timestamps="original")


async def test_segments_without_a_keyframe_to_end_at(shared_media: Path, tmp_path: Path) -> None:
    """Said once for a file, as an event."""
    url = at_once(shared_media / "bun33s.flv")
    done = await reel("record", url, "-o", tmp_path, "-f", "hls", "--hls-time", "1", "--json")
    done.assert_done()
    (path,) = done.files()
    assert_playlist(path)
    (warning,) = done.of(events.Warned)
    assert (warning.code, warning.format) == ("mux", "hls")
    assert "4 segments are much longer" in warning.message


@pytest.mark.parametrize("signalling", ["source", "enhanced"])
async def test_flv_signalling(signalling: str, sample: Sample, tmp_path: Path) -> None:
    options = ("--flv-signalling", signalling, "--json")
    done = await reel("record", at_once(sample("h265_id12_aac")), "-o", tmp_path, *options)
    done.assert_done()
    (path,) = done.files()
    tags = [tag for tag in flv.read(path).tags if tag.kind == flv.VIDEO]
    assert {flv.main_media(tag).signalling for tag in tags} == {
        "legacy" if signalling == "source" else "enhanced"
    }
    assert [packet.digest for packet in output_packets(path).packets] == [
        packet.digest for packet in source_packets(sample("h265_id12_aac")).packets
    ]


async def test_headers(sample: Sample, tmp_path: Path) -> None:
    async def flv_body(client: Client) -> None:
        await client.send(head() + sample(SAMPLE).read_bytes())

    headers = ("--header", "X-Token: a:b", "--header", "user-agent:  me ")
    async with scripted(flv_body) as origin:
        done = await reel("record", origin.url(), "-o", tmp_path, "--reconnect", "0", *headers)
    done.assert_done()
    (request,) = origin.requests
    assert (request.headers["x-token"], request.headers["user-agent"]) == ("a:b", "me")


async def test_the_spec_is_the_options_as_json(sample: Sample, tmp_path: Path) -> None:
    async def flv_body(client: Client) -> None:
        await client.send(head() + sample(SAMPLE).read_bytes())

    async with scripted(flv_body) as origin:
        spec = {
            "url": origin.url(),
            "output": str(tmp_path / "out"),
            "format": ["flv", "mp4"],
            "type": "audio",
            "duration": 3,
            "interval": 1.5,
            "reconnect": 0,
            "name": "a-{seq}",
            "timestamps": "zero",
            "headers": {"X-Token": "t"},
            "insecure": False,
        }
        file = tmp_path / "spec.json"
        file.write_text(json.dumps(spec))
        from_file = await reel("record", "--spec", file, "--json")
        spec |= {"format": "FLV, Mp4", "type": "Audio", "duration": "3s", "interval": "1500ms"}
        from_stdin = await reel(
            "record", "--spec", "-", "--json", "--name", "b-{seq}", stdin=json.dumps(spec)
        )
    assert [request.headers["x-token"] for request in origin.requests] == ["t", "t"]
    for done, letter in ((from_file, "a"), (from_stdin, "b")):
        done.assert_done()
        names = [path.relative_to(tmp_path / "out").as_posix() for path in done.files()]
        assert sorted(names) == [f"{letter}-00{seq}.{end}" for seq in (1, 2) for end in ("flv", "mp4")]
        assert_f1(sample(SAMPLE), done.files("flv"), first_cut=False, tracks=["audio"], cut_short=True)
        assert output_packets(done.files("flv")[1]).packets[0].dts_ms == 0


async def test_quantities_have_units_and_formats_any_case(sample: Sample, tmp_path: Path) -> None:
    url = f"{sample(SAMPLE).as_uri()}?speed=0"
    times = (
        "--duration",
        "0:03",
        "--interval",
        "1500ms",
        "--sync",
        "1m",
        "--reconnect",
        "0s",
        "--splice",
        "1 min",
    )
    sizes = ("--min-free", "1MB", "--hls-time", "0.5s")
    done = await reel("record", url, "-f", "FLV,Hls", *times, *sizes, "-o", tmp_path, "--json")
    done.assert_done()
    assert [path.suffix for path in done.files()].count(".flv") == 2
    assert_f1(sample(SAMPLE), done.files("flv"), cut_short=True)
    full = await reel("record", url, "-o", tmp_path, "--min-free", "900TB")
    full.assert_fails(5, "818 TiB must be to begin a file")


async def test_version(tmp_path: Path) -> None:
    done = await reel("--version")
    assert (done.code, done.err) == (0, "")
    assert re.fullmatch(r"reel \d+\.\d+\.\d+\n", done.out)


async def test_a_new_file_begins_when_one_is_large_enough(sample: Sample, tmp_path: Path) -> None:
    url = f"{sample(SAMPLE).as_uri()}?speed=0"
    done = await reel(
        "record", url, "-f", "flv,mp4,hls,aac", "--split-size", "50KiB", "-o", tmp_path, "--json"
    )
    done.assert_done()
    for format in ("flv", "mp4", "hls", "aac"):
        assert len(done.files(format)) >= 3
    for format in ("flv", "mp4", "hls"):
        assert_f1(sample(SAMPLE), done.files(format))
    assert all(path.stat().st_size >= 50 << 10 for path in done.files("flv")[:-1])

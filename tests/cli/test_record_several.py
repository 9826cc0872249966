"""Several URLs side by side in one process."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from oracle.packets import source_packets
from oracle.rules import assert_f1, assert_f3
from origins.process import free_port
from origins.scripted import head, says, scripted
from reel import reel

from engine.media import events
from engine.origin import Origin

Sample = Callable[[str], Path]


async def test_a_list_of_urls_and_arguments(sample: Sample, tmp_path: Path) -> None:
    """Over three protocols at once; two of them are the same stream, whose names must not collide."""
    files = [sample("h264_aac_bframes"), sample("h264_mp3")]
    async with Origin(files) as origin:
        urls = tmp_path / "urls.txt"
        urls.write_text(f"# comment\n\n  {origin.rtmp_url('live/h264_mp3')}\n{files[1].as_uri()}?speed=0\n")
        both = (origin.rtmp_url("live/h264_aac_bframes"), origin.http_url("live/h264_aac_bframes"))
        done = await reel(
            "record",
            *both,
            "--urls",
            urls,
            "-o",
            tmp_path / "out",
            "-f",
            "flv,mp4",
            "--duration",
            "2",
            "--json",
        )
    done.assert_done()
    recordings = {event.recording: event.url for event in done.of(events.Connecting)}
    assert sorted(recordings.values()) == sorted([*both, origin.rtmp_url("live/h264_mp3"), files[1].as_uri()])
    assert {event.recording for event in done.of(events.Finished)} == set(recordings)
    finished = done.of(events.FileFinished)
    assert len({event.path for event in finished}) == len(finished) == 8
    for event in finished:
        source = source_packets(files["mp3" in recordings[event.recording]])
        assert_f1(source.looped(2, 8080), Path(event.path), joined_late=True, cut_short=True)
        assert_f3(Path(event.path))


async def test_the_worst_code_counts_and_the_others_go_on(sample: Sample, tmp_path: Path) -> None:
    good = f"{sample('h264_aac_bframes').as_uri()}?speed=0"
    refused = f"rtmp://127.0.0.1:{free_port()}/live/x?sign=secret"
    av1 = f"{sample('av1_opus').as_uri()}?speed=0"
    common = ("-o", tmp_path, "--reconnect", "0", "-f", "hls", "--json")

    done = await reel("record", good, refused, *common)
    done.assert_fails(3, refused.partition("?")[0])
    assert "secret" not in done.err + done.out
    assert len(done.files()) == 1

    done = await reel("record", refused, good, av1, *common)
    assert done.code == 4
    assert len(done.complaints) == 2
    assert all(line.startswith("reel: ") for line in done.err.splitlines())
    assert "refused" in done.err
    assert f"{sample('av1_opus').as_uri()}: hls cannot hold AV1" in done.err
    (path,) = done.files()
    assert_f1(sample("h264_aac_bframes"), path)


async def test_a_failure_that_is_none_of_the_known_is_the_worst(sample: Sample, tmp_path: Path) -> None:
    damaged = f"{sample('invalid/truncated.flv').as_uri()}?speed=0"
    async with scripted(says(head(status="404 Not Found"))) as origin:
        done = await reel("record", origin.url(), damaged, "-o", tmp_path, "--reconnect", "0")
    assert done.code == 1
    assert len(done.complaints) == 2


async def test_one_wrong_url_starts_nothing(sample: Sample, tmp_path: Path) -> None:
    good = f"{sample('h264_aac_bframes').as_uri()}?speed=0"
    done = await reel("record", good, "rtmp://h/only-an-app", "-o", tmp_path, "--json")
    done.assert_fails(2, "rtmp://h/only-an-app")
    assert done.out == ""
    assert not any(tmp_path.iterdir())

"""Recordings on worker processes: placed, told of, paused, ended, and finalized when the fleet ends."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from e2e.live import assert_accounted
from fleet.fleets import Heard, is_running, kill, spec
from oracle.ledger import gaps, stretches
from oracle.rules import assert_f3
from origins.troubled import Picture, Stream, troubled
from reel import running
from waiting import until

from engine.errors import UsageError
from engine.fleet import LocalFleet
from engine.media.codecs import Format
from engine.media.events import Failed, FileFinished, Finished, GapClosed, GapOpened, Live
from engine.origin import Origin

SAMPLE = "h264_aac_bframes"
SLACK_S = 0.75
GOP_S = 1.0
Sample = Callable[[str], Path]


async def test_recordings_are_spread_and_ended_one_by_one(sample: Sample, tmp_path: Path) -> None:
    """From the embedded origin, over both protocols."""
    heard = Heard()
    async with Origin([sample(SAMPLE), sample("h264_mp3")]) as origin, LocalFleet(2, heard) as fleet:
        await until(lambda: all(worker.pid for worker in fleet.status()))
        pids = [worker.pid or 0 for worker in fleet.status()]
        await fleet.start(
            spec(tmp_path, "a", origin.rtmp_url(f"live/{SAMPLE}")), origin.rtmp_url(f"live/{SAMPLE}")
        )
        url = origin.http_url("live/h264_mp3")
        await fleet.start(spec(tmp_path, "b", url), url)
        assert [worker.recordings for worker in fleet.status()] == [1, 1]
        await heard.live("a", "b")
        await asyncio.sleep(2)
        await fleet.stop("a")
        await heard.finished("a")
        assert not heard.of("b", Finished)
        await fleet.stop("b")
        await heard.finished("b")
        assert [worker.recordings for worker in fleet.status()] == [0, 0]
        await fleet.stop("a")  # it is past orders
    assert not any(is_running(pid) for pid in pids)
    heard.assert_each_told_once(tmp_path)
    for id in ("a", "b"):
        assert [event.reason for event in heard.of(id, Finished)] == ["stopped"]
        for format in (Format.FLV, Format.MP4, Format.HLS):
            (path,) = heard.files(id, format)
            assert_f3(path)


async def test_what_cannot_be_recorded(sample: Sample, tmp_path: Path) -> None:
    heard = Heard()
    async with Origin([sample(SAMPLE)]) as origin, LocalFleet(1, heard) as fleet:
        url = origin.http_url(f"live/{SAMPLE}")
        await fleet.start(spec(tmp_path, "a", url), url)
        with pytest.raises(UsageError, match="is being recorded"):
            await fleet.start(spec(tmp_path, "a", url), url)
        with pytest.raises(UsageError, match="ftp://host/x: ftp:// is not a scheme that is pulled"):
            await fleet.start(spec(tmp_path, "b", url), "ftp://host/x")
        with pytest.raises(UsageError, match="needs one"):
            await fleet.start(spec(tmp_path, "b", url).model_copy(update={"id": None}), url)
        (tmp_path / ".reel").mkdir(exist_ok=True)
        (tmp_path / ".reel" / "c.journal").write_text("nothing of ours\n")
        await fleet.start(spec(tmp_path, "c", url), url)
        await until(lambda: bool(heard.of("c", Failed)))
        assert heard.of("c", Failed)[0].code == "malformed_journal"
        await heard.live("a")
        await fleet.stop("a")
        await heard.finished("a")


async def test_a_fleet_that_ends_leaves_recordings_to_the_next(sample: Sample, tmp_path: Path) -> None:
    """Every file is final and told of, and the next fleet goes on in the same window."""
    stream = Stream(Picture.of(sample(SAMPLE)))
    heard = Heard()
    async with troubled({"x": stream}) as origin:
        url = origin.url("x")
        async with LocalFleet(1, heard) as fleet:
            await fleet.start(spec(tmp_path, "a", url), url)
            await fleet.start(spec(tmp_path, "b", url), url)
            await heard.live("a", "b")
            await asyncio.sleep(2)
            await fleet.stop("b")
        assert len(heard.of("a", FileFinished)) == 3
        assert not heard.of("a", Finished)
        assert heard.of("b", Finished)  # it was told to end, and did
        await asyncio.sleep(3)  # longer than what the origin keeps
        async with LocalFleet(1, heard) as fleet:
            await fleet.recover(tmp_path)
            await fleet.start(spec(tmp_path, "a", url), url)
            await heard.live("a", times=2)
            await asyncio.sleep(1)
            await fleet.stop("a")
            await heard.finished("a")
    heard.assert_each_told_once(tmp_path)
    for format in (Format.FLV, Format.MP4, Format.HLS):
        paths = heard.files("a", format)
        assert len(paths) == 2
        told = assert_accounted(stream, paths, SLACK_S, again_s=GOP_S)
        assert [gap.reason for gap in gaps(told, longer_than_s=0.1)][-1] == "process_down"
    assert not any(event.recovered for event in heard.events if isinstance(event, FileFinished))


async def test_pause_resume_and_finish(sample: Sample, tmp_path: Path) -> None:
    stream = Stream(Picture.of(sample(SAMPLE)))
    heard = Heard()
    async with troubled({"x": stream}) as origin, LocalFleet(1, heard) as fleet:
        url = origin.url("x")
        await fleet.start(spec(tmp_path, "a", url, splice=60, splice_all=True), url)
        await heard.live("a")
        await asyncio.sleep(1)
        await fleet.pause("a")
        await until(lambda: heard.of("a", GapOpened)[-1].reason == "paused")
        await asyncio.sleep(1)
        await fleet.resume("a")
        await heard.live("a", times=2)
        await asyncio.sleep(1)
        await fleet.finish("a")
        stream.unpublish()
        await heard.finished("a")
    assert "paused" in [event.reason for event in heard.of("a", GapClosed)]
    for format in (Format.FLV, Format.MP4, Format.HLS):
        (path,) = heard.files("a", format)
        assert_f3(path)
        assert "paused" in [gap.reason for gap in gaps(stretches([path]))]


async def test_an_event_that_is_not_taken_is_told_again(sample: Sample, tmp_path: Path) -> None:
    """Its file's journal stays; the other events go on."""

    async def refuse(event: object) -> None:
        if isinstance(event, FileFinished):
            raise OSError("the database is away")

    heard = Heard(trouble=refuse)
    async with Origin([sample(SAMPLE)]) as origin:
        url = origin.http_url(f"live/{SAMPLE}")
        async with LocalFleet(1, heard) as fleet:
            await fleet.start(spec(tmp_path, "a", url), url)
            await heard.live("a")
            await asyncio.sleep(1)
            await fleet.stop("a")
            await heard.finished("a")
            heard.trouble = None
            await fleet.recover(tmp_path)
            told = heard.of("a", FileFinished)
            assert len(told) == 3
            assert all(event.recovered for event in told)
    heard.assert_each_told_once(tmp_path)


async def test_what_other_processes_left_is_recovered(sample: Sample, tmp_path: Path) -> None:
    """By whichever worker, and by the next one when that dies of it."""
    heard = Heard()
    async with Origin([sample(SAMPLE)]) as origin:
        url = origin.http_url(f"live/{SAMPLE}")
        async with running("record", url, "-o", tmp_path, "-f", "flv,mp4", "--id", "a", "--json") as command:
            await command.event(Live)
            await asyncio.sleep(2)
            command.send(signal.SIGKILL)
            await command.end()
        async with LocalFleet(1, heard) as fleet:
            recovering = asyncio.create_task(fleet.recover(tmp_path))
            await until(lambda: fleet.status()[0].pid is not None)
            kill(fleet)
            await recovering
            assert fleet.status()[0].deaths == 1
            assert len(heard.of("a", FileFinished)) == 2
    assert all(event.recovered for event in heard.of("a", FileFinished))
    assert sorted(event.format for event in heard.of("a", FileFinished)) == ["flv", "mp4"]

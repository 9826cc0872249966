"""Workers that are killed: their recordings go on under the same ids, and no file is lost or told of
twice."""

from __future__ import annotations

import asyncio
import random
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from e2e.live import assert_accounted
from fleet.fleets import Heard, is_running, kill, spec
from oracle.ledger import gaps
from oracle.rules import assert_f3
from origins.troubled import Picture, Stream, troubled
from reel import environment, running
from waiting import until

from engine.fleet import LocalFleet
from engine.media.codecs import Format
from engine.media.events import Event, FileFinished, Finished, GapOpened, Live

SAMPLE = "h264_aac_bframes"
SLACK_S = 0.75
GOP_S = 1.0
FORMATS = (Format.FLV, Format.MP4, Format.HLS)
Sample = Callable[[str], Path]


def assert_went_on(heard: Heard, id: str, stream: Stream, files: int) -> None:
    """In every format so many files with gaps between them that the death explains."""
    assert [event.reason for event in heard.of(id, Finished)] == ["stopped"]
    for format in FORMATS:
        paths = heard.files(id, format)
        assert len(paths) == files
        told = assert_accounted(stream, paths, SLACK_S, again_s=GOP_S)
        reasons = {gap.reason for gap in gaps(told, longer_than_s=0.1)}
        assert reasons <= ({"not_live", "process_down"} if files > 1 else {"not_live"})
        for path in paths:
            assert_f3(path)


async def test_what_else_is_unfinished_there_is_recovered(sample: Sample, tmp_path: Path) -> None:
    """A worker that dies may leave a file that its recordings do not know of, as another program does."""
    stream = Stream(Picture.of(sample(SAMPLE)))
    heard = Heard()
    async with troubled({"x": stream}) as origin:
        url = origin.url("x")
        async with running("record", url, "-o", tmp_path, "-f", "mp4", "--json") as command:
            await command.event(Live)
            await asyncio.sleep(2)
            command.send(signal.SIGKILL)
            await command.end()
        async with LocalFleet(1, heard) as fleet:
            await fleet.start(spec(tmp_path, "a", url), url)
            await heard.live("a")
            assert not any(isinstance(event, FileFinished) for event in heard.events)
            kill(fleet)
            await heard.live("a", times=2)
            await until(lambda: any(isinstance(event, FileFinished) for event in heard.events))
            await fleet.stop("a")
            await heard.finished("a")
    heard.assert_each_told_once(tmp_path)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
async def test_recordings_go_on(how: signal.Signals, sample: Sample, tmp_path: Path) -> None:
    """Those of the worker that is killed, or asked to go; those of the other never notice."""
    stream = Stream(Picture.of(sample(SAMPLE)))
    heard = Heard()
    async with troubled({"x": stream}) as origin, LocalFleet(2, heard) as fleet:
        url = origin.url("x")
        ids = ["a", "b", "c", "d"]
        for id in ids:
            await fleet.start(spec(tmp_path, id, url), url)
        assert [worker.recordings for worker in fleet.status()] == [2, 2]
        await heard.live(*ids)
        await asyncio.sleep(2.5)
        pid = kill(fleet, 0, how)
        mine = ["a", "c"]
        await heard.live(*mine, times=2)
        assert fleet.status()[0].pid != pid
        assert [worker.deaths for worker in fleet.status()] == [1, 0]
        await asyncio.sleep(1.5)
        for id in ids:
            await fleet.stop(id)
        await heard.finished(*ids)
    heard.assert_each_told_once(tmp_path)
    for id in ids:
        assert_went_on(heard, id, stream, 2 if id in mine else 1)
        gaps_told = [event.reason for event in heard.of(id, GapOpened)]
        assert ("process_down" in gaps_told) == (id in mine)


async def test_killed_again_and_again(sample: Sample, tmp_path: Path) -> None:
    """At any moment, cuts and files that are being told of included."""
    chance = random.Random(5)
    stream = Stream(Picture.of(sample(SAMPLE)))
    heard = Heard()
    async with troubled({"x": stream}) as origin, LocalFleet(1, heard) as fleet:
        url = origin.url("x")
        ids = ["a", "b"]
        for id in ids:
            await fleet.start(spec(tmp_path, id, url, interval=2), url)
        for death in range(4):
            await heard.live(*ids, times=death + 1)
            await asyncio.sleep(chance.uniform(0.2, 4))
            kill(fleet)
            await until(lambda death=death: fleet.status()[0].deaths == death + 1)
        await heard.live(*ids, times=5)
        for id in ids:
            await fleet.stop(id)
        await heard.finished(*ids)
    heard.assert_each_told_once(tmp_path)
    for id in ids:
        for format in FORMATS:
            assert_accounted(stream, heard.files(id, format), SLACK_S, again_s=GOP_S)


async def test_killed_between_the_telling_and_the_settling(sample: Sample, tmp_path: Path) -> None:
    """The event was taken, and the worker never knew: the next one tells again, and nobody hears it twice."""
    taking, go_on = asyncio.Event(), asyncio.Event()

    async def slowly(event: Event) -> None:
        if isinstance(event, FileFinished) and not taking.is_set():
            taking.set()
            await go_on.wait()

    stream = Stream(Picture.of(sample(SAMPLE)))
    heard = Heard(trouble=slowly)
    async with troubled({"x": stream}) as origin, LocalFleet(1, heard) as fleet:
        url = origin.url("x")
        await fleet.start(spec(tmp_path, "a", url), url)
        await heard.live("a")
        await asyncio.sleep(1)
        await fleet.stop("a")
        await taking.wait()
        pid = kill(fleet)
        await until(lambda: not is_running(pid))
        go_on.set()
        await heard.finished("a")  # the next worker knows that it was to end
        await fleet.recover(tmp_path)
    heard.assert_each_told_once(tmp_path)
    assert {len(heard.files("a", format)) for format in FORMATS} == {1}


async def test_orders_outlive_a_worker(sample: Sample, tmp_path: Path) -> None:
    """What was paused is paused in the next worker, and goes on when it is resumed."""
    stream = Stream(Picture.of(sample(SAMPLE)))
    heard = Heard()
    async with troubled({"x": stream}) as origin, LocalFleet(1, heard) as fleet:
        url = origin.url("x")
        await fleet.start(spec(tmp_path, "a", url, splice=60, splice_all=True), url)
        await heard.live("a")
        await asyncio.sleep(1)
        await fleet.pause("a")
        await until(lambda: heard.of("a", GapOpened)[-1].reason == "paused")
        kill(fleet)
        await until(lambda: len(heard.of("a", FileFinished)) == 3)  # what was held open is final
        await asyncio.sleep(2)
        assert len(heard.of("a", Live)) == 1
        await fleet.resume("a")
        await heard.live("a", times=2)
        await fleet.stop("a")
        await heard.finished("a")
    heard.assert_each_told_once(tmp_path)
    told = assert_accounted(stream, heard.files("a", Format.FLV), SLACK_S, again_s=GOP_S)
    assert "paused" in [gap.reason for gap in gaps(told)]


async def test_a_worker_that_hangs_is_replaced(
    sample: Sample, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.fleet.process.SILENCE_S", 4.0)
    stream = Stream(Picture.of(sample(SAMPLE)))
    heard = Heard()
    async with troubled({"x": stream}) as origin, LocalFleet(1, heard) as fleet:
        url = origin.url("x")
        await fleet.start(spec(tmp_path, "a", url), url)
        await heard.live("a")
        await asyncio.sleep(1)
        pid = kill(fleet, how=signal.SIGSTOP)
        await heard.live("a", times=2)
        assert not is_running(pid)
        await fleet.stop("a")
        await heard.finished("a")
    heard.assert_each_told_once(tmp_path)


async def test_workers_that_cannot_live(
    sample: Sample, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are tried again, more and more seldom; what was ordered meanwhile is done when one lives."""
    command = "engine.fleet.process._COMMAND"
    living = __import__("engine.fleet.process", fromlist=["_COMMAND"])._COMMAND
    monkeypatch.setattr(command, (sys.executable, "-c", "raise SystemExit(3)"))
    stream = Stream(Picture.of(sample(SAMPLE)))
    heard = Heard()
    async with troubled({"x": stream}) as origin, LocalFleet(1, heard) as fleet:
        url = origin.url("x")
        await fleet.start(spec(tmp_path, "a", url), url)
        await until(lambda: fleet.status()[0].deaths == 2)
        monkeypatch.setattr(command, living)
        await heard.live("a")
        await fleet.stop("a")
        await heard.finished("a")
    heard.assert_each_told_once(tmp_path)


PARENT = """
import asyncio, sys
from pathlib import Path
from engine.fleet import LocalFleet
from engine.log import configure
from engine.record import RecordSpec

configure()

async def hear(event):
    print(event.model_dump_json(), flush=True)

async def main():
    async with LocalFleet(1, hear) as fleet:
        while fleet.status()[0].pid is None:
            await asyncio.sleep(0.01)
        print("pid", fleet.status()[0].pid, flush=True)
        spec = RecordSpec.model_validate_json(sys.argv[1])
        await fleet.start(spec, spec.urls[0])
        await asyncio.Event().wait()

asyncio.run(main())
"""


async def test_a_worker_whose_parent_is_gone_finalizes_and_exits(sample: Sample, tmp_path: Path) -> None:
    """And the next parent, which does not wait for that, hears of the files and goes on."""
    stream = Stream(Picture.of(sample(SAMPLE)))
    heard = Heard()
    async with troubled({"x": stream}) as origin:
        url = origin.url("x")
        order = spec(tmp_path, "a", url)
        parent = await asyncio.create_subprocess_exec(
            sys.executable,
            "-P",
            "-c",
            PARENT,
            order.model_dump_json(),
            stdout=asyncio.subprocess.PIPE,
            env=environment(),
        )
        assert parent.stdout is not None
        words = (await parent.stdout.readline()).split()
        pid = int(words[1])
        while b'"event":"live"' not in await parent.stdout.readline():
            pass
        await asyncio.sleep(2)
        parent.kill()
        async with LocalFleet(1, heard) as fleet:
            await fleet.recover(tmp_path)
            await fleet.start(order, url)
            await until(lambda: not is_running(pid))
            await heard.live("a")
            await asyncio.sleep(1)
            await fleet.stop("a")
            await heard.finished("a")
        await parent.communicate()
    heard.assert_each_told_once(tmp_path)
    for format in FORMATS:
        paths = heard.files("a", format)
        assert len(paths) == 2
        told = assert_accounted(stream, paths, SLACK_S, again_s=GOP_S)
        assert {gap.reason for gap in gaps(told, longer_than_s=0.1)} <= {"not_live", "process_down"}
    assert [event.recovered for event in heard.of("a", FileFinished)][:3] == [True] * 3

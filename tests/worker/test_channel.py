"""The channel of a worker process: what it is told, what it says, and what ends it."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from origins.troubled import Picture, Stream, troubled
from reel import environment

from engine.errors import MalformedCommand
from engine.media.codecs import Format
from engine.media.events import Event, FileFinished, Finished, Live
from engine.record import RecordSpec
from engine.worker.channel import (
    LINE_BYTES,
    Command,
    Happened,
    Leave,
    Load,
    Order,
    Recover,
    Recovered,
    Report,
    Start,
    Told,
    line_of,
    read_command,
    read_report,
)

Sample = Callable[[str], Path]
URL = "rtmp://h/live/x"
SPEC = RecordSpec.parse(
    {"urls": [URL], "id": "a", "format": "flv,hls", "headers": {"A": "\u4e2d"}, "title": "\n"}
)
NOW = datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=UTC)
FINISHED_FILE = FileFinished(
    at=NOW,
    recording="a",
    format=Format.HLS,
    path="/r/\u4e2d\n.m3u8",
    size_bytes=1,
    duration_ms=2,
    video_packets=3,
    audio_packets=4,
    first_dts_ms=-5,
    last_dts_ms=6,
    started_at=NOW,
)


@pytest.mark.parametrize(
    "command",
    [
        Start(spec=SPEC, url=URL),
        Order(recording="a", what="pause"),
        Recover(number=7, root=Path("/r")),
        Told(number=8, told=False),
        Leave(),
    ],
    ids=lambda command: command.do,
)
def test_commands_arrive_as_they_were_given(command: Command) -> None:
    line = line_of(command)
    assert line.count(b"\n") == 1
    assert read_command(line) == command


@pytest.mark.parametrize(
    "report",
    [
        Happened(event=FINISHED_FILE, number=3),
        Happened(event=Finished(at=NOW, recording="a", reason="stopped", files=1, gaps=2)),
        Recovered(number=7),
        Load(cpu_s=1.5, at_s=2.5),
    ],
    ids=lambda report: report.tell,
)
def test_reports_arrive_as_they_were_made(report: Report) -> None:
    assert read_report(line_of(report)) == report


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"{",
        b"[]",
        b'{"do":"dance"}',
        b'{"do":"order","recording":"a","what":"record"}',
        b'{"do":"leave","now":true}',
        b'{"do":"start","url":"x","spec":{"urls":[]}}',
        b"\xff\xfe",
        b"[" * 100_000,
    ],
)
def test_what_is_no_command(line: bytes) -> None:
    with pytest.raises(MalformedCommand):
        read_command(line)


class Worker:
    """A worker process, and what it said."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        self.process = process
        self.commands, self.reports = process.stdin, process.stdout
        self.log = process.stderr

    def say(self, command: Command) -> None:
        self.commands.write(line_of(command))

    async def next(self, kind: type[Event], *, take: bool | None = True) -> Event:
        """The next event of a kind; files are taken, or not, or not answered."""
        async with asyncio.timeout(60):
            while True:
                report = read_report(await self.reports.readline())
                if isinstance(report, Happened):
                    if report.number is not None and take is not None:
                        self.say(Told(number=report.number, told=take))
                    if isinstance(report.event, kind):
                        return report.event

    async def end(self) -> int:
        """Read to the end, taking nothing: its exit code."""
        async with asyncio.timeout(60):
            while await self.reports.readline():
                pass
            return await self.process.wait()


TALKATIVE = """
import asyncio
from engine.worker.__main__ import main
from engine.worker.service import Service

obey = Service._obey

def talk_and_obey(service, command):
    print("hello", flush=True)
    obey(service, command)

Service._obey = talk_and_obey
asyncio.run(main())
"""


@asynccontextmanager
async def worker(*arguments: str) -> AsyncIterator[Worker]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-P",
        *(arguments or ("-m", "engine.worker")),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        limit=2 * LINE_BYTES,
        env=environment(),
    )
    try:
        yield Worker(process)
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


@pytest.fixture
async def url(sample: Sample) -> AsyncIterator[str]:
    """A live stream."""
    async with troubled({"x": Stream(Picture.of(sample("h264_aac_bframes")))}) as origin:
        yield origin.url("x")


def order(url: str, root: Path, id: str) -> Start:
    fields = {"urls": [url], "id": id, "output": str(root), "format": "flv,hls", "reconnect": 60}
    return Start(spec=RecordSpec.parse(fields), url=url)


def left(root: Path) -> dict[str, int]:
    """How many files there are of each kind."""
    kinds = (".flv", ".m3u8", ".part", ".journal")
    return {kind: len([path for path in root.rglob("*") if path.suffix == kind]) for kind in kinds}


ENDS: dict[str, Callable[[Worker], None]] = {
    "end of stdin": lambda one: one.commands.close(),
    "half a line": lambda one: (one.commands.write(b'{"do":'), one.commands.close())[1],
    "no command": lambda one: one.commands.write(b"dance\n"),
    "an endless line": lambda one: one.commands.write(b"x" * (LINE_BYTES + 1)),
}


@pytest.mark.parametrize("how", ENDS)
async def test_nobody_is_there_any_more(how: str, url: str, tmp_path: Path) -> None:
    """Its files are final and wait for their telling, and its recordings for a process that goes on."""
    async with worker() as one:
        one.say(order(url, tmp_path, "a"))
        one.say(order(url, tmp_path, "b"))
        await one.next(Live)
        await one.next(Live)
        await asyncio.sleep(1)
        ENDS[how](one)
        assert await one.end() == 0
    assert left(tmp_path) == {".flv": 2, ".m3u8": 2, ".part": 0, ".journal": 4 + 2}


SILENT = """
import asyncio, time
from engine.worker.__main__ import main
from engine.worker.service import Service

async def fail_soon(service):
    while not any(hosted.recording for hosted in service._hosted.values()):
        await asyncio.sleep(0.05)
    await asyncio.sleep(1)
    raise ZeroDivisionError("a defect")

Service._beat = fail_soon
asyncio.run(main())
"""


@pytest.mark.parametrize("is_silent", [True, False])
async def test_a_worker_that_obeys_or_reports_no_more_ends(is_silent: bool, url: str, tmp_path: Path) -> None:
    """Its files are final, and its fleet starts another one; it would be no use alive."""
    async with worker(*(("-c", SILENT) if is_silent else ())) as one:
        one.say(order(url, tmp_path, "a"))
        await one.next(Live)
        await asyncio.sleep(1)
        if is_silent:
            await one.next(FileFinished)
            await one.next(FileFinished)
        else:  # it asserts that a fleet gives every recording an id
            one.say(Start(spec=SPEC.model_copy(update={"id": None}), url=URL))
        assert await one.end() == 1
        assert b"Traceback" in await one.log.read()
    assert left(tmp_path) == {".flv": 1, ".m3u8": 1, ".part": 0, ".journal": 1 if is_silent else 3}


async def test_nobody_is_there_any_more_to_take_a_file(url: str, tmp_path: Path) -> None:
    async with worker() as one:
        one.say(order(url, tmp_path, "a"))
        await one.next(Live)
        await asyncio.sleep(1)
        one.say(Order(recording="a", what="stop"))
        await one.next(FileFinished, take=None)
        one.commands.close()
        assert await one.end() == 0
    assert left(tmp_path) == {".flv": 1, ".m3u8": 1, ".part": 0, ".journal": 2}


async def test_what_is_printed_is_no_report(tmp_path: Path) -> None:
    """Of libraries, say: the channel stays clean."""
    async with worker("-c", TALKATIVE) as one:
        one.say(Recover(number=1, root=tmp_path))
        async with asyncio.timeout(60):
            while not isinstance(read_report(await one.reports.readline()), Recovered):
                pass
        one.commands.close()
        assert await one.end() == 0
        assert b"hello" in await one.log.read()


async def test_told_to_leave(url: str, tmp_path: Path) -> None:
    """Files are told of, and settled when they were taken."""
    async with worker() as one:
        one.say(order(url, tmp_path, "a"))
        await one.next(Live)
        await asyncio.sleep(1)
        one.say(Leave())
        await one.next(FileFinished)
        await one.next(FileFinished)
        assert await one.end() == 0
    assert left(tmp_path) == {".flv": 1, ".m3u8": 1, ".part": 0, ".journal": 1}


async def test_a_file_that_nobody_takes_keeps_its_journal(url: str, tmp_path: Path) -> None:
    async with worker() as one:
        one.say(order(url, tmp_path, "a"))
        await one.next(Live)
        await asyncio.sleep(1)
        one.say(Order(recording="a", what="stop"))
        await one.next(Finished, take=False)
        assert left(tmp_path)[".journal"] == 2
        one.say(Recover(number=1, root=tmp_path))
        told = [await one.next(FileFinished), await one.next(FileFinished)]
        assert all(isinstance(event, FileFinished) and event.recovered for event in told)
        one.say(Leave())
        assert await one.end() == 0
    assert left(tmp_path) == {".flv": 1, ".m3u8": 1, ".part": 0, ".journal": 0}


async def test_reports_wait_for_a_parent_that_is_busy(url: str, tmp_path: Path) -> None:
    """None is lost: a recording that cannot connect makes more of them than a pipe holds."""
    async with worker() as one:
        gone = url.replace("/x", "/nobody")
        for number in range(400):
            one.say(order(gone, tmp_path, f"r{number}"))
            one.say(Order(recording=f"r{number}", what="stop"))
        one.say(order(url, tmp_path, "a"))
        await asyncio.sleep(5)  # nobody reads
        ended = set()
        while len(ended) < 400:
            ended.add((await one.next(Finished)).recording)
        one.say(Order(recording="a", what="stop"))
        await one.next(Finished)
        one.say(Leave())
        assert await one.end() == 0


async def test_orders_for_what_is_not_there_do_nothing(url: str, tmp_path: Path) -> None:
    async with worker() as one:
        one.say(Order(recording="nobody", what="pause"))
        one.say(Told(number=99, told=True))
        one.say(order(url, tmp_path, "a"))
        assert (await one.next(Live)).recording == "a"
        one.commands.close()
        assert await one.end() == 0

"""G1: through interruptions, stalls, a kill and a full disk, what is recorded and what is missing tile the
window, and the bounds are those of what the source really sent."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from e2e.live import assert_accounted
from filesystems import fill, tmpfs
from oracle.ledger import Stretch, gaps, is_missing, stretches
from oracle.packets import output_packets
from oracle.rules import assert_f3
from origins.troubled import Made, Picture, Stream, troubled
from reel import Running, reel, running

from engine.media.events import Finished, GapClosed, GapOpened, Live

SAMPLE = "h264_aac_bframes"
SLACK_S = 0.75  # a tick, the writer's gathering, and a busy machine
FORMATS = ("flv", "hls", "mp4")
Sample = Callable[[str], Path]
G = TypeVar("G", GapOpened, GapClosed)


@dataclass
class Script:
    """What happened to the stream, by its own clock."""

    expected: list[Stretch] = field(default_factory=list)
    _since: datetime | None = None

    def begin(self) -> None:
        self._since = datetime.now(UTC)

    def end(self, reason: str) -> None:
        assert self._since is not None
        self.expected.append(Stretch(self._since, datetime.now(UTC), reason))


async def of_each_format(command: Running, kind: type[G]) -> dict[str, G]:
    """The next events of a kind, until there is one of each format."""
    found: dict[str, G] = {}
    while len(found) < len(FORMATS):
        gap = await command.event(kind)
        if gap.format:
            found[gap.format] = gap
    return found


async def test_a_window_full_of_trouble(sample: Sample, tmp_path: Path) -> None:
    stream = Stream(Picture.of(sample(SAMPLE)))
    script = Script()
    async with AsyncExitStack() as stack:
        folder = stack.enter_context(tmpfs(tmp_path / "disk", "size=24m"))
        origin = await stack.enter_async_context(troubled({"x": stream}))
        order = (
            *("record", origin.url("x"), "-o", folder, "-f", ",".join(FORMATS), "--id", "trial"),
            *("--hls-time", "1", "--reconnect", "60", "--json"),
        )
        began = datetime.now(UTC)
        async with running(*order) as command:
            await command.event(Live)
            await asyncio.sleep(2)

            script.begin()
            stream.hush(4)
            await asyncio.sleep(4)
            script.end("stalled")
            await asyncio.sleep(2)

            script.begin()
            stream.unpublish()
            await asyncio.sleep(2)
            stream.publish()
            script.end("interrupted")
            await command.event(Live)
            await asyncio.sleep(2)

            script.begin()
            command.send(signal.SIGKILL)
            await command.end()
            await asyncio.sleep(1)
        async with running(*order) as command:
            gap = await command.event(GapOpened)
            assert gap.reason == "process_down"
            await command.event(Live)
            script.end("process_down")
            await asyncio.sleep(2)

            ballast = folder / "ballast"
            fill(ballast)
            # One after the other: a format that gives up leaves some space to those that still record.
            opened = await of_each_format(command, GapOpened)
            assert {gap.reason for gap in opened.values()} == {"storage"}
            await asyncio.sleep(2)
            ballast.unlink()
            closed = await of_each_format(command, GapClosed)
            await asyncio.sleep(2)

            command.send(signal.SIGTERM)
            done = await command.end()
        ended = datetime.now(UTC)
        assert done.code == 0, done.err
        assert done.of(Finished)
        for format in FORMATS:
            files = sorted(folder.rglob("*.m3u8" if format == "hls" else f"*.{format}"))
            told = stretches(files)
            full = Stretch(opened[format].start, closed[format].end, "storage")
            assert_bounds(told, [*script.expected, full], began, ended)
            assert_true(told, stream.made, files)
            for file in files:
                assert_f3(file)
        await assert_inspected(sorted(folder.rglob("*.flv"))[-1])


async def test_a_kill_behind_a_late_beginning(sample: Sample, tmp_path: Path) -> None:
    """What comes first is late, as on a busy machine; where the recording ended is known all the same."""
    stream = Stream(Picture.of(sample(SAMPLE)))
    async with troubled({"x": stream}) as origin:
        order = ("record", origin.url("x"), "-o", tmp_path, "-f", ",".join(FORMATS), "--id", "late", "--json")
        await asyncio.sleep(1)
        over = asyncio.Event()
        stalled = asyncio.create_task(stream.stall(over.wait()))
        async with running(*order) as command:
            await command.event(Live)
            await asyncio.sleep(2)
            over.set()
            await stalled
            await asyncio.sleep(2.5)
            command.send(signal.SIGKILL)
            await command.end()
        async with running(*order) as command:
            await command.event(Live)
            await asyncio.sleep(1.5)
            command.send(signal.SIGTERM)
            assert (await command.end()).code == 0
    for format in FORMATS:
        files = sorted(tmp_path.rglob("*.m3u8" if format == "hls" else f"*.{format}"))
        assert len(files) == 2
        assert_accounted(stream, files, 0.3, again_s=1)


def assert_bounds(told: list[Stretch], expected: list[Stretch], began: datetime, ended: datetime) -> None:
    """The gaps that were made, and no others, with their bounds."""
    missing = gaps(told, longer_than_s=0.1)
    if missing[0].reason == "not_live":  # where the origin had kept nothing from before the window
        missing = missing[1:]
    assert abs((told[0].start - began).total_seconds()) < 10  # a process starts in between
    assert told[-1].end <= ended
    assert [gap.reason for gap in missing] == [gap.reason for gap in expected]
    for found, wanted in zip(missing, expected, strict=True):
        assert abs((found.start - wanted.start).total_seconds()) < SLACK_S + 2 * (found.reason in LOSSY), (
            found
        )
        assert abs((found.end - wanted.end).total_seconds()) < SLACK_S + 2, found


LOSSY = ("process_down", "storage")  # the last 2 s before them may be lost


def assert_true(told: list[Stretch], made: list[Made], files: list[Path]) -> None:
    """A frame that the source made in the window is recorded, or a gap says that it is not."""
    recorded = sum(len(output_packets(file).video) for file in files)
    window = [m for m in made if m.kind == 9 and told[0].start <= m.at <= told[-1].end]
    surely = [m for m in window if not is_missing(told, m.at, SLACK_S)]
    perhaps = [m for m in window if is_missing(told, m.at, -SLACK_S)]
    assert len(surely) <= recorded <= len(window) - len(perhaps) + 25  # a GOP from before the window


async def assert_inspected(file: Path) -> None:
    """`reel inspect` prints the ledger."""
    done = await reel("inspect", file, "--json")
    told = json.loads(done.out)["manifest"]
    assert told == json.loads(file.with_name(file.name + ".json").read_bytes())
    done = await reel("inspect", file)
    for gap in told["gaps"]:
        assert gap["reason"] in done.out
    assert "covers" in done.out

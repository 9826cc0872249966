"""S2: `kill -9` at any moment loses at most 2 s, and everything left is made final, playable and told of
once.

`REEL_KILLS` says how many processes are killed (20).
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import pytest
from oracle.ledger import stretches
from oracle.packets import output_packets
from oracle.rules import assert_f3, assert_playlist
from origins.troubled import Made, Picture, Stream, Troubled, troubled
from reel import reel, running

from engine.media.events import FileFinished, Live
from engine.mux.probe import probe
from engine.record import Revived, revive_all

KILLS = int(os.environ.get("REEL_KILLS", "20"))
SIDE_BY_SIDE = 3
MOST_LOST = timedelta(seconds=2)
AN_INSTANT = timedelta(milliseconds=300)  # of a busy machine
FORMATS = {"aac": "flv,hls,mp4,aac", "mp3": "flv,hls,mp4,mp3"}
Sample = Callable[[str], Path]


@pytest.mark.timeout(60 + 20 * KILLS)
async def test_kill_minus_nine(sample: Sample, tmp_path: Path) -> None:
    streams = {
        "aac": Stream(Picture.of(sample("h264_aac_bframes"))),
        "mp3": Stream(Picture.of(sample("h264_mp3"))),
    }
    chance = Random(1)
    kills = iter(range(KILLS))

    async def kill_some(origin: Troubled) -> None:
        for number in kills:
            name = "mp3" if number % 4 == 3 else "aac"
            folder = tmp_path / f"{number:03d}"
            try:
                await kill_one(origin, name, folder, chance)
            except AssertionError as error:
                error.add_note(f"kill {number}, {folder}")
                raise

    async with troubled(streams) as origin, asyncio.TaskGroup() as tasks:
        for _ in range(SIDE_BY_SIDE):
            tasks.create_task(kill_some(origin))


async def kill_one(origin: Troubled, name: str, folder: Path, chance: Random) -> None:
    """Record, kill, repair (or let another recorder do it), and look at what is left."""
    folder.mkdir()  # a kill may come before the first file
    options = ("-o", folder, "-f", FORMATS[name], "--hls-time", "1", "--json")
    cuts = ("--interval", "1") if chance.random() < 0.5 else ()
    async with running("record", origin.url(name), *options, *cuts) as command:
        await command.event(Live)
        # Most that can go wrong is in the beginning; ticks grow to 2 s, if they may, in 8 s.
        await asyncio.sleep(chance.uniform(0, 3.5) if chance.random() < 0.9 else chance.uniform(8, 10.5))
        killed = datetime.now(UTC)
        command.send(signal.SIGKILL)
        died = await command.end()
    assert died.code == -signal.SIGKILL
    revived = await revive(origin, folder, chance)
    assert_left_nothing(folder)
    assert_told_once(died.of(FileFinished), revived, folder, killed)
    made = origin.streams[name].made
    for ending in (*FORMATS[name].replace("hls", "m3u8").split(","),):
        files = sorted(folder.rglob(f"*.{ending}"))
        assert_little_lost(files, made_since(made, folder), killed)
        assert_plays_alone(files, {event.path for event in revived}, chance)
        stretches(files)


async def revive(origin: Troubled, folder: Path, chance: Random) -> list[FileFinished]:
    """What was left is made final by hand, by another recorder's start (which finds no stream), or as they do
    it."""
    match chance.choice(("repair", "record", "call", "call")):
        case "repair":
            done = await reel("repair", folder, "--json")
            assert done.code == 0, done.err
        case "record":
            done = await reel("record", origin.url("nobody"), "-o", folder, "--json", "--reconnect", "0")
            assert done.code == 3
        case _:
            return await asyncio.to_thread(revived_in, folder)
    return done.of(FileFinished)


def revived_in(folder: Path) -> list[FileFinished]:
    revived: list[Revived] = []
    complaints: list[object] = []
    revive_all(folder, revived.append, lambda *complaint: complaints.append(complaint))
    assert not complaints
    return [one.event(datetime.now(UTC)) for one in revived]


def assert_left_nothing(folder: Path) -> None:
    left = [path for path in folder.rglob("*") if path.suffix in (".part", ".journal", ".tmp")]
    assert not left


def assert_told_once(
    died: Sequence[FileFinished], revived: Sequence[FileFinished], folder: Path, killed: datetime
) -> None:
    """Everybody is told of each file, and once; twice only where the kill came between the event and the end
    of its journal."""
    told = Counter(event.path for event in (*died, *revived))
    files = [path for ending in ("flv", "m3u8", "mp4", "aac", "mp3") for path in folder.rglob(f"*.{ending}")]
    there = Counter(str(path) for path in files)
    assert not there - told, f"nobody was told of {there - told}"
    lately = {event.path for event in died if killed - event.at < AN_INSTANT}
    assert (told - there).keys() <= lately, f"told twice, or of nothing: {told - there}"
    assert max(Counter(event.path for event in revived).values(), default=1) == 1
    assert all(event.recovered for event in revived)


def made_since(made: Sequence[Made], folder: Path) -> dict[str, list[datetime]]:
    """When the frames were sent that the recording has from its first one on."""
    firsts = [
        int(packet.dts_ms or 0) for path in folder.rglob("*.flv") for packet in output_packets(path).video[:1]
    ]
    last_key = next(frame.dts_ms for frame in reversed(made) if frame.key)  # nothing reached the disk
    first = min(firsts, default=last_key)
    frames = [frame for frame in made if frame.dts_ms >= first]
    return {
        kind: [f.sent_at for f in frames if f.kind == number] for kind, number in (("video", 9), ("audio", 8))
    }


def assert_little_lost(files: Sequence[Path], made: dict[str, list[datetime]], killed: datetime) -> None:
    packets = [output_packets(path) for path in files]
    kind = "audio" if packets and packets[0].container in ("adts", "mp3") else "video"
    count = sum(len(one.track(kind)) for one in packets)
    lost = killed - made[kind][max(count - 1, 0)]
    assert lost <= MOST_LOST, f"{[path.name for path in files]}: {lost} lost"


def assert_plays_alone(files: Sequence[Path], revived: set[str], chance: Random) -> None:
    """All that was revived is whole; FFmpeg, which takes long to start, plays some of it."""
    for path in files:
        if str(path) not in revived:
            continue
        if path.suffix == ".m3u8":
            assert_playlist(path)
        if chance.random() < 0.4:
            assert_f3(path)
        else:
            assert probe(path).damaged == []

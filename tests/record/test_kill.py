"""S2: `kill -9` at any moment loses at most 2 s, and everything left is made final, playable and told of
once.

`REEL_KILLS` says how many processes are killed (24).
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

from oracle.ledger import stretches
from oracle.packets import output_packets
from oracle.rules import assert_f3, assert_playlist
from origins.troubled import Made, Picture, Stream, Troubled, troubled
from reel import Done, reel, running

from engine.media.events import FileFinished, Live

KILLS = int(os.environ.get("REEL_KILLS", "24"))
SIDE_BY_SIDE = 4
MOST_LOST = timedelta(seconds=2)
FORMATS = {"aac": "flv,hls,mp4,aac", "mp3": "flv,hls,mp4,mp3"}
Sample = Callable[[str], Path]


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
    options = ("-o", folder, "-f", FORMATS[name], "--hls-time", "1", "--json")
    cuts = ("--interval", "1") if chance.random() < 0.5 else ()
    async with running("record", origin.url(name), *options, *cuts) as command:
        await command.event(Live)
        await asyncio.sleep(chance.uniform(0, 3.5))
        killed = datetime.now(UTC)
        command.send(signal.SIGKILL)
        died = await command.end()
    assert died.code == -signal.SIGKILL
    if chance.random() < 0.5:
        repaired = await reel("repair", folder, "--json")
    else:  # a recorder's own start does the same; this one finds no stream
        repaired = await reel("record", origin.url("nobody"), "-o", folder, "--json", "--reconnect", "0")
        assert repaired.code == 3
    assert_left_nothing(folder)
    assert_told_once(died, repaired, folder)
    made = origin.streams[name].made
    for ending in (*FORMATS[name].replace("hls", "m3u8").split(","),):
        files = sorted(folder.rglob(f"*.{ending}"))
        assert_little_lost(files, made_since(made, folder), killed)
        assert_plays_alone(files, {event.path for event in repaired.of(FileFinished)})
        stretches(files)


def assert_left_nothing(folder: Path) -> None:
    left = [path for path in folder.rglob("*") if path.suffix in (".part", ".journal", ".tmp")]
    assert not left


def assert_told_once(died: Done, repaired: Done, folder: Path) -> None:
    told = Counter(event.path for done in (died, repaired) for event in done.of(FileFinished))
    files = [path for ending in ("flv", "m3u8", "mp4", "aac", "mp3") for path in folder.rglob(f"*.{ending}")]
    assert told == Counter(str(path) for path in files)
    assert all(event.recovered for event in repaired.of(FileFinished))


def made_since(made: Sequence[Made], folder: Path) -> dict[str, list[datetime]]:
    """When the frames were made that the recording has from its first one on."""
    first = min(
        int(packet.dts_ms or 0) for path in folder.rglob("*.flv") for packet in output_packets(path).video[:1]
    )
    frames = [frame for frame in made if frame.dts_ms >= first]
    return {kind: [f.at for f in frames if f.kind == number] for kind, number in (("video", 9), ("audio", 8))}


def assert_little_lost(files: Sequence[Path], made: dict[str, list[datetime]], killed: datetime) -> None:
    packets = [output_packets(path) for path in files]
    kind = "audio" if packets and packets[0].container in ("adts", "mp3") else "video"
    count = sum(len(one.track(kind)) for one in packets)
    assert count
    lost = killed - made[kind][count - 1]
    assert lost <= MOST_LOST, f"{files[0].suffix}: {lost} lost"


def assert_plays_alone(files: Sequence[Path], recovered: set[str]) -> None:
    for path in files:
        if str(path) in recovered:
            assert_f3(path)
            if path.suffix == ".m3u8":
                assert_playlist(path)

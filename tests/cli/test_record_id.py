"""`reel record --id`: a recording that a process after another goes on with."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from oracle.ledger import gaps, stretches
from oracle.rules import assert_f3
from origins.troubled import Picture, Stream, troubled
from reel import Done, reel, running

from engine.media.events import Failed, FileFinished, Finished, GapClosed, GapOpened, Live

KEPT_S = 3  # longer than what the origin keeps for those who come: otherwise nothing is missing
SAMPLE = "h264_aac_bframes"
Sample = Callable[[str], Path]


def order(url: str, folder: Path, *options: str) -> tuple[str | Path, ...]:
    return ("record", url, "-o", folder, "-f", "flv,hls", "--hls-time", "1", "--id", "a", "--json", *options)


async def killed(url: str, folder: Path, *options: str) -> Done:
    """Record for some seconds, and die."""
    async with running(*order(url, folder, *options)) as command:
        await command.event(Live)
        await asyncio.sleep(2.5)
        command.send(signal.SIGKILL)
        return await command.end()


@pytest.mark.parametrize("again", [False, True], ids=["killed once", "killed twice"])
async def test_the_next_process_goes_on(again: bool, sample: Sample, tmp_path: Path) -> None:
    """The window is the one that the first began, the time between them a gap, the duration that of all."""
    stream = Stream(Picture.of(sample(SAMPLE)))
    options = ("--duration", "8", "--reconnect", "30")
    async with troubled({"x": stream}) as origin:
        url = origin.url("x")
        first = await killed(url, tmp_path, *options)
        deaths = [first]
        await asyncio.sleep(KEPT_S)
        if again:
            deaths.append(await killed(url, tmp_path, *options))
            await asyncio.sleep(KEPT_S)
        done = await reel(*order(url, tmp_path, *options))
    done.assert_done()
    (finished,) = done.of(Finished)
    assert (finished.recording, finished.reason) == ("a", "duration")
    files = sorted(tmp_path.rglob("*.flv"))
    assert len(files) == 2 + again
    told = stretches(files)
    opened = first.of(GapOpened)[0]
    assert told[0].start == opened.start
    assert [gap.reason for gap in gaps(told, longer_than_s=0.1)][-1 - again :] == ["process_down"] * (
        1 + again
    )
    assert done.of(GapOpened)[0].reason == "process_down"
    assert done.of(GapClosed)[0].start == done.of(GapOpened)[0].start
    recorded_s = sum(one.lasts_s for one in told if not one.reason)
    assert recorded_s == pytest.approx(8, abs=1)
    stretches(sorted(tmp_path.rglob("*.m3u8")))
    finished_files = [event for one in (*deaths, done) for event in one.of(FileFinished)]
    assert sorted(event.path for event in finished_files) == sorted(
        str(path) for pattern in ("*.flv", "*.m3u8") for path in tmp_path.rglob(pattern)
    )
    for path in files:
        assert_f3(path)
    assert not (tmp_path / ".reel").exists()


async def test_a_stream_that_is_gone_meanwhile_is_waited_for_no_longer_than_what_is_left(
    sample: Sample, tmp_path: Path
) -> None:
    """Two of six seconds and more were recorded before: the window ends so much earlier."""
    stream = Stream(Picture.of(sample(SAMPLE)))
    options = ("--duration", "6", "--reconnect", "600")
    async with troubled({"x": stream}) as origin:
        await killed(origin.url("x"), tmp_path, *options)
        async with running(*order(origin.url("x"), tmp_path, *options)) as command:
            live = await command.event(Live)
            stream.unpublish()
            done = await command.end()
    done.assert_done()
    (finished,) = done.of(Finished)
    assert finished.reason == "duration"
    last = stretches(sorted(tmp_path.rglob("*.flv")))[-1]
    assert last.reason == "interrupted"
    assert last.end - live.at < timedelta(seconds=5)  # by the window's end, however long the process took


async def test_an_id_that_another_process_records_under(sample: Sample, tmp_path: Path) -> None:
    stream = Stream(Picture.of(sample(SAMPLE)))
    async with troubled({"x": stream}) as origin, running(*order(origin.url("x"), tmp_path)) as command:
        await command.event(Live)
        done = await reel(*order(origin.url("x"), tmp_path))
        done.assert_fails(2, "id: a is being recorded by another process")
        command.send(signal.SIGTERM)
        (await command.end()).assert_done()
    assert len(list(tmp_path.rglob("*.flv"))) == 1
    assert not (tmp_path / ".reel").exists()


async def test_an_id_for_two_urls(tmp_path: Path) -> None:
    done = await reel("record", "rtmp://h/a/b", "rtmp://h/a/c", "--id", "a", "-o", tmp_path)
    done.assert_fails(2, "--id: a recording has one URL")


@pytest.mark.parametrize("id", ["../a", ".a", "", "a/b", "a" * 65, "a\n"])
async def test_an_id_that_is_no_name(id: str, tmp_path: Path) -> None:
    done = await reel("record", "rtmp://h/a/b", "--id", id, "-o", tmp_path)
    done.assert_fails(2, "id")
    assert not list(tmp_path.iterdir())


async def test_a_recording_that_never_was_live_leaves_nothing(tmp_path: Path) -> None:
    async with troubled({}) as origin:
        done = await reel(*order(origin.url("x"), tmp_path, "--reconnect", "0"))
    assert done.code == 3
    assert done.of(Failed)
    assert not list(tmp_path.iterdir())


BEGINNING = '{"chronicle":1,"recording":"a","start":"2026-01-01T00:00:00Z"}\n'
HOSTILE = {
    "no JSON": "{\n",
    "a list": "[1]\n",
    "another journal": '{"journal":1}\n',
    "a start without a zone": BEGINNING.replace("Z", ""),
    "a start that is none": BEGINNING.replace("2026", "moon"),
    "a reason that is none": BEGINNING + '{"missing":{"reason":"moon","at":"2026-01-01T00:00:00Z"}}\n',
    "a gap without a zone": BEGINNING + '{"missing":{"reason":"storage","at":"2026-01-01T00:00:00"}}\n',
    "a file elsewhere": BEGINNING + '{"file":"../mine/x.flv"}\n',
    "an absolute file": BEGINNING + '{"file":"/etc/passwd"}\n',
    "a file of no name": BEGINNING + '{"file":"x\\u0000.flv"}\n',
}


@pytest.mark.parametrize("name", HOSTILE)
async def test_a_chronicle_that_nobody_wrote(name: str, tmp_path: Path) -> None:
    """One line, nothing is recorded, and nothing elsewhere is touched."""
    mine = tmp_path / "mine" / "x.flv.journal"
    mine.parent.mkdir()
    mine.write_bytes(b"")
    (mine.parent / "x.flv.part").write_bytes(b"")
    folder = tmp_path / "out"
    chronicle = folder / ".reel" / "a.journal"
    chronicle.parent.mkdir(parents=True)
    chronicle.write_text(HOSTILE[name])
    done = await reel(*order("http://127.0.0.1:1/live/x.flv", folder, "--reconnect", "0"))
    done.assert_fails(1, str(chronicle))
    assert done.out == ""
    assert chronicle.read_text() == HOSTILE[name]
    assert len(list(mine.parent.iterdir())) == 2


async def test_a_manifest_of_before_that_is_none(sample: Sample, tmp_path: Path) -> None:
    stream = Stream(Picture.of(sample(SAMPLE)))
    async with troubled({"x": stream}) as origin:
        await killed(origin.url("x"), tmp_path)
        (growing,) = tmp_path.rglob("*.flv.part")
        manifest = growing.with_name(growing.name.removesuffix(".part") + ".json")
        manifest.write_text(json.dumps({"manifest": 1}))
        done = await reel(*order(origin.url("x"), tmp_path, "--reconnect", "0"))
    done.assert_fails(1, str(manifest))

"""SIGINT and SIGTERM finalize every file and end `reel record` with 0, whatever it is doing."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from oracle.packets import source_packets
from oracle.rules import assert_f1, assert_f2, assert_f3, assert_playlist
from origins.scripted import Client, scripted
from reel import COMMAND, environment, running

from engine.media import events
from engine.origin import Origin

Sample = Callable[[str], Path]
SIGNALS = pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
SAMPLE = "h264_aac_bframes"
LOOP_MS = 8080


@SIGNALS
async def test_files_are_final(number: signal.Signals, sample: Sample, tmp_path: Path) -> None:
    async with Origin([sample(SAMPLE)]) as origin:
        options = ("-f", "flv,hls,mp4,aac", "--hls-time", "1", "--json", "-o", tmp_path)
        async with running("record", origin.rtmp_url(f"live/{SAMPLE}"), *options) as command:
            await command.event(events.Live)
            while not list(tmp_path.rglob("00001.ts")):  # two seconds of it
                await asyncio.sleep(0.05)
            command.send(number)
            command.send(number)  # impatience changes nothing
            done = await command.end()
    done.assert_done()
    (finished,) = done.of(events.Finished)
    assert (finished.reason, finished.files) == ("stopped", 4)
    assert len(done.files()) == 4
    source = source_packets(sample(SAMPLE)).looped(3, LOOP_MS)
    for path in done.files():
        how = {"joined_late": True, "cut_short": True, "first_cut": path.suffix != ".aac"}
        assert_f1(source, path, **how)
        assert_f2(source, path, **how)
        assert_f3(path)
    assert_playlist(*done.files("hls"))
    assert not list(tmp_path.rglob("*.part"))


@SIGNALS
async def test_while_it_connects(number: signal.Signals, tmp_path: Path) -> None:
    asked = asyncio.Event()

    async def nothing(client: Client) -> None:
        asked.set()
        await client.gone()

    async with (
        scripted(nothing) as origin,
        running("record", origin.url(), "-o", tmp_path, "--json") as command,
    ):
        await asked.wait()
        command.send(number)
        done = await command.end(3)
    done.assert_done()
    assert isinstance(done.events[-1], events.Finished)
    assert not any(tmp_path.iterdir())


@SIGNALS
async def test_while_it_waits_for_a_stream(number: signal.Signals, tmp_path: Path) -> None:
    async with Origin() as origin:
        options = ("--reconnect", "3600", "-o", tmp_path, "--json")
        async with running("record", origin.http_url("live/x"), *options) as command:
            attempts = [(await command.event(events.Connecting)).attempt for _ in range(3)]
            command.send(number)
            done = await command.end(3)
    done.assert_done()
    assert attempts == [1, 2, 3]
    (gap,) = done.of(events.GapClosed)
    assert gap.reason == "not_live"
    assert not any(tmp_path.iterdir())


async def test_nobody_reads_the_events(sample: Sample, tmp_path: Path) -> None:
    """An orchestrator that dies does not cost the recording."""
    async with Origin([sample(SAMPLE)], once=True, speed=4, wait_for_reader=True) as origin:
        read, write = os.pipe()
        url = origin.http_url(f"live/{SAMPLE}")
        process = await asyncio.create_subprocess_exec(
            *COMMAND,
            *("record", url, "-o", str(tmp_path), "--json", "--reconnect", "0"),
            stdout=write,
            stderr=asyncio.subprocess.PIPE,
            env=environment(),
        )
        os.close(write)
        assert os.read(read, 1) == b"{"
        os.close(read)
        async with asyncio.timeout(30):
            _, complaints = await process.communicate()
    assert (process.returncode, complaints) == (0, b"")
    (path,) = tmp_path.rglob("*.flv")
    assert_f1(sample(SAMPLE), path)

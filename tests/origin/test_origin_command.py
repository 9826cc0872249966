"""`reel origin` as a process."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from origins.footage import media, read_flv
from origins.player import play
from reel import COMMAND, environment

END_S = 20
ANY = ("--rtmp", "127.0.0.1:0", "--http", "127.0.0.1:0")

pytestmark = pytest.mark.asyncio(loop_factories=["asyncio"])


@asynccontextmanager
async def reel_origin(*arguments: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """A running `reel origin`, killed at the end."""
    process = await asyncio.create_subprocess_exec(
        *COMMAND,
        "origin",
        *arguments,
        env=environment(),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def urls(process: asyncio.subprocess.Process) -> list[str]:
    """What it prints of its next stream."""
    assert process.stdout is not None
    line = await asyncio.wait_for(process.stdout.readline(), END_S)
    return line.decode().split()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_signals_end_it_with_0(footage: Path, number: signal.Signals) -> None:
    async with reel_origin(str(footage), *ANY) as process:
        rtmp, http = await urls(process)
        assert rtmp.startswith("rtmp://127.0.0.1:")
        assert http.endswith("/live/clip.flv")
        async with aiohttp.ClientSession() as session, session.get(http) as response:
            assert (await response.content.readexactly(3)) == b"FLV"
            process.send_signal(number)
            out, err = await asyncio.wait_for(process.communicate(), END_S)
            assert (process.returncode, out, err) == (0, b"", b"")
            await response.read()


async def test_once_ends_when_the_files_have(footage: Path, audio_footage: Path) -> None:
    async with reel_origin(str(footage), str(audio_footage), "--once", "--speed", "0", *ANY) as process:
        for path in (footage, audio_footage):
            rtmp, _ = await urls(process)
            assert (await play(rtmp)).media == media(read_flv(path.read_bytes()))
        assert await asyncio.wait_for(process.wait(), END_S) == 0


@pytest.mark.parametrize(
    ("arguments", "code", "line"),
    [
        (("nosuch.flv",), 2, "nosuch.flv: No such file or directory"),
        (("--once",), 2, "--once needs a file"),
        (("--rtmp", "nowhere"), 2, "--rtmp: 'nowhere' is not an address: write HOST:PORT, such as"),
        (("--speed", "-1"), 2, "speed -1: from 0 (as fast as the reader takes it) to 1000"),
        ((__file__,), 3, f"{__file__}: "),
        (
            ("--rtmp", "192.0.2.1:0"),
            1,
            "cannot listen on 192.0.2.1:0 for RTMP: Cannot assign",
        ),
    ],
)
async def test_errors_are_one_line(arguments: tuple[str, ...], code: int, line: str) -> None:
    async with reel_origin(*ANY, *arguments) as process:
        out, err = await asyncio.wait_for(process.communicate(), END_S)
        assert (process.returncode, out) == (code, b"")
        assert err.decode().startswith(f"reel: {line}")
        assert err.decode().count("\n") == 1

"""Files over HTTP: ranges, types, and nothing but media below the root."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote, urlsplit

import aiohttp
import pytest
from aiohttp import web
from api.served import served
from muxing import mux_file, read_stream
from programs import modern_ffmpeg

from engine.api.files import add_files
from engine.media.codecs import Format

CONTENT = bytes(range(256)) * 40


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "recordings"
    folder = root / "d" / "live" / "x"
    folder.mkdir(parents=True)
    for name in ("1.flv", "1.mp4", "1.aac", "1.mp3", "1.flv.part", "1.flv.json", ".1.flv.journal", "1.m3u8"):
        (folder / name).write_bytes(CONTENT)
    (tmp_path / "outside.flv").write_bytes(b"secret")
    (folder / "link.flv").symlink_to(tmp_path / "outside.flv")
    (folder / "loop.flv").symlink_to(folder / "loop.flv")
    (folder / "folder.flv").mkdir()
    return root


def app_of(root: Path) -> web.Application:
    app = web.Application()
    add_files(app, root)
    return app


@pytest.mark.parametrize(
    ("asked", "status", "body"),
    [
        (None, 200, CONTENT),
        ("bytes=0-99", 206, CONTENT[:100]),
        ("bytes=100-", 206, CONTENT[100:]),
        ("bytes=-7", 206, CONTENT[-7:]),
        ("bytes=20000-", 416, None),
    ],
)
async def test_ranges(asked: str | None, status: int, body: bytes | None, root: Path) -> None:
    headers = {} if asked is None else {"Range": asked}
    async with served(app_of(root)) as url, aiohttp.ClientSession() as client:
        async with client.get(f"{url}/files/d/live/x/1.mp4", headers=headers) as answer:
            assert answer.status == status
            if body is not None:
                assert await answer.read() == body
                assert answer.headers["Accept-Ranges"] == "bytes"
                assert answer.headers["Access-Control-Allow-Origin"] == "*"
        async with client.head(f"{url}/files/d/live/x/1.mp4") as answer:
            assert answer.headers["Content-Length"] == str(len(CONTENT))


@pytest.mark.parametrize(
    ("name", "type"),
    [
        ("1.flv", "video/x-flv"),
        ("1.mp4", "video/mp4"),
        ("1.aac", "audio/aac"),
        ("1.mp3", "audio/mpeg"),
        ("1.m3u8", "application/vnd.apple.mpegurl"),
    ],
)
async def test_types(name: str, type: str, root: Path) -> None:
    async with (
        served(app_of(root)) as url,
        aiohttp.ClientSession() as client,
        client.get(f"{url}/files/d/live/x/{name}") as answer,
    ):
        assert (answer.status, answer.headers["Content-Type"]) == (200, type)


HIDDEN = [
    "d/live/x/1.flv.part",
    "d/live/x/1.flv.json",
    "d/live/x/.1.flv.journal",
    "d/live/x/link.flv",
    "d/live/x/loop.flv",
    "d/live/x/folder.flv",
    "d/live/x",
    "d/live/x/2.flv",
    "../outside.flv",
    "%2e%2e/outside.flv",
    "d/%2e%2e/%2e%2e/outside.flv",
    "..%2foutside.flv",
    "%00.flv",
    "a" * 3000 + ".flv",
    "//etc/passwd",
    quote("\udcff", errors="surrogateescape") + ".flv",
]


@pytest.mark.parametrize("name", HIDDEN)
async def test_what_is_no_media_below_the_root_is_not_found(name: str, root: Path) -> None:
    """As raw bytes: clients tidy paths up before they send them."""
    async with served(app_of(root)) as url:
        status = await asyncio.to_thread(raw_status, url, f"/files/{name}")
    assert status == 404


def raw_status(url: str, target: str) -> int:
    parts = urlsplit(url)
    with socket.create_connection((parts.hostname, parts.port), 10) as connection:
        connection.sendall(f"GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        return int(connection.recv(65536).split()[1])


async def test_a_player_seeks_in_a_recording(sample_mp4: Path) -> None:
    """ffmpeg reads the end of an MP4 first when asked to seek: ranges must work."""
    async with served(app_of(sample_mp4.parent)) as url:
        process = await asyncio.create_subprocess_exec(
            *(modern_ffmpeg(), "-v", "error", "-xerror", "-ss", "5", "-i", f"{url}/files/{sample_mp4.name}"),
            *("-frames:v", "1", "-f", "null", "-"),
            stdin=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            env={**os.environ, "no_proxy": "127.0.0.1"},
        )
        _, said = await asyncio.wait_for(process.communicate(), 60)
    assert (process.returncode, said) == (0, b"")


@pytest.fixture
def sample_mp4(tmp_path: Path, sample: Callable[[str], Path]) -> Path:
    """A recording, final as `reel` leaves it."""
    return mux_file(read_stream(sample("h264_aac_bframes")), tmp_path, Format.MP4)[0]

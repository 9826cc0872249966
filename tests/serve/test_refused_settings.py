"""Settings that cannot be, and systems that allow too little: one line that names them, and an exit code."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from reel import COMMAND, Done, environment, reel

ADDRESSES = ("[::1/x", ":99999", "host", "[::1]:x", "..:80", "a" * 300 + ":80", "127.0.0.1:80:80")
NOBODY = 1  # a port on which nothing listens
URLS = (
    ("postgresql+asyncpg://u:hush@127.0.0.1:x/reel", 2),
    ("postgresql+asyncpg://u:hu%zzsh@127.0.0.1:99999/reel", 2),
    ("postgresql+asyncpg://u:hush@[::1/reel", 2),
    (f"postgresql+asyncpg://u:hush@127.0.0.1:{NOBODY}/reel", 5),
    (f"postgresql+asyncpg://127.0.0.1:{NOBODY}/reel?password=hush", 5),
    (f"postgresql+asyncpg://u:hush@127.0.0.1:{NOBODY}/reel?sslmode=require", 2),
    (f"postgresql+asyncpg://u:hush@127.0.0.1:{NOBODY}/reel?ssl=hush", 5),
    ("mysql://u:hush@127.0.0.1/reel", 2),
    ("sqlite+aiosqlite:///none/reel.db", 5),
    ("sqlite+aiosqlite:///.", 5),
)


async def refused(tmp_path: Path, code: int, *words: str, **variables: str) -> str:
    """What `reel serve` says as it ends."""
    ports = {"REEL_API__LISTEN": "127.0.0.1:0", "REEL_ORIGIN__RTMP": "127.0.0.1:0"}
    url = {"REEL_STORAGE__PUBLIC_URL": "http://127.0.0.1:1/files"}
    done = await reel("serve", cwd=tmp_path, env={**ports, **url, **variables})
    said = [line for line in done.err.splitlines() if not line.startswith("{")]
    assert (done.code, len(said)) == (code, 1), done.err
    assert "defect" not in done.err
    for word in words:
        assert word in said[0]
    return done.err


@pytest.mark.parametrize("address", ADDRESSES)
async def test_addresses(address: str, tmp_path: Path) -> None:
    await refused(tmp_path, 2, "api.listen", repr(address), "HOST:PORT", REEL_API__LISTEN=address)


@pytest.mark.parametrize("key", ["rtmp", "http"])
async def test_addresses_of_the_origin(key: str, tmp_path: Path) -> None:
    for address in ("[::1/x", "..:80"):
        variable = {f"REEL_ORIGIN__{key.upper()}": address}
        await refused(tmp_path, 2, f"origin.{key}", repr(address), **variable)


@pytest.mark.parametrize(("url", "code"), URLS)
async def test_databases(url: str, code: int, tmp_path: Path) -> None:
    said = await refused(tmp_path, code, "catalog: ", REEL_CATALOG__URL=url)
    assert "hush" not in said


async def test_a_wrong_password_of_postgresql(postgresql_server: str, tmp_path: Path) -> None:
    """Of a user that does not exist, whoever may log in."""
    host = postgresql_server.partition("@")[2] or postgresql_server.partition("://")[2]
    url = f"postgresql+asyncpg://nobody:hush@{host}"
    assert "hush" not in await refused(tmp_path, 5, "catalog: ", "nobody", REEL_CATALOG__URL=url)


async def test_a_level_that_is_none(tmp_path: Path) -> None:
    await refused(tmp_path, 2, "REEL_LOG: 'loud' is none of debug, info, warning, error", REEL_LOG="loud")


@pytest.mark.parametrize("limit", [8, 24, 64])
async def test_too_few_open_files(limit: int, tmp_path: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        *("sh", "-c", f'ulimit -n {limit}; exec "$@"', "sh", *COMMAND, "serve"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=environment(),
        cwd=tmp_path,
    )
    out, err = await asyncio.wait_for(process.communicate(), 60)
    Done(process.returncode or 0, out.decode(), err.decode()).assert_fails(
        1, f"open {limit} files", "ulimit -n"
    )
    assert not any(tmp_path.iterdir())

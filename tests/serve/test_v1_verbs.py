"""`reel status`, `stop`, `rules` and `files` over a running `reel serve`."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from origins.process import free_port, in_thread
from origins.push import push
from programs import modern_ffmpeg
from reel import Done, reel
from serve.server import serving

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")


async def test_a_stream_from_its_rule_to_its_deletion(sample: Callable[[str], Path], tmp_path: Path) -> None:
    async with in_thread(serving(tmp_path)) as server:

        async def run(*words: str) -> Done:
            return await reel(*words, "--config", str(tmp_path / "reel.toml"))

        added = await run("rules", "add", "--app", "live", "-f", "HLS,mp4", "--interval", "1h")
        assert (added.code, added.out) == (
            0,
            "added rule 1: pushes to */live/* are recorded as hls,mp4\n",
        )
        (await run("rules", "add", "--app", "live")).assert_fails(1, "rule 1", "remove it first")
        (await run("rules", "add", "--interval", "5x")).assert_fails(2, "--interval", "5x")
        assert "live" in (await run("rules", "list")).out.splitlines()[1]
        assert "nobody publishes" in (await run("status")).out
        url = server.push_url("one")
        async with in_thread(
            push(sample("h264_aac_bframes"), url, tmp_path, ffmpeg=modern_ffmpeg())
        ) as pushing:
            await until_states(run, ["live", "live"])
            stopped = await run("stop", "live/one")
            assert sorted(line.rpartition(" ")[2] for line in stopped.out.splitlines()) == ["(hls)", "(mp4)"]
            await until_states(run, [])
            (await run("stop", "one")).assert_fails(1, "one", "reel status")
            await asyncio.to_thread(pushing.end)
        files = json.loads((await run("files", "list", "one", "--json")).out)
        assert {file["format"] for file in files} == {"hls", "mp4"}
        table = (await run("files", "list", "-f", "MP4")).out.splitlines()
        assert len(table) == 2
        (await run("files", "list", "--from", "yesterday")).assert_fails(2, "--from", "2026-12-01T18:00")
        [mp4] = [file for file in files if file["format"] == "mp4"]
        assert table[1].startswith(mp4["id"])
        assert table[1].endswith(mp4["url"])
        assert (server.root / mp4["path"]).is_file()
        assert (await run("files", "rm", *(file["id"] for file in files))).code == 0
        assert not [path for path in server.root.rglob("*") if path.is_file()]
        assert (await run("files", "list")).out.count("\n") == 1
        (await run("files", "rm", mp4["id"])).assert_fails(1, mp4["id"])
        assert (await run("rules", "rm", "1")).out == "removed rule 1\n"


async def until_states(run: Callable[..., Awaitable[Done]], wanted: list[str]) -> None:
    """Until the recordings of the server are in these states."""
    async with asyncio.timeout(60):
        while True:
            done = await run("status", "--json")
            pushes = json.loads(done.out)["pushes"]
            if [one["state"] for push in pushes for one in push["recordings"]] == wanted:
                return
            await asyncio.sleep(0.1)


async def test_a_server_that_is_not_there(tmp_path: Path) -> None:
    port = free_port()
    done = await reel("status", "--server", f"http://127.0.0.1:{port}", cwd=tmp_path)
    done.assert_fails(1, str(port), "reel serve")
    (await reel("status", "--server", "ftp://x", cwd=tmp_path)).assert_fails(2, "--server")
    async with in_thread(serving(tmp_path, more="\n")) as server:
        other = await reel("status", "--server", server.url + "/files", cwd=tmp_path)
        other.assert_fails(1, "/files")


async def test_a_token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REEL_API__TOKEN", "s3cret")
    async with in_thread(serving(tmp_path)):
        config = ("--config", str(tmp_path / "reel.toml"))
        assert (await reel("rules", "list", *config)).code == 0
        (await reel("rules", "list", "--token", "wrong", *config)).assert_fails(1, "token")

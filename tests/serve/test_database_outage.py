"""PostgreSQL is away while pushes come and recordings end: nothing of it is lost when it is back."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from databases import postgresql_data
from origins.process import free_port, in_thread
from origins.push import push
from programs import modern_ffmpeg
from serve.server import Server, receiving
from serve.test_database_disk import all_told, assert_nothing_twice, started
from serve.test_kill_server import assert_told_once, files_of, live_count, settle

pytestmark = [pytest.mark.timeout(300), pytest.mark.filterwarnings("ignore::ResourceWarning")]


async def test_what_happened_meanwhile_is_stored_when_it_is_back(
    sample: Callable[[str], Path], tmp_path: Path
) -> None:
    source = sample("h264_aac_bframes")

    async with receiving() as receiver, in_thread(postgresql_data()) as database:
        server = Server(tmp_path, catalog=f"{database.url}/postgres")

        def pushed(stream: str) -> object:
            return in_thread(push(source, server.push_url(stream), tmp_path, ffmpeg=modern_ffmpeg()))

        async def until_live(*streams: str) -> None:
            query = "SELECT DISTINCT stream FROM recordings WHERE state = 'live' ORDER BY stream"
            await receiver.until(lambda: [stream for (stream,) in server.rows(query)] == list(streams))

        first = database.running()
        await asyncio.to_thread(first.__enter__)
        async with in_thread(started(server)):
            await asyncio.to_thread(settle, server, receiver)
            async with pushed("x") as ending:
                await until_live("x")
                await asyncio.sleep(1)
                await asyncio.to_thread(first.__exit__, None, None, None)
                async with pushed("y"):
                    await asyncio.to_thread(ending.end)
                    await asyncio.sleep(3)
                    async with in_thread(database.running()):
                        await until_live("y")
                        await receiver.until(lambda: len(files_of(receiver)) == 2)
                        async with pushed("x"):
                            await until_live("x", "y")
                            await asyncio.sleep(1)
                        await receiver.until(lambda: len(files_of(receiver)) == 4)
                        await until_live("y")
                        assert await asyncio.to_thread(server.end) == 0
                        assert_said_once(server.log.read_text())


def assert_said_once(log: str) -> None:
    lines = [json.loads(line) for line in log.splitlines() if line.startswith("{")]
    events = [line["event"] for line in lines if line["event"].startswith("catalog.")]
    assert events == ["catalog.unavailable", "catalog.available"]
    assert not [line for line in lines if line["level"] == "error"], log
    assert "Traceback" not in log


async def test_the_server_can_be_ended_meanwhile(sample: Callable[[str], Path], tmp_path: Path) -> None:
    """Its files are final, and the next one tells of them."""
    source = sample("h264_aac_bframes")
    async with receiving() as receiver, in_thread(postgresql_data()) as database:
        server = Server(tmp_path, catalog=f"{database.url}/postgres")
        first = database.running()
        await asyncio.to_thread(first.__enter__)
        async with in_thread(started(server)):
            await asyncio.to_thread(settle, server, receiver)
            async with in_thread(push(source, server.push_url("x"), tmp_path, ffmpeg=modern_ffmpeg())):
                await receiver.until(lambda: live_count(server) == 2)
                await asyncio.sleep(1)
                await asyncio.to_thread(first.__exit__, None, None, None)
                await asyncio.sleep(1)
                assert await asyncio.to_thread(server.end) == 0
            server.log.rename(tmp_path / "first.log")
            assert not files_of(receiver)
            async with in_thread(database.running()):
                await asyncio.to_thread(server.start)
                await receiver.until(lambda: len(files_of(receiver)) == 2)
                await all_told(server, receiver)
                assert_told_once(receiver, server, source)
                assert_nothing_twice(server, receiver)
                assert await asyncio.to_thread(server.end) == 0
        assert "Traceback" not in (tmp_path / "first.log").read_text()


async def test_a_server_does_not_start_without_its_database(tmp_path: Path) -> None:
    server = Server(tmp_path, catalog=f"postgresql+asyncpg://reel:secret@127.0.0.1:{free_port()}/reel")
    with pytest.raises(RuntimeError, match=r"exit code 5\):\nreel: catalog: .*refused"):
        await asyncio.to_thread(server.start)
    assert "secret" not in server.log.read_text()

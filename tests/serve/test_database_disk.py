"""The disk of the database fails under a server that records: it finalizes, ends with 5, and the next one has
everything that was accepted, and tells of everything once."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol

import pytest
from filesystems import ext4, fill, make_read_only, tmpfs
from origins.nginx_rtmp import EndOfPublish, nginx_rtmp
from origins.process import in_thread, stop
from origins.push import push
from programs import modern_ffmpeg, need
from serve.server import DOMAIN, Receiver, Server, receiving
from serve.test_kill_server import assert_told_once, files_of, live_count, settle
from tencentcloud.common.exception.tencent_cloud_sdk_exception import TencentCloudSDKException

from engine.media.civil_time import china_text

pytestmark = [pytest.mark.timeout(300), pytest.mark.filterwarnings("ignore::ResourceWarning")]

SAMPLE = "h264_aac_bframes"


class Disk(Protocol):
    """Where the database is."""

    folder: Path
    variables: dict[str, str]

    def fail(self) -> None:
        """From now on, or once."""

    def mend(self) -> None:
        """The server has ended."""


@dataclass
class FailingSync:
    """One flush fails with EIO; the system keeps or forgets what was written since the one before it."""

    folder: Path
    forgets: bool
    variables: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        library, source = self.folder / "failing_sync.so", Path(__file__).with_name("failing_sync.c")
        command = [
            need("cc"),
            "-shared",
            "-fPIC",
            "-Wall",
            "-Werror",
            "-o",
            str(library),
            str(source),
            "-ldl",
        ]
        subprocess.run(command, check=True, timeout=60)
        self.trigger = self.folder / "fail-sync"
        self.variables = {"LD_PRELOAD": str(library), "FAIL_SYNC_TRIGGER": str(self.trigger)}
        if self.forgets:
            self.variables["FAIL_SYNC_FORGETS"] = "1"

    def fail(self) -> None:
        self.trigger.touch()

    def mend(self) -> None:
        assert not self.trigger.exists(), "a flush has failed"


@dataclass
class FullDisk:
    """A file system of 3 MB, which fills up."""

    folder: Path
    variables: dict[str, str] = field(default_factory=dict)

    def fail(self) -> None:
        fill(self.folder / "filler")

    def mend(self) -> None:
        (self.folder / "filler").unlink()


@dataclass
class ReadOnlyDisk:
    """A file system that makes itself read-only, as ext4 does when its disk fails."""

    folder: Path
    remount: Callable[[], None]
    variables: dict[str, str] = field(default_factory=dict)

    def fail(self) -> None:
        make_read_only(self.folder)

    def mend(self) -> None:
        self.remount()


@contextmanager
def failing_disk(kind: str, folder: Path) -> Iterator[Disk]:
    if kind in ("sync", "sync-forgets"):
        yield FailingSync(folder, forgets=kind == "sync-forgets")
    elif kind == "full":
        with tmpfs(folder / "disk", "size=3m") as disk:
            yield FullDisk(disk)
    else:
        image = folder / "disk.img"
        mounted = ext4(folder / "disk", image)

        def remount() -> None:
            nonlocal mounted
            mounted.__exit__(None, None, None)
            mounted = ext4(folder / "disk", image)
            mounted.__enter__()

        try:
            yield ReadOnlyDisk(mounted.__enter__(), remount)
        finally:
            mounted.__exit__(None, None, None)


def url_of(disk: Disk) -> str:
    return f"sqlite+aiosqlite:///{disk.folder}/reel.db"


KINDS = ["sync", "sync-forgets", "full", "read-only"]


@pytest.mark.parametrize("kind", KINDS)
async def test_the_server_ends_and_the_next_one_goes_on(
    kind: str, sample: Callable[[str], Path], tmp_path: Path
) -> None:
    """The origin is another program, so that the push outlives the server."""
    (tmp_path / "nginx").mkdir()
    plan = Server(tmp_path)
    hooks = [f"{name} {plan.hook_url('nginx-rtmp')};" for name in ("on_publish", "on_publish_done")]
    async with (
        receiving() as receiver,
        in_thread(nginx_rtmp(tmp_path / "nginx", EndOfPublish.NOTIFY, hooks)) as nginx,
        in_thread(failing_disk(kind, tmp_path)) as disk,
    ):
        origin = f'url = "{nginx.rtmp_url("{app}/{stream}")}"'
        server = Server(tmp_path, catalog=url_of(disk), origin=origin, api_port=plan.api_port)
        server.variables = disk.variables
        source = sample(SAMPLE)
        async with in_thread(started(server)):
            await asyncio.to_thread(settle, server, receiver)
            url = nginx.rtmp_url("live/x")
            async with in_thread(push(source, url, tmp_path, ffmpeg=modern_ffmpeg())) as pushing:
                await receiver.until(lambda: live_count(server) == 2)
                await asyncio.sleep(2)
                accepted = await asyncio.to_thread(order_until_refused, server, disk)
                code, log = await asyncio.to_thread(server.wait_ended)
                assert_ended_for_the_disk(code, log)
                assert_final(server)
                await asyncio.to_thread(disk.mend)
                await asyncio.to_thread(server.start)
                await receiver.until(lambda: live_count(server) == 2)
                await asyncio.sleep(2)
                await asyncio.to_thread(pushing.end)
            await receiver.until(lambda: len(files_of(receiver)) >= 4)
            await all_told(server, receiver)
            assert_told_once(receiver, server, source)
            assert_nothing_twice(server, receiver)
            assert accepted <= known_tasks(server)
            assert await asyncio.to_thread(server.end) == 0


async def test_recordings_of_pushes_to_the_server_itself_are_told_of_by_the_next_one(
    sample: Callable[[str], Path], tmp_path: Path
) -> None:
    """The push ends with the server: what was recorded, and that it ended, is for the next one to tell."""
    async with receiving() as receiver:
        disk = FailingSync(tmp_path, forgets=True)
        server = Server(tmp_path, catalog=url_of(disk), variables=disk.variables)
        async with in_thread(started(server)):
            await asyncio.to_thread(settle, server, receiver)
            async with in_thread(
                push(sample(SAMPLE), server.push_url("x"), tmp_path, ffmpeg=modern_ffmpeg())
            ):
                await receiver.until(lambda: live_count(server) == 2)
                await asyncio.sleep(2)
                accepted = await asyncio.to_thread(order_until_refused, server, disk)
                assert_ended_for_the_disk(*await asyncio.to_thread(server.wait_ended))
            assert_final(server)
            await asyncio.to_thread(server.start)
            await receiver.until(lambda: len(files_of(receiver)) >= 2)
            await all_told(server, receiver)
            assert_told_once(receiver, server, sample(SAMPLE))
            assert_nothing_twice(server, receiver)
            assert accepted <= known_tasks(server)
            assert await asyncio.to_thread(server.end) == 0


async def test_a_server_does_not_start_on_a_disk_that_is_read_only(tmp_path: Path) -> None:
    with failing_disk("read-only", tmp_path) as disk:
        server = Server(tmp_path, catalog=url_of(disk))
        with started(server):
            assert server.end() == 0
        server.log.unlink()
        disk.fail()
        with pytest.raises(RuntimeError, match=r"exit code 5.*\nreel: catalog: "):
            server.start()
        assert "Traceback" not in server.log.read_text()


@contextmanager
def started(server: Server) -> Iterator[None]:
    """Runs it; whatever is left of it at the end is killed."""
    try:
        server.start()
        yield
    finally:
        if server.process is not None:
            stop(server.process)


def order_until_refused(server: Server, disk: Disk) -> set[str]:
    """Orders recordings of streams that nobody pushes, with the disk failing in their midst; those that were
    accepted."""
    now, accepted = datetime.now().astimezone(), set()
    window = {"StartTime": china_text(now), "EndTime": china_text(now + timedelta(hours=1))}
    for number in range(2000):
        if number == 20:
            disk.fail()
        try:
            answer = server.tencent(
                "CreateLiveRecord",
                StreamName=f"later-{number}",
                DomainName=DOMAIN,
                AppName="live",
                FileFormat="flv",
                **window,
            )
        except TencentCloudSDKException:
            if number < 20:
                raise
            return accepted
        accepted.add(str(answer["TaskId"]))
    pytest.fail("the disk did not fail")


def known_tasks(server: Server) -> set[str]:
    return {str(id) for (id,) in server.rows("SELECT public_id FROM tasks")}


def assert_ended_for_the_disk(code: int, log: str) -> None:
    """It says so in one line of its log, and in the line that every verb ends with."""
    assert code == 5, log
    lines = [json.loads(line) for line in log.splitlines() if line.startswith("{")]
    worse = [line for line in lines if line["level"] not in ("debug", "info")]
    assert [line["event"] for line in worse] == ["server.failed"], log
    assert worse[0]["part"] == "catalog"
    assert "Traceback" not in log
    assert len(re.findall(r"^reel: catalog: .*nothing more is stored", log, re.MULTILINE)) == 1, log


def assert_final(server: Server) -> None:
    """Nothing is left half-written."""
    found = {path.suffix for path in server.root.rglob("*") if path.is_file()}
    assert {".flv", ".mp4"} <= found
    assert ".part" not in found


async def all_told(server: Server, receiver: Receiver) -> None:
    await receiver.until(lambda: not server.rows("SELECT id FROM callbacks WHERE state = 'waiting'"))


def assert_nothing_twice(server: Server, receiver: Receiver) -> None:
    """No message was received twice, and none that was not stored."""
    ((stored,),) = server.rows("SELECT count(*) FROM callbacks")
    bodies = Counter(json.dumps(body, sort_keys=True) for body in receiver.got)
    assert set(bodies.values()) == {1}
    assert len(receiver.got) == stored

"""The log of a running server: what a push, a recording and a callback say, and whose call they belong to."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from origins.process import in_thread, stop, wait_until
from origins.push import push
from programs import modern_ffmpeg
from reel import COMMAND, environment
from serve.server import DOMAIN, Server, is_up, receiving
from serve.story import settle
from tencentcloud.common.exception.tencent_cloud_sdk_exception import TencentCloudSDKException

from engine.media.civil_time import china_text

pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore:RecordStatusNotifyUrl"),
]

Sample = Callable[[str], Path]
Line = dict[str, Any]

TOLD = ("push.started", "recording.started", "recording.live", "push.ended", "file.finished")


@contextmanager
def running(server: Server, *options: str) -> Iterator[None]:
    """`reel serve` with its log alone in `server.log`; ended as its operator ends it."""
    with server.log.open("ab") as log, (server.folder / "serve.out").open("wb") as out:
        process = subprocess.Popen(
            [*COMMAND, "serve", "--config", str(server.folder / "reel.toml"), *options],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=log,
            env=environment(),
            start_new_session=True,
        )
    try:
        wait_until(lambda: is_up((server.folder / "serve.out").read_bytes()), process, server.log, "")
        yield
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    finally:
        with suppress(ProcessLookupError):
            stop(process, signal.SIGKILL)


def lines(server: Server) -> list[Line]:
    """Every line of the log, each of which must be one JSON object with a time, a level and a name."""
    found = [json.loads(line) for line in server.log.read_text().splitlines()]
    for line in found:
        assert list(line)[:3] == ["timestamp", "level", "event"], line
        assert line["event"].count(".") == 1, line
    return found


def of(server: Server, event: str, **fields: Any) -> list[Line]:
    return [line for line in lines(server) if line["event"] == event and fields.items() <= line.items()]


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(60):
        while not condition():
            await asyncio.sleep(0.1)


async def test_a_recorded_push_names_the_rules_request_in_every_line(sample: Sample, tmp_path: Path) -> None:
    server = Server(tmp_path)
    async with receiving() as receiver, in_thread(running(server)):
        await settle(server, receiver, FlvParam={"Enable": 1})
        (made,) = of(server, "call.answered", action="CreateLiveRecordRule")
        assert (made["key"], made["dialect"], made["peer"]) == ("AKIDEXAMPLE", "tencent", "127.0.0.1")
        url = server.push_url("x?secret=s3cret")
        async with in_thread(
            push(sample("h264_aac_bframes"), url, tmp_path, ffmpeg=modern_ffmpeg())
        ) as pushing:
            await until(lambda: of(server, "recording.live"))
            await asyncio.sleep(1)
            await asyncio.to_thread(pushing.end)
        await until(lambda: of(server, "callback.delivered", kind="100"))
        await until(lambda: of(server, "recording.ended"))
    told = [line for line in lines(server) if line["event"] in TOLD]
    assert [line["event"] for line in told] == list(TOLD)
    started, begun, live, ended, finished = told
    (delivered,) = of(server, "callback.delivered", kind="100")
    assert {line["stream"] for line in (*told, delivered)} == {f"{DOMAIN}/live/x"}
    assert {line["push"] for line in (*told, delivered)} == {started["push"]}
    of_recording = (begun, live, finished, delivered)
    for name in ("recording", "session", "request_id"):
        assert {line[name] for line in of_recording} == {begun[name]}, name
    assert begun["request_id"] == made["request_id"]
    assert delivered["file"] == finished["file"]
    assert isinstance(delivered["callback"], int)
    assert (server.root / finished["path"]).stat().st_size == finished["size_bytes"]
    assert ended["duration_s"] > 0
    assert not of(server, "callback.attempt_failed")
    text = server.log.read_text()
    assert not [word for word in ("s3cret", "SECRETEXAMPLE", "callback-key") if word in text]
    assert not [line for line in lines(server) if line["level"] in ("warning", "error")]


async def test_a_task_is_recorded_under_its_request_after_a_restart(sample: Sample, tmp_path: Path) -> None:
    server = Server(tmp_path)
    async with in_thread(running(server)):
        now = datetime.now().astimezone()
        task = await asyncio.to_thread(
            server.tencent,
            "CreateLiveRecord",
            StreamName="x",
            DomainName=DOMAIN,
            StartTime=china_text(now),
            EndTime=china_text(now + timedelta(hours=1)),
        )
    (created,) = of(server, "task.created")
    assert (created["request_id"], created["task"]) == (task["RequestId"], str(task["TaskId"]))
    async with in_thread(running(server)):
        url = server.push_url("x")
        async with in_thread(push(sample("h264_aac_bframes"), url, tmp_path, ffmpeg=modern_ffmpeg())):
            await until(lambda: of(server, "recording.live", task=created["task"]))
    for event in ("recording.started", "recording.live", "file.finished"):
        (line,) = of(server, event, task=created["task"])
        assert line["request_id"] == task["RequestId"], event


def test_a_refused_call_is_found_by_its_request_id(tmp_path: Path) -> None:
    server = Server(tmp_path)
    with running(server), pytest.raises(TencentCloudSDKException) as raised:
        server.tencent("StopLiveRecord", StreamName="x", TaskId=7)
    (refused,) = of(server, "call.refused")
    assert refused["request_id"] == raised.value.get_request_id()
    assert (refused["action"], refused["key"]) == ("StopLiveRecord", "AKIDEXAMPLE")
    assert refused["code"] == raised.value.get_code()


def test_malformed_requests_are_one_line_each(tmp_path: Path) -> None:
    garbage = (
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(256)),
        b"nonsense\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 300_000 + b"\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: many\r\n\r\n",
        b"GET http://[::1/x HTTP/1.1\r\nHost: x\r\n\r\n",
    )
    server = Server(tmp_path)
    with running(server):
        for number, data in enumerate(garbage, start=1):
            with socket.create_connection(("127.0.0.1", server.api_port)) as client:
                client.sendall(data)
                with suppress(ConnectionError):
                    assert client.recv(100).startswith(b"HTTP/1.0 400")
            assert len(of(server, "request.malformed", peer="127.0.0.1")) == number, data[:40]
    assert {line["level"] for line in of(server, "request.malformed")} == {"warning"}
    assert not [line for line in lines(server) if "exception" in line or line["event"] == "library.logged"]


def test_quiet_and_verbose(tmp_path: Path) -> None:
    server = Server(tmp_path)
    with running(server, "-q"):
        pass
    assert lines(server) == []
    with running(server, "-v"):
        pass
    assert of(server, "server.started")


def test_on_a_terminal_lines_are_for_people(tmp_path: Path) -> None:
    server = Server(tmp_path)
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [*COMMAND, "serve", "--config", str(tmp_path / "reel.toml")],
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=theirs,
        env=environment(),
    )
    os.close(theirs)
    text = b""
    try:
        with suppress(OSError):  # EIO: the last process with the terminal has exited
            while data := os.read(ours, 4096):
                text += data
                if is_up(text) and process.poll() is None:
                    process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    finally:
        os.close(ours)
        with suppress(ProcessLookupError):
            stop(process, signal.SIGKILL)
    shown = text.decode().replace("\r", "").splitlines()
    (started,) = [line for line in shown if "server.started" in line]
    assert f"api=http://127.0.0.1:{server.api_port}" in started
    assert "[info" in started
    assert not any(line.startswith("{") for line in shown), "workers too take their format from the server"
    assert any("worker.ended" in line for line in shown)

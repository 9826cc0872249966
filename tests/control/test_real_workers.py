"""Control with real workers, real streams and the real outbox."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from e2e.live import assert_accounted
from house import KEY, ON, House
from oracle.rules import assert_f3
from origins.troubled import Picture, Stream, troubled
from recorder import Recorder, recorder
from waiting import GIVE_UP_S

from engine.catalog import Catalog
from engine.catalog.schema import AliyunNotifyConfig, CallbackRule, CallbackTemplate
from engine.catalog.templates import CALLBACK
from engine.control.windows import TaskOrder

Sample = Callable[[str], Path]
SAMPLE = "h264_aac_bframes"
SLACK_S = 1.0
GOP_S = 1.0


@pytest.fixture
def stream(sample: Sample) -> Stream:
    """Live."""
    return Stream(Picture.of(sample(SAMPLE)))


async def listen(catalog: Catalog) -> None:
    """Have everything put into the outbox."""
    dated = {"created_at": datetime.now(UTC), "updated_at": datetime.now(UTC)}
    urls = ["StreamBeginNotifyUrl", "StreamEndNotifyUrl", "RecordNotifyUrl", "RecordStatusNotifyUrl"]
    template = CallbackTemplate(
        name="t", urls=dict.fromkeys(urls, "http://h/cb"), exception_levels=[], **dated
    )
    async with catalog.begin() as session:
        await CALLBACK.add(session, template)
        await CALLBACK.add_rule(
            session, CallbackRule(domain=KEY.domain, app=KEY.app, template_id=template.id, **dated)
        )
        config = AliyunNotifyConfig(domain=KEY.domain, notify_url="http://h/ali", need_status=True, **dated)
        session.add(config)


async def push(running: Recorder, stream: Stream) -> None:
    """The publisher comes back."""
    stream.publish()
    await running.control.push_began(KEY, source="srs", params="a=b")


async def leave(running: Recorder, stream: Stream) -> None:
    stream.unpublish()
    await running.control.push_ended(KEY, code=1)


async def test_a_rule_a_task_and_a_splice_over_two_pushes(house: House, stream: Stream) -> None:
    await listen(house.catalog)
    await house.rule(await house.template(20, flv=ON, hls=ON))
    end = datetime.now(UTC) + timedelta(hours=1)
    order = TaskOrder(family="live", key=KEY, end_at=end, options={"format": "mp4"})
    async with (
        troubled({"x": stream}) as origin,
        recorder(house.catalog, house.root, origin.url("x")) as running,
    ):
        task = await running.control.create_task(order)
        await running.control.push_began(KEY, source="srs", params="a=b")
        await running.until_states("live", "live", "live")
        await running.becomes(task, "recording")
        await asyncio.sleep(2)
        await leave(running, stream)
        await running.becomes(task, "interrupted")
        await running.until_states("ended", "ended", "interrupted")
        assert not await running.files("hls")
        await push(running, stream)
        await running.until_states("ended", "ended", "live", "live", "live")
        await asyncio.sleep(2)
        await running.control.stop_task("live", task.public_id, KEY.stream)
        await leave(running, stream)
        await running.until_states("ended", "ended", "ended", "ended", "interrupted")
        await running.until_states(*["ended"] * 5)
        files = {format: await running.files(format) for format in ("flv", "mp4", "hls")}
        told = [callback.message for callback in await running.callbacks("100")]
        statuses = [callback.message for callback in await running.callbacks("332")]
        pushes = await running.callbacks("1") + await running.callbacks("0")
    assert {format: len(found) for format, found in files.items()} == {"flv": 2, "mp4": 2, "hls": 1}
    for format, found in files.items():
        paths = [house.root / file.path for file in found]
        for path in paths:
            assert_f3(path)
            if format != "hls":  # each is a recording of its own
                assert_accounted(stream, [path], SLACK_S)
    assert sorted(one["file_id"] for one in told) == sorted(f.id for found in files.values() for f in found)
    assert len(pushes) == 4
    (spliced,) = files["hls"]
    session = {row.id: row.session_id for row in await running.recordings()}[spliced.recording_id]
    of_hls = [
        one["record_event"].removeprefix("record_")
        for one in statuses
        if one["session_id"] == session and json.loads(one["record_detail"])["file_format"] == 2
    ]
    assert of_hls == ["start_succeeded", "paused", "resumed", "paused", "ended"]


async def test_a_recording_by_hand_is_stopped_and_goes_on_in_its_file(house: House, stream: Stream) -> None:
    await listen(house.catalog)
    await house.config(7, delay_s=60, formats=[{"Format": "flv"}, {"Format": "mp4"}])
    async with (
        troubled({"x": stream}) as origin,
        recorder(house.catalog, house.root, origin.url("x")) as running,
    ):
        await running.control.push_began(KEY, source="srs")
        await running.control.command(KEY, "start")
        await running.until_states("live")
        await asyncio.sleep(1)
        await running.control.command(KEY, "stop")
        await running.until_states("paused")
        await running.control.command(KEY, "start")
        await running.until_states("live")
        await asyncio.sleep(1)
        await running.control.command(KEY, "restart")
        await running.until_states("ended", "live")
        await leave(running, stream)
        await running.until_states("ended", "ended")
        events = [
            callback.event
            for event in ("record_started", "record_paused", "record_resumed", "file_created")
            for callback in await running.callbacks(event)
        ]
        files = await running.files()
    assert [file.format for file in files].count("flv") == [file.format for file in files].count("mp4") == 2
    assert events.count("record_started") == 2
    assert events.count("record_resumed") == 1
    assert events.count("file_created") == 4


async def test_a_process_that_was_killed_is_gone_on_from(
    house: House, database: str, stream: Stream, tmp_path: Path
) -> None:
    """Its tasks go on, and files it left are told of once. Its workers make them final when they notice:
    those that are when the next process looks are not recovered.
    """
    await listen(house.catalog)
    await house.rule(await house.template(flv=ON, hls=ON))
    async with troubled({"x": stream}) as origin:
        url = origin.url("x")
        program = Path(__file__).with_name("recorder.py")
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        command = [sys.executable, str(program), database, str(house.root), url]
        first = subprocess.Popen(command, env=environment)
        try:
            watched = Recorder(None, house.catalog, None)  # type: ignore[arg-type]
            await watched.until_states("live", "live")
            await asyncio.sleep(3)
        finally:
            first.send_signal(signal.SIGKILL)
            first.wait()
        before = {row.id for row in await watched.recordings()}
        assert not await watched.files()
        async with recorder(house.catalog, house.root, url) as running:
            async with asyncio.timeout(GIVE_UP_S):
                while len(await running.files("flv")) < 1:
                    await asyncio.sleep(0.1)
            assert running.control.is_live(KEY)
            await running.until_states("live", "live")
            await asyncio.sleep(2)
            assert {row.id for row in await running.recordings()} == before
            await leave(running, stream)
            await running.until_states("ended", "ended")
            files = await running.files()
            told = [callback.message["file_id"] for callback in await running.callbacks("100")]
    assert [sorted(file.format for file in files[at : at + 2]) for at in (0, 2)] == [["flv", "hls"]] * 2
    assert not any(file.is_recovered for file in files[2:])
    assert sorted(told) == sorted(file.id for file in files)
    paths = [house.root / file.path for file in files if file.format == "flv"]
    assert_accounted(stream, paths, 3.0, again_s=GOP_S)

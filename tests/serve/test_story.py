"""The whole story on one machine: settings by SDK, pushes by ffmpeg, files, callbacks, and finding them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from oracle.rules import assert_playlist
from origins.nginx_rtmp import EndOfPublish, nginx_rtmp
from origins.process import in_thread
from origins.push import push
from programs import modern_ffmpeg
from serve.server import DOMAIN, Receiver, Server, receiving, serving
from serve.story import assert_found, assert_from_source, assert_signed, path_of, settle

from engine.media.civil_time import china_text

pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore:RecordStatusNotifyUrl"),
]

Sample = Callable[[str], Path]
SAMPLE = "h264_aac_bframes"


async def test_pushed_to_the_embedded_origin(sample: Sample, database: str, tmp_path: Path) -> None:
    enabled = {"Enable": 1}
    async with receiving() as receiver, in_thread(serving(tmp_path, catalog=database)) as server:
        template = await settle(server, receiver, FlvParam=enabled, HlsParam=enabled, Mp4Param=enabled)
        source, url = sample(SAMPLE), server.push_url("x?a=b")
        async with in_thread(push(source, url, tmp_path, ffmpeg=modern_ffmpeg())) as pushing:
            state = {"AppName": "live", "DomainName": DOMAIN, "StreamName": "x"}
            await receiver.until(lambda: bool(receiver.of(332)))
            live = await asyncio.to_thread(server.tencent, "DescribeLiveStreamState", **state)
            assert live["StreamState"] == "active"
            online = await asyncio.to_thread(
                server.tencent, "DescribeLiveStreamOnlineList", DomainName=DOMAIN
            )
            assert [one["StreamName"] for one in online["OnlineInfo"]] == ["x"]
            await asyncio.sleep(3)
            await asyncio.to_thread(pushing.end)
        await receiver.until(lambda: len(receiver.of(100)) == 3 and len(receiver.of(0)) == 1)
        await receiver.until(
            lambda: sum(one["record_event"] == "record_ended" for one in receiver.of(332)) == 3
        )
        gone = await asyncio.to_thread(server.tencent, "DescribeLiveStreamState", **state)
        assert gone["StreamState"] == "inactive"
        told = receiver.of(100)
        await assert_found(server, told)
        assert_signed(receiver.got)
        assert {body["file_format"] for body in told} == {"flv", "hls", "mp4"}
        for body in told:
            assert body["stream_param"] == "a=b"
            assert body["record_temp_id"] == str(template)
            assert_from_source(source, path_of(server, body))
        (began,), (ended,) = receiver.of(1), receiver.of(0)
        assert began["sequence"] == ended["sequence"]
        assert int(ended["push_duration"]) > 2000


async def test_pulled_from_nginx_rtmp_that_tells_by_hooks(
    sample: Sample, database: str, tmp_path: Path
) -> None:
    (tmp_path / "nginx").mkdir()
    server = Server(tmp_path)
    hooks = [f"{name} {server.hook_url('nginx-rtmp')};" for name in ("on_publish", "on_publish_done")]
    async with (
        receiving() as receiver,
        in_thread(nginx_rtmp(tmp_path / "nginx", EndOfPublish.NOTIFY, hooks)) as nginx,
    ):
        origin = f'url = "{nginx.rtmp_url("{app}/{stream}")}"'
        async with in_thread(
            serving(tmp_path, catalog=database, origin=origin, api_port=server.api_port)
        ) as running:
            await settle(running, receiver, FlvParam={"Enable": 1})
            source = sample(SAMPLE)
            async with in_thread(
                push(source, nginx.rtmp_url("live/x"), tmp_path, ffmpeg=modern_ffmpeg())
            ) as pushing:
                await receiver.until(lambda: bool(receiver.of(332)))
                await asyncio.sleep(3)
                await asyncio.to_thread(pushing.end)
            await receiver.until(lambda: len(receiver.of(100)) == 1)
            told = receiver.of(100)
            await assert_found(running, told)
            assert_signed(receiver.got)
            assert_from_source(source, path_of(running, told[0]))


async def test_a_scheduled_task_across_two_pushes(sample: Sample, database: str, tmp_path: Path) -> None:
    """A window from now on; each push gives a file, and the window's end one more."""
    async with receiving() as receiver, in_thread(serving(tmp_path, catalog=database)) as server:
        await settle(server, receiver)  # a template without formats: the rule records nothing
        now = datetime.now().astimezone()
        task = await asyncio.to_thread(
            server.tencent,
            "CreateLiveRecord",
            StreamName="x",
            DomainName=DOMAIN,
            StartTime=china_text(now),
            EndTime=china_text(now + timedelta(hours=1)),
            FileFormat="flv",
        )
        for number in (1, 2):
            async with in_thread(
                push(sample(SAMPLE), server.push_url("x"), tmp_path, ffmpeg=modern_ffmpeg())
            ) as pushing:
                await receiver.until(lambda number=number: len(started(receiver)) == number)  # type: ignore[misc]
                await asyncio.sleep(2)
                await asyncio.to_thread(pushing.end)
            await receiver.until(lambda number=number: len(receiver.of(100)) == number)  # type: ignore[misc]
        assert {body["task_id"] for body in receiver.of(100)} == {str(task["TaskId"])}
        async with in_thread(push(sample(SAMPLE), server.push_url("x"), tmp_path, ffmpeg=modern_ffmpeg())):
            await receiver.until(lambda: len(started(receiver)) == 3)
            await asyncio.sleep(1)
            await asyncio.to_thread(server.tencent, "StopLiveRecord", StreamName="x", TaskId=task["TaskId"])
            await receiver.until(lambda: len(receiver.of(100)) == 3)
        for body in receiver.of(100):
            assert_from_source(sample(SAMPLE), path_of(server, body))


def started(receiver: Receiver) -> list[dict[str, Any]]:
    return [one for one in receiver.of(332) if one["record_event"] == "record_start_succeeded"]


async def test_a_splice_across_an_interruption_is_one_file_and_one_callback(
    sample: Sample, database: str, tmp_path: Path
) -> None:
    async with receiving() as receiver, in_thread(serving(tmp_path, catalog=database)) as server:
        await settle(server, receiver, HlsParam={"Enable": 1}, HlsSpecialParam={"FlowContinueDuration": 8})
        for number in (1, 2):
            async with in_thread(
                push(sample(SAMPLE), server.push_url("x"), tmp_path, ffmpeg=modern_ffmpeg())
            ) as pushing:
                await receiver.until(lambda number=number: len(receiver.of(1)) == number)  # type: ignore[misc]
                await asyncio.sleep(3)
                await asyncio.to_thread(pushing.end)
            await receiver.until(lambda number=number: len(receiver.of(0)) == number)  # type: ignore[misc]
            assert receiver.of(100) == []
        await receiver.until(lambda: len(receiver.of(100)) == 1)
        await receiver.until(lambda: receiver.of(332)[-1]["record_event"] == "record_ended")
        (told,) = receiver.of(100)
        listed = assert_playlist(path_of(server, told))
        assert {segment.run for segment in listed.segments} == {0, 1}
        assert [one["record_event"] for one in receiver.of(332)] == [
            "record_start_succeeded",
            "record_paused",
            "record_resumed",
            "record_paused",
            "record_ended",
        ]
        await assert_found(server, [told])

"""The story as Aliyun tells it: a recording on command, a signed notice, finding the file; and a push that is
cut by order."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp
import pytest
from alibabacloud_tea_openapi.exceptions import ClientException
from oracle.packets import output_packets
from origins.process import in_thread
from origins.push import push
from programs import modern_ffmpeg
from serve.server import DOMAIN, receiving, serving
from serve.story import settle

from engine.media.civil_time import iso_text

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")

KEY = "0123456789abcdef"
NAMES = {"DomainName": DOMAIN, "AppName": "live", "StreamName": "x"}
PREFIX = "record/{AppName}/{StreamName}/{Sequence}_{EscapedStartTime}_{EscapedEndTime}"


async def test_a_recording_on_command(sample: Callable[[str], Path], database: str, tmp_path: Path) -> None:
    async with receiving() as receiver, in_thread(serving(tmp_path, catalog=database)) as server:

        async def call(action: str, **members: object) -> dict[str, object]:
            return await asyncio.to_thread(server.aliyun, action, **members)

        await call(
            "AddLiveAppRecordConfig",
            DomainName=DOMAIN,
            AppName="live",
            OssBucket="b",
            OssEndpoint="oss-cn-shanghai.aliyuncs.com",
            OnDemand=7,
            RecordFormat=[{"Format": "flv", "OssObjectPrefix": PREFIX}],
        )
        await call(
            "AddLiveRecordNotifyConfig",
            DomainName=DOMAIN,
            NotifyUrl=f"{receiver.url}/notify",
            NeedStatusNotify=True,
            NotifyReqAuth=True,
            NotifyAuthKey=KEY,
        )
        with pytest.raises(ClientException) as raised:
            await call("RealTimeRecordCommand", **NAMES, Command="start")
        assert raised.value.code == "StreamNotFound"
        source = sample("h264_aac_bframes")
        async with in_thread(
            push(source, server.push_url("x?callback_a=1"), tmp_path, ffmpeg=modern_ffmpeg())
        ):
            await receiver.until(lambda: bool(server.rows("SELECT id FROM pushes")))
            await asyncio.sleep(1)
            assert not server.rows("SELECT id FROM recordings")
            await call("RealTimeRecordCommand", **NAMES, Command="start")
            await receiver.until(lambda: bool(receiver.got))
            await asyncio.sleep(2)
            await call("RealTimeRecordCommand", **NAMES, Command="stop")
            await receiver.until(lambda: receiver.got[-1].get("event") == "record_paused")
            assert not any("uri" in notice for notice in receiver.got), "held open for DelayTime"
            await call("RealTimeRecordCommand", **NAMES, Command="cancel_delay")
            await receiver.until(lambda: "uri" in receiver.got[-1])
        assert [notice.get("event") for notice in receiver.got] == ["record_started", "record_paused", None]
        notice, headers = receiver.got[-1], receiver.headers[-1]
        assert notice["push_args"] == {"callback_a": "1"}
        signed = f"127.0.0.1|{headers['ALI-LIVE-TIMESTAMP']}|{KEY}"
        assert headers["ALI-LIVE-SIGNATURE"] == hashlib.md5(signed.encode()).hexdigest()
        now = datetime.now(UTC)
        times = {
            "StartTime": iso_text(now - timedelta(hours=1)),
            "EndTime": iso_text(now + timedelta(minutes=1)),
        }
        found = await call("DescribeLiveStreamRecordIndexFiles", **NAMES, **times)
        (listed,) = found["RecordIndexInfoList"]["RecordIndexInfo"]  # type: ignore[index]
        assert listed["OssObject"] == notice["uri"]
        async with aiohttp.ClientSession() as client, client.get(listed["RecordUrl"]) as answer:
            (tmp_path / "fetched.flv").write_bytes(await answer.read())
        assert output_packets(tmp_path / "fetched.flv").video


async def test_a_push_that_is_dropped(sample: Callable[[str], Path], database: str, tmp_path: Path) -> None:
    async with receiving() as receiver, in_thread(serving(tmp_path, catalog=database)) as server:
        await settle(server, receiver, FlvParam={"Enable": 1})
        source = sample("h264_aac_bframes")
        async with in_thread(push(source, server.push_url("x"), tmp_path, ffmpeg=modern_ffmpeg())) as pushing:
            await receiver.until(lambda: bool(receiver.of(332)))
            await asyncio.sleep(1)
            await asyncio.to_thread(server.tencent, "DropLiveStream", **NAMES)
            assert await asyncio.to_thread(pushing.wait, 30) != 0
        await receiver.until(lambda: bool(receiver.of(0)) and len(receiver.of(100)) == 1)
        assert receiver.of(0)[0]["errcode"] != 0

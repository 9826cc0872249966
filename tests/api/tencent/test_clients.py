"""The vendor's other clients, tccli and the SDK for Node; and what no client of the vendor sends."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from api.rates import TENCENT
from api.tencent.other_clients import node, tccli
from api.tencent.sdk import CALL_S
from api.tencent.stage import DOMAIN, Stage
from api.vectors import KEY
from control.house import KEY as STREAM
from tencentcloud.common.common_client import CommonClient
from tencentcloud.common.credential import Credential
from tencentcloud.common.exception.tencent_cloud_sdk_exception import TencentCloudSDKException
from tencentcloud.common.profile.client_profile import ClientProfile
from tencentcloud.common.profile.http_profile import HttpProfile
from tencentcloud.live.v20180801.live_client import LiveClient
from tencentcloud.vod.v20180717.vod_client import VodClient

from engine.api.services import Services
from engine.api.tencent.dialect import LEGACY, LIVE, VOD, Legacy, Tencent
from engine.errors import ReelError

# What other clients differ in does not reach the database.
SQLITE = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


async def test_the_actions_and_how_often_they_may_be_called(stage: Stage) -> None:
    house = stage.house
    services = Services(catalog=house.catalog, control=house.control, root=house.root, public_url="")
    tencent, legacy = Tencent(services), Legacy(services)
    assert {name: action.rate for (_, name), action in tencent.actions.items()} == {
        name: rate for rate, names in TENCENT.items() for name in names
    }
    for (version, name), action in tencent.actions.items():
        assert action.name == name
        assert hasattr({LIVE: LiveClient, VOD: VodClient}[version], name)
    assert set(legacy.actions) == {
        (LEGACY, name)
        for name in ("CreateRecord", "StopRecord", "DeleteRecord", "DescribeRecordList", "DescribeRecord")
    }
    assert tencent.refusal(ReelError("a defect"), "CreateLiveRecord") is None


@pytest.mark.parametrize("method", ["POST", "GET"])
async def test_what_the_models_of_the_sdk_do_not_send(stage: Stage, method: str) -> None:
    http = HttpProfile(protocol="http", endpoint=stage.address, reqMethod=method, keepAlive=False)
    client = CommonClient(
        "live", LIVE, Credential(KEY.id, KEY.secret), "", ClientProfile(httpProfile=http, language="en-US")
    )

    async def call(action: str, **parameters: Any) -> Any:
        return await asyncio.wait_for(asyncio.to_thread(client.call_json, action, parameters), CALL_S)

    asked = {"StreamName": "s", "StartTime": stage.text(60), "EndTime": stage.text(120)}
    for more, code in (
        ({"Url": "rtmp://evil/x"}, "UnknownParameter"),
        ({"Output": "/etc"}, "UnknownParameter"),
        ({"streamName": "s"}, "UnknownParameter"),
        ({"Url": "x", "Highlight": "x"}, "UnknownParameter"),
    ):
        with pytest.raises(TencentCloudSDKException) as raised:
            await call("CreateLiveRecord", **asked, **more)
        assert raised.value.code == code
    for name in ("CreateRecord", "SearchMedia"):
        with pytest.raises(TencentCloudSDKException) as raised:
            await call(name, **asked)
        assert raised.value.code == "InvalidAction"
    words = await call("CreateLiveRecord", **asked, Highlight="0", MixStream="1", FileFormat="MP4")
    assert isinstance(words["Response"]["TaskId"], int)


@SQLITE
async def test_tccli(stage: Stage) -> None:
    async with tccli(stage.address) as cli:
        output = await cli.call(
            *("live", "CreateLiveRecordTemplate", "--TemplateName", "t"),
            *("--FlvParam", json.dumps({"Enable": 1, "RecordInterval": 60})),
        )
        id = json.loads(output)["TemplateId"]
        output = await cli.call(
            "live", "CreateLiveRecordRule", "--DomainName", DOMAIN, "--TemplateId", str(id)
        )
        assert list(json.loads(output)) == ["RequestId"]
        output = await cli.call("live", "DescribeLiveRecordTemplate", "--TemplateId", str(id))
        assert json.loads(output)["Template"]["FlvParam"]["RecordInterval"] == 60
        output = await cli.call("live", "StopLiveRecord", "--StreamName", "s", "--TaskId", "4711")
        assert "ResourceNotFound.TaskId" in output
        await stage.house.push()
        output = await cli.call("live", "CreateLiveRecord", "--StreamName", STREAM.stream, "--Highlight", "1")
        assert json.loads(output)["TaskId"] > 0
        output = await cli.call("vod", "SearchMedia", "--StreamIds", '["s"]')
        assert json.loads(output)["TotalCount"] == 0


@SQLITE
async def test_node(stage: Stage, tmp_path: Path) -> None:
    window = {"StartTime": stage.text(60), "EndTime": stage.text(120)}
    mp4 = {"Enable": 1, "VodFileName": "{StreamID}"}
    calls: list[tuple[str, dict[str, Any]]] = [
        ("CreateLiveRecordTemplate", {"TemplateName": "t", "Mp4Param": mp4, "RemoveWatermark": True}),
        ("DescribeLiveRecordTemplate", {"TemplateId": "$CreateLiveRecordTemplate.TemplateId"}),
        ("CreateLiveRecord", {"StreamName": "s", **window}),
        ("DeleteLiveRecord", {"StreamName": "other", "TaskId": "$CreateLiveRecord.TaskId"}),
        ("SearchMedia", {"StreamIds": ["s", "t"]}),
    ]
    ways = [
        (method, sign) for method in ("POST", "GET") for sign in ("TC3-HMAC-SHA256", "HmacSHA1", "HmacSHA256")
    ]
    answers = iter(await node(stage.address, tmp_path, [(*way, *call) for way in ways for call in calls]))
    for way in ways:
        _, described, task, refused, found = (next(answers) for _ in calls)
        assert described["Template"]["Mp4Param"]["VodFileName"] == "{StreamID}", way
        assert described["Template"]["RemoveWatermark"] is True
        assert task["TaskId"] > 0
        assert refused["code"] == "ResourceNotFound.TaskId"
        assert found["TotalCount"] == 0

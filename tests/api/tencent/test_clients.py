"""The vendor's other clients, tccli and the SDK for Node; and what no client of the vendor sends."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from api.tencent.stage import CALL_S, DOMAIN, Stage
from api.vectors import KEY
from control.house import KEY as STREAM
from npm import need_package
from programs import need
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

RATES = {
    500: {"CreateLiveRecord"},
    300: {"DescribeLiveStreamState"},
    20: {"CreateRecordTask", "StopRecordTask", "DeleteRecordTask", "DescribeRecordTask"},
    100: {
        "DescribeLiveStreamOnlineList",
        "DropLiveStream",
        "DescribeCallbackRecordsList",
        "SearchMedia",
        "DescribeMediaInfos",
    },
    200: {
        "StopLiveRecord",
        "DeleteLiveRecord",
        "DescribeConcurrentRecordStreamNum",
        *(f"{verb}LiveRecordRule" for verb in ("Create", "Delete")),
        *(f"{verb}LiveCallbackRule" for verb in ("Create", "Delete")),
        *(f"{verb}LiveRecordTemplate" for verb in ("Create", "Modify", "Delete", "Describe")),
        *(f"{verb}LiveCallbackTemplate" for verb in ("Create", "Modify", "Delete", "Describe")),
        "DescribeLiveRecordRules",
        "DescribeLiveCallbackRules",
        "DescribeLiveRecordTemplates",
        "DescribeLiveCallbackTemplates",
    },
}


async def test_the_actions_and_how_often_they_may_be_called(stage: Stage) -> None:
    house = stage.house
    services = Services(catalog=house.catalog, control=house.control, root=house.root, public_url="")
    tencent, legacy = Tencent(services), Legacy(services)
    assert {name: action.rate for (_, name), action in tencent.actions.items()} == {
        name: rate for rate, names in RATES.items() for name in names
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


async def run(*command: str | Path) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    output, _ = await asyncio.wait_for(process.communicate(), 2 * CALL_S)
    assert process.returncode is not None
    return process.returncode, output.decode()


async def tccli(stage: Stage, service: str, action: str, *arguments: str) -> str:
    _, output = await run(
        *(sys.executable, "-W", "ignore", "-c", "from tccli.main import main; main()"),
        *(service, action, *arguments, "--endpoint", f"http://{stage.address}"),
        *("--secretId", KEY.id, "--secretKey", KEY.secret, "--region", "ap-guangzhou"),
    )
    return output


@SQLITE
async def test_tccli(stage: Stage) -> None:
    output = await tccli(
        stage,
        *("live", "CreateLiveRecordTemplate", "--TemplateName", "t"),
        *("--FlvParam", json.dumps({"Enable": 1, "RecordInterval": 60})),
    )
    id = json.loads(output)["TemplateId"]
    output = await tccli(
        stage, "live", "CreateLiveRecordRule", "--DomainName", DOMAIN, "--TemplateId", str(id)
    )
    assert list(json.loads(output)) == ["RequestId"]
    output = await tccli(stage, "live", "DescribeLiveRecordTemplate", "--TemplateId", str(id))
    assert json.loads(output)["Template"]["FlvParam"]["RecordInterval"] == 60
    output = await tccli(stage, "live", "StopLiveRecord", "--StreamName", "s", "--TaskId", "4711")
    assert "ResourceNotFound.TaskId" in output
    await stage.house.push()
    output = await tccli(stage, "live", "CreateLiveRecord", "--StreamName", STREAM.stream, "--Highlight", "1")
    assert json.loads(output)["TaskId"] > 0
    output = await tccli(stage, "vod", "SearchMedia", "--StreamIds", '["s"]')
    assert json.loads(output)["TotalCount"] == 0


NODE = """
const [address, calls] = process.argv.slice(2);
const tencentcloud = require("tencentcloud-sdk-nodejs");
const answers = [];
async function call(reqMethod, signMethod, action, parameters) {
  const service = action === "SearchMedia" ? tencentcloud.vod.v20180717 : tencentcloud.live.v20180801;
  const client = new service.Client({
    credential: {secretId: "AKIDEXAMPLE", secretKey: "SECRETEXAMPLE"},
    region: "",
    profile: {signMethod, httpProfile: {protocol: "http://", endpoint: address, reqMethod}},
  });
  // A value like "$TaskId" is that of the answer before.
  for (const [name, value] of Object.entries(parameters))
    if (String(value).startsWith("$")) parameters[name] = answers.at(-1)[value.slice(1)];
  answers.push(await client[action](parameters).catch(({code, message}) => ({code, message})));
}
(async () => {
  for (const one of JSON.parse(calls)) await call(...one);
  console.log(JSON.stringify(answers));
})();
"""


@SQLITE
async def test_node(stage: Stage, tmp_path: Path) -> None:
    modules = need_package("tencentcloud-sdk-nodejs").parent
    script = tmp_path / "client.js"
    script.write_text(NODE)
    (tmp_path / "node_modules").symlink_to(modules)
    window = {"StartTime": stage.text(60), "EndTime": stage.text(120)}
    mp4 = {"Enable": 1, "VodFileName": "{StreamID}"}
    calls: list[tuple[str, dict[str, Any]]] = [
        ("CreateLiveRecordTemplate", {"TemplateName": "t", "Mp4Param": mp4, "RemoveWatermark": True}),
        ("DescribeLiveRecordTemplate", {"TemplateId": "$TemplateId"}),
        ("CreateLiveRecord", {"StreamName": "s", **window}),
        ("DeleteLiveRecord", {"StreamName": "other", "TaskId": "$TaskId"}),
        ("SearchMedia", {"StreamIds": ["s", "t"]}),
    ]
    ways = [
        (method, sign) for method in ("POST", "GET") for sign in ("TC3-HMAC-SHA256", "HmacSHA1", "HmacSHA256")
    ]
    whole = json.dumps([(*way, *call) for way in ways for call in calls])
    status, output = await run(need("node"), script, stage.address, whole)
    assert status == 0, output
    answers = iter(json.loads(output.splitlines()[-1]))
    for way in ways:
        _, described, task, refused, found = (next(answers) for _ in calls)
        assert described["Template"]["Mp4Param"]["VodFileName"] == "{StreamID}", way
        assert described["Template"]["RemoveWatermark"] is True
        assert task["TaskId"] > 0
        assert refused["code"] == "ResourceNotFound.TaskId"
        assert found["TotalCount"] == 0

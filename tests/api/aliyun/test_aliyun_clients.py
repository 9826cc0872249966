"""The actions, how often they may be called, and what single clients send in their own way."""

from __future__ import annotations

import asyncio
import json
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from aliyunsdkcore.client import AcsClient
from aliyunsdkcore.request import CommonRequest
from aliyunsdklive.request.v20161101.DescribeLiveRecordConfigRequest import DescribeLiveRecordConfigRequest
from api.aliyun.sdk import CALL_S, LEAVES_SOCKETS
from api.aliyun.stage import DOMAIN, PREFIX, Stage, config, staged
from api.rates import ALIYUN
from api.vectors import KEY
from control.house import House
from npm import need_package
from programs import need

from engine.api.aliyun import aliyun
from engine.api.rates import Rates
from engine.api.services import Services
from engine.errors import ReelError

# What clients differ in does not reach the database.
SQLITE = pytest.mark.parametrize("database", ["sqlite"], indirect=True)

pytestmark = LEAVES_SOCKETS


@SQLITE
async def test_the_actions_and_how_often_they_may_be_called(house: House) -> None:
    services = Services(catalog=house.catalog, control=house.control, root=house.root, public_url="")
    dialect = aliyun(services)
    assert {name: (version, action.rate) for (version, name), action in dialect.actions.items()} == {
        name: ("2016-11-01", rate) for rate, names in ALIYUN.items() for name in names
    }
    assert all(action.name == name for (_, name), action in dialect.actions.items())
    assert dialect.refusal(ReelError("a defect"), "RealTimeRecordCommand") is None


@SQLITE
@pytest.mark.parametrize("client", ["acs3", "v2", "old"])
async def test_too_often(house: House, client: str) -> None:
    async with staged(house, rates=Rates(clock=lambda: 1.0)) as stage:
        stage = stage.by(client)
        for _ in range(30):
            await stage.call("DescribeLiveRecordConfig", DomainName=DOMAIN)
        refused = await stage.refused("DescribeLiveRecordConfig", DomainName=DOMAIN)
        assert (refused.status, refused.code) == (400, "Throttling.User")


def common(stage: Stage, action: str) -> CommonRequest:
    """The old client's way to call what it has no class for."""
    request = CommonRequest()
    request.set_domain(stage.address)
    request.set_version("2016-11-01")
    request.set_action_name(action)
    request.set_protocol_type("http")
    request.set_method("POST")
    return request


async def sent(request: CommonRequest) -> bytes:
    client = AcsClient(KEY.id, KEY.secret, "cn-shanghai", auto_retry=False)
    call = asyncio.to_thread(client.do_action_with_exception, request)
    return bytes(await asyncio.wait_for(call, CALL_S))


@SQLITE
@pytest.mark.parametrize("is_form", [False, True])
async def test_what_is_not_known_is_ignored(stage: Stage, is_form: bool) -> None:
    """In a query or in a form; the numbers of repeated parameters need not follow each other."""
    request = common(stage, "AddLiveAppRecordConfig")
    parameters = {
        "DomainName": DOMAIN,
        "AppName": "live",
        "OssBucket": "b",
        "OssEndpoint": "e.example.com",
        "RecordFormat.1.Format": "flv",
        "RecordFormat.1.OssObjectPrefix": PREFIX,
        "RecordFormat.7.Format": "mp4",
        "RecordFormat.7.OssObjectPrefix": PREFIX,
        "RecordFormat.7.Colour": "red",
        "TranscodeTemplates.2": "hd",
        "TranscodeTemplates.1": "sd",
        "OwnerId": "1",
        "SecurityToken": "t",
        "ResourceOwnerAccount": "",
        "Url": "rtmp://evil/x",
        "Url.1": "x",
    }
    for name, value in parameters.items():
        (request.add_body_params if is_form else request.add_query_param)(name, value)
    assert list(json.loads(await sent(request))) == ["RequestId"]
    answer = await stage.call("DescribeLiveRecordConfig", DomainName=DOMAIN)
    (found,) = answer["LiveAppRecordList"]["LiveAppRecord"]
    assert [one["Format"] for one in found["RecordFormatList"]["RecordFormat"]] == ["flv", "mp4"]
    assert found["TranscodeTemplates"] == {"Templates": ["sd", "hd"]}


@SQLITE
@pytest.mark.filterwarnings("ignore:.*do_action:DeprecationWarning")  # the other way always asks for JSON
async def test_xml(stage: Stage) -> None:
    await stage.configure(TranscodeTemplates=["sd", "hd"])
    request = DescribeLiveRecordConfigRequest()
    request.set_endpoint(stage.address)
    request.set_protocol_type("http")
    request.set_accept_format("xml")
    request.set_DomainName(DOMAIN)
    client = AcsClient(KEY.id, KEY.secret, "cn-shanghai", auto_retry=False)
    answer = await asyncio.wait_for(asyncio.to_thread(client.do_action, request), CALL_S)
    root = ET.fromstring(answer)
    assert root.tag == "DescribeLiveRecordConfigResponse"
    record = "LiveAppRecordList/LiveAppRecord/"
    assert root.findtext(record + "OnDemond") == "0"
    assert root.findtext(record + "RecordFormatList/RecordFormat/Format") == "flv"
    templates = root.findall(record + "TranscodeTemplates/Templates")
    assert [one.text for one in templates] == ["sd", "hd"]


NODE = """
const [address, calls] = process.argv.slice(2);
const {RPCClient} = require("@alicloud/pop-core");
const client = new RPCClient({
  accessKeyId: "AKIDEXAMPLE", accessKeySecret: "SECRETEXAMPLE",
  endpoint: `http://${address}`, apiVersion: "2016-11-01",
});
const answers = [];
(async () => {
  for (const [method, action, parameters] of JSON.parse(calls))
    answers.push(await client.request(action, parameters, {method}).catch(({code, name}) => ({code, name})));
  console.log(JSON.stringify(answers));
})();
"""


@SQLITE
async def test_node(stage: Stage, tmp_path: Path) -> None:
    """Of a POST all parameters are in a form, the signature included."""
    modules = need_package("@alicloud/pop-core").parent.parent
    script = tmp_path / "client.js"
    script.write_text(NODE)
    (tmp_path / "node_modules").symlink_to(modules)
    await stage.house.push()
    names = {"DomainName": DOMAIN, "AppName": "*"}
    calls = [
        ("AddLiveAppRecordConfig", config("flv", "m3u8", OnDemand=7)),
        ("AddLiveAppRecordConfig", config("flv")),
        ("DescribeLiveRecordConfig", {"DomainName": DOMAIN}),
        ("RealTimeRecordCommand", {**names, "StreamName": "s", "AppName": "live", "Command": "restart"}),
        ("DeleteLiveAppRecordConfig", names),
        ("Fly", {}),
    ]
    whole = json.dumps([(method, *call) for method in ("POST", "GET") for call in calls])
    process = await asyncio.create_subprocess_exec(
        need("node"), script, stage.address, whole, stdout=asyncio.subprocess.PIPE
    )
    output, _ = await asyncio.wait_for(process.communicate(), 2 * CALL_S)
    assert process.returncode == 0
    answers = iter(json.loads(output.splitlines()[-1]))
    for method in ("POST", "GET"):
        added, refused, described, command, deleted, unknown = (next(answers) for _ in calls)
        assert list(added) == list(command) == list(deleted) == ["RequestId"], method
        assert refused["code"] == "ConfigAlreadyExists"
        (record,) = described["LiveAppRecordList"]["LiveAppRecord"]
        formats = record["RecordFormatList"]["RecordFormat"]
        assert [one["Format"] for one in formats] == ["flv", "m3u8"]
        assert unknown["code"] == "InvalidAction.NotFound"

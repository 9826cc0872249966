"""Each action of the contract by each official client, against `reel serve`; and errors with their codes."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from api.aliyun.sdk import CLIENTS, LEAVES_SOCKETS, AliyunSdk
from api.aliyun.stage import config
from api.rates import ALIYUN, TENCENT
from api.tencent.legacy_sdk import call as legacy
from api.tencent.other_clients import node, tccli
from api.tencent.sdk import TencentSdk
from origins.process import in_thread
from serve.server import DOMAIN, Server, serving

from engine.media.civil_time import china_text, iso_text

pytestmark = [LEAVES_SOCKETS, pytest.mark.filterwarnings("ignore:RecordStatusNotifyUrl")]

Call = tuple[str, dict[str, Any]]
"""An action and its parameters; a value like `$CreateLiveRecord.TaskId` is that of the last answer to that
action."""


@pytest_asyncio.fixture
async def server(database: str, tmp_path: Path) -> AsyncIterator[Server]:
    async with in_thread(serving(tmp_path, catalog=database)) as server:
        yield server


def tencent_calls() -> list[Call]:
    now = datetime.now(UTC)
    place = {"DomainName": DOMAIN, "AppName": "live"}
    stream = {**place, "StreamName": "s"}
    day = {"StartTime": china_text(now - timedelta(hours=1)), "EndTime": china_text(now)}
    window = {
        "StartTime": china_text(now + timedelta(hours=1)),
        "EndTime": china_text(now + timedelta(hours=2)),
    }
    begins = int(time.time())
    template = {"TemplateId": "$CreateLiveRecordTemplate.TemplateId"}
    told = {"TemplateId": "$CreateLiveCallbackTemplate.TemplateId"}
    task = {"StreamName": "s", "TaskId": "$CreateLiveRecord.TaskId"}
    return [
        ("CreateLiveRecordTemplate", {"TemplateName": "t", "FlvParam": {"Enable": 1, "RecordInterval": 60}}),
        ("ModifyLiveRecordTemplate", {**template, "Description": "of a test"}),
        ("DescribeLiveRecordTemplate", template),
        ("DescribeLiveRecordTemplates", {}),
        ("CreateLiveRecordRule", {**stream, **template}),
        ("DescribeLiveRecordRules", {}),
        ("DeleteLiveRecordRule", stream),
        ("DeleteLiveRecordTemplate", template),
        (
            "CreateLiveCallbackTemplate",
            {"TemplateName": "t", "RecordNotifyUrl": "http://h/cb", "RecordExceptionLevels": ["error"]},
        ),
        ("ModifyLiveCallbackTemplate", {**told, "CallbackKey": "k"}),
        ("DescribeLiveCallbackTemplate", told),
        ("DescribeLiveCallbackTemplates", {}),
        ("CreateLiveCallbackRule", {**place, **told}),
        ("DescribeLiveCallbackRules", {}),
        ("DeleteLiveCallbackRule", place),
        ("DeleteLiveCallbackTemplate", told),
        ("CreateLiveRecord", {**stream, **window}),
        ("StopLiveRecord", task),
        ("DeleteLiveRecord", task),
        ("CreateRecordTask", {**stream, "StartTime": begins + 60, "EndTime": begins + 600}),
        ("DescribeRecordTask", {"StartTime": begins, "EndTime": begins + 3600}),
        ("StopRecordTask", {"TaskId": "$CreateRecordTask.TaskId"}),
        ("DeleteRecordTask", {"TaskId": "$CreateRecordTask.TaskId"}),
        ("DescribeLiveStreamState", stream),
        ("DescribeLiveStreamOnlineList", {}),
        ("DropLiveStream", stream),
        ("DescribeConcurrentRecordStreamNum", {"LiveType": "NormalLive", **day}),
        ("DescribeCallbackRecordsList", {**day, "StreamName": "s", "PageNum": 1, "PageSize": 10}),
        ("SearchMedia", {"StreamIds": ["s"]}),
        ("DescribeMediaInfos", {"FileIds": ["4711"]}),
    ]


def filled(parameters: dict[str, Any], answers: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """With what earlier answers say."""
    full = dict(parameters)
    for name, value in parameters.items():
        if isinstance(value, str) and value.startswith("$"):
            action, member = value[1:].split(".")
            full[name] = answers[action][member]
    return full


def assert_tencent(answers: dict[str, dict[str, Any]]) -> None:
    """What each client must have found in the last answers to each action."""
    assert set(answers) == set().union(*TENCENT.values())
    template = answers["DescribeLiveRecordTemplate"]["Template"]
    assert (template["Description"], template["FlvParam"]["RecordInterval"]) == ("of a test", 60)
    assert [one["StreamName"] for one in answers["DescribeLiveRecordRules"]["Rules"]] == ["s"]
    assert answers["DescribeLiveCallbackTemplate"]["Template"]["CallbackKey"] == "k"
    assert [one["AppName"] for one in answers["DescribeLiveCallbackRules"]["Rules"]] == ["live"]
    (task,) = answers["DescribeRecordTask"]["TaskList"]
    assert task["TaskId"] == answers["CreateRecordTask"]["TaskId"]
    assert answers["DescribeLiveStreamState"]["StreamState"] == "inactive"
    assert answers["DescribeMediaInfos"]["NotExistFileIdSet"] == ["4711"]
    assert answers["SearchMedia"]["TotalCount"] == 0


TENCENT_ERRORS: list[tuple[Call, str]] = [
    (("StopLiveRecord", {"StreamName": "s", "TaskId": 4711}), "ResourceNotFound.TaskId"),
    (("StopRecordTask", {"TaskId": "4711"}), "InvalidParameter"),
    (("DescribeLiveRecordTemplate", {"TemplateId": 4711}), "InternalError.ConfNotFound"),
    (("CreateLiveRecordRule", {"DomainName": DOMAIN, "TemplateId": 4711}), "InvalidParameter.ConfNotFound"),
    (("DeleteLiveCallbackRule", {"DomainName": DOMAIN, "AppName": "live"}), "FailedOperation.NotFound"),
    (("CreateLiveRecord", {"StreamName": "s", "Highlight": 1}), "ResourceUnavailable.StreamNotExist"),
    (("DescribeMediaInfos", {"FileIds": []}), "InvalidParameterValue.FileIdsEmpty"),
]


async def test_tencents_sdk_for_python(server: Server) -> None:
    for method, sign in product(("POST", "GET"), ("TC3-HMAC-SHA256", "HmacSHA1", "HmacSHA256")):
        sdk = TencentSdk(port=server.api_port, method=method, sign=sign)
        answers: dict[str, dict[str, Any]] = {}
        for action, parameters in tencent_calls():
            answers[action] = await sdk.members(action, **filled(parameters, answers))
        assert_tencent(answers)
        for (action, parameters), code in TENCENT_ERRORS:
            if parameters.get("FileIds") != [] or method != "GET":  # an empty list has no place in a query
                assert await sdk.code(action, **parameters) == code


async def test_tencents_sdk_for_node(server: Server, tmp_path: Path) -> None:
    calls = tencent_calls()
    more = [call for call, _ in TENCENT_ERRORS]
    ways = [("POST", "TC3-HMAC-SHA256"), ("GET", "TC3-HMAC-SHA256"), ("POST", "HmacSHA256")]
    for number, way in enumerate(ways):
        (folder := tmp_path / f"node{number}").mkdir()
        whole = [(*way, *call) for call in [*calls, *more]]
        answers = await node(f"127.0.0.1:{server.api_port}", folder, whole)
        assert_tencent({action: answer for (action, _), answer in zip(calls, answers, strict=False)})
        for (_, code), answer in zip(TENCENT_ERRORS, answers[len(calls) :], strict=True):
            if not (code.endswith("FileIdsEmpty") and way[0] == "GET"):
                assert answer["code"] == code


async def test_tccli(server: Server) -> None:
    answers: dict[str, dict[str, Any]] = {}
    async with tccli(f"127.0.0.1:{server.api_port}") as cli:
        for action, parameters in tencent_calls():
            arguments: list[str] = []
            for name, value in filled(parameters, answers).items():
                arguments += [f"--{name}", value if isinstance(value, str) else json.dumps(value)]
            service = "vod" if action in ("SearchMedia", "DescribeMediaInfos") else "live"
            answers[action] = json.loads(await cli.call(service, action, *arguments))
        assert_tencent(answers)
        printed = await cli.call("live", "StopLiveRecord", "--StreamName", "s", "--TaskId", "4711")
        assert "ResourceNotFound.TaskId" in printed


async def test_tencents_legacy_sdk(server: Server) -> None:
    sdk = TencentSdk(port=server.api_port)
    now = datetime.now(UTC)
    window = {
        "startTime": china_text(now + timedelta(hours=1)),
        "endTime": china_text(now + timedelta(hours=2)),
    }
    made = await legacy(sdk, "CreateRecord", channelId="s", tapeType=0, **window)
    assert made["code"] == 0
    task = {"channelId": "s", "taskId": made["task_id"]}
    listed = await legacy(sdk, "DescribeRecordList", method="POST", sign="HmacSHA256", channelId="s")
    assert [one["id"] for one in listed["taskSet"]] == [made["task_id"]]
    assert (await legacy(sdk, "DescribeRecord", **task))["fileSet"] == []
    for action in ("StopRecord", "DeleteRecord"):
        assert (await legacy(sdk, action, **task))["code"] == 0
    assert (await legacy(sdk, "StopRecord", channelId="s", taskId=4711))["code"] == 5000


async def test_aliyuns_sdks(server: Server) -> None:
    now = datetime.now(UTC)
    stream = {"DomainName": DOMAIN, "AppName": "live", "StreamName": "s"}
    times = {"StartTime": iso_text(now - timedelta(hours=1)), "EndTime": iso_text(now)}
    bucket = {"OssEndpoint": "oss-cn-shanghai.aliyuncs.com", "OssBucket": "b", "OssObject": "o.m3u8"}
    place = {"DomainName": DOMAIN, "AppName": "*"}
    pages = {"PageNumber": 1, "PageSize": 10}
    calls: list[Call] = [
        ("AddLiveAppRecordConfig", config("flv", "m3u8", OnDemand=7)),
        ("UpdateLiveAppRecordConfig", {**place, "OssEndpoint": bucket["OssEndpoint"], "DelayTime": 60}),
        ("DescribeLiveRecordConfig", {"DomainName": DOMAIN}),
        ("RealTimeRecordCommand", {**stream, "Command": "restart"}),
        ("DescribeLiveStreamRecordContent", {**stream, **times}),
        ("DescribeLiveStreamRecordIndexFiles", {**stream, **times}),
        ("CreateLiveStreamRecordIndexFiles", {**stream, **times, **bucket}),
        ("AddLiveRecordNotifyConfig", {"DomainName": DOMAIN, "NotifyUrl": "http://127.0.0.1:9/n"}),
        ("UpdateLiveRecordNotifyConfig", {"DomainName": DOMAIN, "NotifyUrl": "http://127.0.0.1:9/m"}),
        ("DescribeLiveRecordNotifyConfig", {"DomainName": DOMAIN}),
        ("DescribeLiveRecordNotifyRecords", {"DomainName": DOMAIN, **times, **pages}),
        ("DeleteLiveRecordNotifyConfig", {"DomainName": DOMAIN}),
        ("DeleteLiveAppRecordConfig", place),
    ]
    assert {action for action, _ in calls} == set().union(*ALIYUN.values())
    refused = {
        "RealTimeRecordCommand": (409, "StreamNotFound"),  # nobody publishes it
        "CreateLiveStreamRecordIndexFiles": (404, "InvalidStream.NotFound"),
    }
    for client in CLIENTS:
        sdk = AliyunSdk(port=server.api_port, client=client)
        answers: dict[str, dict[str, Any]] = {}
        for action, parameters in calls:
            if action in refused:
                error = await sdk.refused(action, **parameters)
                assert (error.status, error.code) == refused[action]
            else:
                answers[action] = await sdk.call(action, **parameters)
        (found,) = answers["DescribeLiveRecordConfig"]["LiveAppRecordList"]["LiveAppRecord"]
        assert (found["DelayTime"], found["OnDemond"]) == (60, 7)
        told = answers["DescribeLiveRecordNotifyConfig"]["LiveRecordNotifyConfig"]
        assert told["NotifyUrl"] == "http://127.0.0.1:9/m"
        for action, parameters in calls[-2:]:
            assert await sdk.code(action, **parameters) in (
                "CodeConfigNotFound",
                "InvalidNotifyConfig.NotFound",
            )

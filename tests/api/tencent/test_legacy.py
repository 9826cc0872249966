"""The legacy v2 actions, by the SDK of their time."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from api.tencent.legacy_sdk import call
from api.tencent.stage import GUEST, Stage, staged
from api.vectors import KEY
from control.house import KEY as STREAM
from control.house import House

from engine.catalog import tasks


async def code(stage: Stage, action: str, **parameters: Any) -> int:
    answer = await call(stage, action, **parameters)
    assert answer["message"]
    return int(answer["code"])


async def members(stage: Stage, action: str, **parameters: Any) -> dict[str, Any]:
    answer = await call(stage, action, **parameters)
    assert (answer.pop("code"), answer.pop("message"), answer.pop("codeDesc")) == (0, "", "Success"), answer
    assert answer.pop("requestId")
    return answer


def window(stage: Stage, begins_s: float = 60, lasts_s: float = 3600) -> dict[str, Any]:
    return {
        "channelId": STREAM.stream,
        "tapeType": 0,
        "startTime": stage.text(begins_s),
        "endTime": stage.text(begins_s + lasts_s),
    }


async def create(stage: Stage, **parameters: Any) -> int:
    answer = await members(stage, "CreateRecord", **{**window(stage), **parameters})
    assert list(answer) == ["task_id"]
    return int(answer["task_id"])


@pytest.mark.parametrize("sign", ["HmacSHA1", "HmacSHA256"])
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_scheduled_task(stage: Stage, method: str, sign: str) -> None:
    id = await create(stage, method=method, sign=sign)
    async with stage.house.catalog.read() as session:
        task = await tasks.get(session, "legacy", str(id))
    assert task is not None
    assert (task.domain, task.app, task.stream) == (STREAM.domain, "live", STREAM.stream)
    assert task.options == {"type": "video", "format": "flv", "interval_s": 1800, "storage_s": 0}
    named = {"channelId": STREAM.stream, "taskId": id, "method": method, "sign": sign}
    assert await members(stage, "StopRecord", **named) == {}
    assert await members(stage, "DeleteRecord", **named) == {}
    assert await code(stage, "DeleteRecord", **named) == 5000


async def test_real_time(stage: Stage) -> None:
    """The vendor's sample names no beginning."""
    asked = {"channelId": STREAM.stream, "tapeType": 1, "endTime": stage.text(86400)}
    assert await code(stage, "CreateRecord", **asked) == 5000
    await stage.house.push()
    await members(stage, "CreateRecord", **asked)
    [id] = await stage.house.runs("flv")
    assert stage.house.fleet.specs[id].interval == 1800
    [task] = (await members(stage, "DescribeRecordList", channelId=STREAM.stream))["taskSet"]
    assert (task["startTime"], task["endTime"]) == (stage.text(0), stage.text(1800))


async def test_tasks_and_their_files(stage: Stage) -> None:
    house = stage.house
    running = await create(stage, **window(stage, -10))
    waits = await create(stage)
    await create(stage, channelId="other")
    await house.push()
    [recording] = await house.runs("flv")
    for name in ("a.flv", "b.flv"):
        await house.fleet.file(recording, name)
    listed = await members(stage, "DescribeRecordList", channelId=STREAM.stream)
    assert listed == {
        "totalCount": 2,
        "taskSet": [
            {
                "id": waits,
                "startTime": stage.text(60),
                "endTime": stage.text(3660),
                "status": 0,
                "count": 0,
            },
            {
                "id": running,
                "startTime": stage.text(-10),
                "endTime": stage.text(3590),
                "status": 1,
                "count": 2,
            },
        ],
    }
    page = await members(stage, "DescribeRecordList", channelId=STREAM.stream, pageNo=2, pageSize=1)
    assert page == {"totalCount": 2, "taskSet": listed["taskSet"][1:]}

    named = {"channelId": STREAM.stream, "taskId": running}
    found = await members(stage, "DescribeRecord", **named)
    assert found["totalCount"] == 2
    rows = {row.id: row for row in await house.files()}
    assert found["fileSet"] == [
        {"fileId": id, "startTime": stage.text(-5), "endTime": stage.text(0), "fileName": rows[id].name}
        for id in sorted(rows)
    ]
    second = await members(stage, "DescribeRecord", **named, pageNo=2, pageSize=1)
    assert second == {"totalCount": 2, "fileSet": found["fileSet"][1:]}

    await members(stage, "StopRecord", **named)
    await house.runs()
    house.clock.forward(3 * 3600)
    await house.push()
    while True:  # the other task's window ends with nothing recorded
        tasks_now = (await members(stage, "DescribeRecordList", channelId=STREAM.stream))["taskSet"]
        if [task["status"] for task in tasks_now] == [3, 2]:
            break
    house.clock.forward(61 * 86400)
    assert await members(stage, "DescribeRecordList", channelId=STREAM.stream) == {
        "totalCount": 0,
        "taskSet": [],
    }


REFUSED: list[tuple[str, dict[str, Any], int]] = [
    ("CreateRecord", {"channelId": ""}, 4000),
    ("CreateRecord", {"channelId": "a/b"}, 4000),
    ("CreateRecord", {"tapeType": ""}, 4000),
    ("CreateRecord", {"tapeType": 2}, 4000),
    ("CreateRecord", {"startTime": ""}, 4000),
    ("CreateRecord", {"startTime": "now"}, 4000),
    ("CreateRecord", {"endTime": ""}, 4000),
    ("CreateRecord", {"endTime": "2016-01-21 12:00:00"}, 4000),
    ("CreateRecord", {"startTime": "2026-03-01 12:00:00", "endTime": "2026-03-02 12:00:01"}, 4000),
    ("StopRecord", {"taskId": 4711}, 5000),
    ("StopRecord", {"taskId": "x"}, 4000),
    ("StopRecord", {"taskId": ""}, 4000),
    ("DescribeRecord", {"taskId": 4711}, 5000),
    ("DescribeRecordList", {"pageSize": 0}, 4000),
    ("RecordAll", {}, 6100),
]


async def test_what_is_refused(stage: Stage) -> None:
    for action, changes, number in REFUSED:
        asked = {**window(stage), **changes}
        assert await code(stage, action, **asked) == number, (action, changes)


async def test_a_running_task_is_not_deleted_and_families_are_apart(stage: Stage) -> None:
    id = await create(stage, **window(stage, -10))
    named = {"channelId": STREAM.stream, "taskId": id}
    assert await code(stage, "DeleteRecord", **named) == 5100
    assert await code(stage, "StopRecord", **{**named, "channelId": "other"}) == 5000
    answer = await stage.code("StopLiveRecord", StreamName=STREAM.stream, TaskId=id)
    assert answer == "ResourceNotFound.TaskId"


async def test_quotas(shut_house: House) -> None:
    shut_house.quotas = replace(shut_house.quotas, daily=1)
    async with shut_house.open(), staged(shut_house) as stage:
        await create(stage)
        assert await code(stage, "CreateRecord", **window(stage, 120)) == 4400


async def test_channels_are_of_the_only_domain(house: House) -> None:
    async with staged(house, domain="") as stage:
        assert await code(stage, "CreateRecord", **window(stage)) == 4000
    async with staged(house) as stage:
        stage.key = GUEST
        assert await code(stage, "CreateRecord", **window(stage)) == 4101
        assert await code(stage, "DescribeRecordList", channelId=STREAM.stream) == 4101
        stage.key = replace(KEY, secret="other")
        assert await code(stage, "CreateRecord", **window(stage)) == 4100

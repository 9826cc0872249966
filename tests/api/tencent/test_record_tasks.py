"""CreateRecordTask, StopRecordTask, DeleteRecordTask, DescribeRecordTask."""

from __future__ import annotations

from typing import Any

import pytest
from api.tencent.stage import DOMAIN, Stage
from control.house import KEY as STREAM

from engine.catalog import tasks
from engine.catalog.schema import Task
from engine.control.streams import StreamKey
from engine.control.windows import TaskOrder

NAMED = {"StreamName": STREAM.stream, "DomainName": DOMAIN, "AppName": "live"}
DAY = 86400


async def create(stage: Stage, begins_s: int | None = None, lasts_s: int = 3600, **parameters: Any) -> str:
    end = stage.unix((begins_s or 0) + lasts_s)
    start = {} if begins_s is None else {"StartTime": stage.unix(begins_s)}
    answer = await stage.call("CreateRecordTask", **{**NAMED, **start, "EndTime": end, **parameters})
    assert isinstance(answer.TaskId, str)
    return answer.TaskId


async def task_of(stage: Stage, id: str) -> Task:
    async with stage.house.catalog.read() as session:
        task = await tasks.get(session, "record", id)
    assert task is not None
    return task


async def listed(stage: Stage, **more: Any) -> list[str]:
    span = {"StartTime": stage.unix(-DAY), "EndTime": stage.unix(6 * DAY)}
    return [task.TaskId for task in (await stage.call("DescribeRecordTask", **{**span, **more})).TaskList]


@pytest.mark.parametrize("method", ["POST", "GET"])
async def test_there_and_back(stage: Stage, method: str) -> None:
    stage.method = method
    later = await create(stage, 7200, 24 * 3600, StreamType=1, TemplateId=99, Extension="x")
    now = await create(stage, StartTime=0)
    assert later.isalnum()
    assert later != now
    task = await task_of(stage, later)
    assert (task.is_mixed, task.template_id, task.state) == (True, 99, "armed")
    found = await stage.members(
        "DescribeRecordTask", StartTime=stage.unix(), EndTime=stage.unix(7 * DAY), **NAMED
    )
    names = {**NAMED, "Stopped": 0}
    assert found == {
        "ScrollToken": "",
        "TaskList": [
            {
                "TaskId": now,
                "StartTime": stage.unix(),
                "EndTime": stage.unix(3600),
                "TemplateId": 0,
                **names,
            },
            {
                "TaskId": later,
                "StartTime": stage.unix(7200),
                "EndTime": stage.unix(7200 + 24 * 3600),
                "TemplateId": 99,
                **names,
            },
        ],
    }


async def test_a_task_of_a_template_and_one_of_none(stage: Stage) -> None:
    """A template that is not there is no error: HLS is recorded."""
    template = await stage.call("CreateLiveRecordTemplate", TemplateName="t", Mp4Param={"Enable": 1})
    mp4 = await create(stage, TemplateId=template.TemplateId)
    hls = await create(stage, TemplateId=4711)
    await stage.house.push()
    await stage.house.runs("mp4", "hls")
    await stage.call("StopRecordTask", TaskId=mp4)
    await stage.house.runs("hls")
    await stage.call("DeleteRecordTask", TaskId=hls)
    await stage.house.runs("hls")
    await stage.house.leave()
    await stage.house.push()
    await stage.house.runs()


async def test_three_tasks_record_a_stream_at_once(stage: Stage) -> None:
    ids = [await create(stage) for _ in range(4)]
    await stage.house.push()
    await stage.house.runs("hls", "hls", "hls")
    states = [(await task_of(stage, id)).state for id in ids]
    assert states[3] == "waiting"
    await stage.call("StopRecordTask", TaskId=ids[0])
    await stage.house.runs("hls", "hls", "hls")


async def test_stopped_says_when(stage: Stage) -> None:
    id = await create(stage)
    stage.house.clock.forward(60)
    stopped_at = stage.unix()
    await stage.call("StopRecordTask", TaskId=id)
    stage.house.clock.forward(60)
    await stage.call("StopRecordTask", TaskId=id)
    found = await stage.call("DescribeRecordTask", StartTime=stage.unix(-DAY), EndTime=stage.unix(DAY))
    assert [task.Stopped for task in found.TaskList] == [stopped_at]


async def test_deleted_tasks_are_not_listed(stage: Stage) -> None:
    gone, left = await create(stage), await create(stage, 60)
    await stage.call("DeleteRecordTask", TaskId=gone)
    assert await listed(stage) == [left]
    for action in ("StopRecordTask", "DeleteRecordTask"):
        assert await stage.code(action, TaskId=gone) == "InvalidParameter"
        assert await stage.code(action) == "MissingParameter"


async def test_only_whole_windows_of_the_named_are_listed(stage: Stage) -> None:
    id = await create(stage, 60, 60)
    await create(stage, 60, 7 * 3600)
    await create(stage, 60, 60, StreamName="other")
    window = {"StartTime": stage.unix(60), "EndTime": stage.unix(120)}
    assert await listed(stage, **window, StreamName=STREAM.stream) == [id]
    assert len(await listed(stage, **window)) == 2
    assert await listed(stage, **window, AppName="other") == []
    assert await listed(stage, **{**window, "StartTime": stage.unix(61)}) == []


async def test_pages(stage: Stage) -> None:
    house, ids = stage.house, []
    for number in range(205):
        order = house.order("record", begins_s=60 + number // 10)
        task = await house.control.create_task(
            TaskOrder(
                family="record",
                key=StreamKey(DOMAIN, "live", f"s{number}"),
                start_at=order.start_at,
                end_at=order.end_at,
            )
        )
        ids.append(task.public_id)
    found: list[str] = []
    sizes: list[int] = []
    token = ""
    while token or not sizes:
        page = await stage.call(
            "DescribeRecordTask", StartTime=stage.unix(), EndTime=stage.unix(DAY), ScrollToken=token
        )
        found += [task.TaskId for task in page.TaskList]
        sizes.append(len(page.TaskList))
        token = page.ScrollToken
    assert found == ids
    assert sizes == [100, 100, 5]
    span = {"StartTime": stage.unix(), "EndTime": stage.unix(DAY)}
    for bad in ("x", "AAAA", "/w==", "é"):
        assert await stage.code("DescribeRecordTask", **span, ScrollToken=bad) == "InvalidParameter"


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"StreamName": None}, "MissingParameter"),
    ({"DomainName": ""}, "MissingParameter"),
    ({"AppName": None}, "MissingParameter"),
    ({"EndTime": None}, "MissingParameter"),
    ({"StreamName": "a/b"}, "InvalidParameter"),
    ({"DomainName": "a/b"}, "InvalidParameter"),
    ({"StreamType": 2}, "InvalidParameter"),
    ({"EndTime": "x"}, "InvalidParameter"),
    ({"EndTime": 2**62}, "InvalidParameter"),
    ({"EndTime": -5}, "InvalidParameter"),
]


async def test_what_is_refused(stage: Stage) -> None:
    for parameters, code in REFUSED:
        asked = {**NAMED, "EndTime": stage.unix(60), **parameters}
        assert await stage.code("CreateRecordTask", **asked) == code, parameters


WINDOWS = [
    (None, 0, False),
    (None, -1, False),
    (None, DAY, True),
    (None, DAY + 1, False),
    (-10, 10, True),
    (-DAY, 1, False),
    (60, 60, False),
    (60, 59, False),
    (60, 61, True),
    (6 * DAY, 7 * DAY - 1, True),
    (6 * DAY, 7 * DAY, False),
    (6 * DAY + 1, 7 * DAY - 1, False),
]
"""From when to when, in seconds from now, and whether that is taken."""


async def test_windows(stage: Stage) -> None:
    for start_s, end_s, is_taken in WINDOWS:
        start = {} if start_s is None else {"StartTime": stage.unix(start_s)}
        asked = {**NAMED, **start, "EndTime": stage.unix(end_s)}
        if is_taken:
            await stage.call("CreateRecordTask", **asked)
        else:
            assert await stage.code("CreateRecordTask", **asked) == "InvalidParameter", (start_s, end_s)


async def test_spans(stage: Stage) -> None:
    now = stage.unix()
    for asked, code in (
        ({"StartTime": now}, "MissingParameter"),
        ({"EndTime": now}, "MissingParameter"),
        ({"StartTime": now, "EndTime": now}, "InvalidParameter"),
        ({"StartTime": now, "EndTime": now + 7 * DAY + 1}, "InvalidParameter"),
        ({"StartTime": now - 90 * DAY - 1, "EndTime": now - 89 * DAY}, "InvalidParameter"),
    ):
        assert await stage.code("DescribeRecordTask", **asked) == code, asked


async def test_a_key_of_one_domain(stage: Stage) -> None:
    guest = stage.as_guest()
    theirs = await create(stage)
    assert await guest.code("CreateRecordTask", **NAMED, EndTime=stage.unix(60)) == "UnauthorizedOperation"
    for action in ("StopRecordTask", "DeleteRecordTask"):
        assert await guest.code(action, TaskId=theirs) == "InvalidParameter"
    mine = await create(guest, DomainName="guest.example.com")
    assert await listed(guest) == [mine]
    assert await listed(stage) == [theirs, mine]

"""CreateLiveRecord, StopLiveRecord, DeleteLiveRecord."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from api.tencent.stage import DOMAIN, WAYS, Stage, staged
from control.house import KEY as STREAM
from control.house import START, House

from engine.catalog import tasks
from engine.catalog.schema import Task
from engine.control.streams import StreamKey

CREATE = "CreateLiveRecord"


async def task_of(stage: Stage, id: int) -> Task:
    async with stage.house.catalog.read() as session:
        task = await tasks.get(session, "live", str(id))
    assert task is not None
    return task


def window(stage: Stage, begins_s: float = 60, lasts_s: float = 3600) -> dict[str, str]:
    return {"StartTime": stage.text(begins_s), "EndTime": stage.text(begins_s + lasts_s)}


async def create(stage: Stage, **parameters: Any) -> int:
    answer = await stage.call(CREATE, **{"StreamName": STREAM.stream, **window(stage), **parameters})
    assert isinstance(answer.TaskId, int)
    assert 0 < answer.TaskId < 2**53
    return answer.TaskId


@pytest.mark.parametrize(("method", "sign"), WAYS)
async def test_a_scheduled_task(stage: Stage, method: str, sign: str) -> None:
    stage.method, stage.sign = method, sign
    id = await create(
        stage,
        AppName="app",
        DomainName="d.example.com",
        RecordType="AUDIO",
        FileFormat="Mp3",
        MixStream=1,
        StreamParam="record_interval=3600&storage_time=2592000&x=y",
    )
    task = await task_of(stage, id)
    assert (task.domain, task.app, task.stream) == ("d.example.com", "app", STREAM.stream)
    assert (task.start_at, task.end_at) == (START + timedelta(seconds=60), START + timedelta(seconds=3660))
    assert (task.is_real_time, task.is_mixed, task.state) == (False, True, "armed")
    assert task.options == {"type": "audio", "format": "mp3", "interval_s": 3600, "storage_s": 2592000}


async def test_defaults(stage: Stage) -> None:
    task = await task_of(stage, await create(stage))
    assert (task.domain, task.app, task.is_mixed) == (DOMAIN, "live", False)
    assert task.options == {"type": "video", "format": "flv", "interval_s": 1800, "storage_s": 0}


async def test_times_may_be_encoded_in_json_too(stage: Stage) -> None:
    id = await create(stage, StartTime="2026-03-01+12%3a30%3a00", EndTime="2026-03-01%2013%3A00%3A00")
    task = await task_of(stage, id)
    assert (task.start_at, task.end_at) == (START + timedelta(minutes=30), START + timedelta(minutes=60))


async def test_a_task_records_each_push_of_its_window(stage: Stage) -> None:
    house = stage.house
    id = await create(stage, **window(stage, -10), FileFormat="mp4")
    await house.push()
    await house.runs("mp4")
    await house.leave()
    await house.runs()
    await house.push()
    await house.runs("mp4")
    await stage.call("StopLiveRecord", StreamName=STREAM.stream, TaskId=id)
    await house.runs()
    assert (await task_of(stage, id)).state == "stopped"
    await stage.call("StopLiveRecord", StreamName=STREAM.stream, TaskId=id)
    await house.leave()
    await house.push()
    await house.runs()


async def test_real_time(stage: Stage) -> None:
    asked = {"StreamName": STREAM.stream, "Highlight": 1}
    assert await stage.code(CREATE, **asked) == "ResourceUnavailable.StreamNotExist"
    await stage.house.push()
    ends = []
    for more in ({}, *({"EndTime": stage.text(seconds)} for seconds in (-5, 600, 1801))):
        answer = await stage.call(CREATE, **asked, **more, StartTime="whatever")
        task = await task_of(stage, answer.TaskId)
        assert (task.start_at, task.is_real_time) == (START, True)
        ends.append((task.end_at - START).total_seconds())
    assert ends == [1800, 1800, 600, 1800]


async def test_the_same_again_is_the_same_task(stage: Stage) -> None:
    id = await create(stage)
    assert await create(stage) == id
    others = [
        await create(stage, **changed)
        for changed in (
            {"FileFormat": "mp4"},
            {"RecordType": "audio"},
            {"AppName": "app"},
            {"DomainName": "d.example.com"},
            {"StreamName": "other"},
            {"StartTime": stage.text(61)},
            {"EndTime": stage.text(3661)},
        )
    ]
    assert len({id, *others}) == 8
    await stage.call("StopLiveRecord", StreamName=STREAM.stream, TaskId=id)
    assert await create(stage) not in (id, *others)


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"StreamName": None}, "MissingParameter"),
    ({"StreamName": "a/../b"}, "InvalidParameterValue"),
    ({"StreamName": "rtmp://evil/x"}, "InvalidParameterValue"),
    ({"AppName": "live?x"}, "InvalidParameterValue"),
    ({"DomainName": "a b"}, "InvalidParameterValue"),
    ({"StartTime": None}, "InvalidParameter"),
    ({"EndTime": None}, "InvalidParameter"),
    ({"StartTime": "2026-03-01T12:00:00Z"}, "InvalidParameter"),
    ({"EndTime": "2026-02-30 12:00:00"}, "InvalidParameter"),
    ({"StartTime": "2026-03-01 14:00:00", "EndTime": "2026-03-01 14:00:00"}, "InvalidParameterValue"),
    ({"StartTime": "2026-02-01 12:00:00", "EndTime": "2026-03-01 11:59:59"}, "InvalidParameterValue"),
    ({"FileFormat": "aac"}, "InvalidParameterValue"),
    ({"FileFormat": "mp3"}, "InvalidParameterValue"),
    ({"FileFormat": "mkv"}, "InvalidParameterValue"),
    ({"RecordType": "both"}, "InvalidParameterValue"),
    ({"Highlight": 2}, "InvalidParameterValue"),
    ({"MixStream": "yes"}, "InvalidParameter"),
    ({"StreamParam": "record_interval=1799"}, "InvalidParameterValue"),
    ({"StreamParam": "record_interval=7201"}, "InvalidParameterValue"),
    ({"StreamParam": "record_interval=x"}, "InvalidParameterValue"),
    ({"StreamParam": "storage_time=-1"}, "InvalidParameterValue"),
]


async def test_what_is_refused(stage: Stage) -> None:
    for parameters, code in REFUSED:
        asked = {"StreamName": STREAM.stream, **window(stage), **parameters}
        assert await stage.code(CREATE, **asked) == code, parameters


async def test_domains_must_be_named_where_there_are_several(house: House) -> None:
    async with staged(house, domain="") as stage:
        assert await stage.code(CREATE, StreamName="s", **window(stage)) == "InvalidParameter"
        await create(stage, DomainName=DOMAIN)


async def test_unknown_tasks(stage: Stage) -> None:
    id = await create(stage)
    word = await stage.call(
        "CreateRecordTask",
        StreamName=STREAM.stream,
        DomainName=DOMAIN,
        AppName="live",
        EndTime=stage.unix(60),
    )
    assert not word.TaskId.isdecimal() or int(word.TaskId) != id
    for action in ("StopLiveRecord", "DeleteLiveRecord"):
        for stream, task in (("other", id), (STREAM.stream, id + 1), (STREAM.stream, -1)):
            assert await stage.code(action, StreamName=stream, TaskId=task) == "ResourceNotFound.TaskId"
        assert await stage.code(action, StreamName=STREAM.stream) == "MissingParameter"
        assert await stage.code(action, TaskId=id) == "MissingParameter"
        assert await stage.code(action, StreamName=STREAM.stream, TaskId="x") == "InvalidParameter"
    assert await stage.code("StopRecordTask", TaskId=str(id)) == "InvalidParameter"


async def test_a_running_task_is_not_deleted(stage: Stage) -> None:
    id = await create(stage, **window(stage, -10))
    named = {"StreamName": STREAM.stream, "TaskId": id}
    assert await stage.code("DeleteLiveRecord", **named) == "FailedOperation.AlterTaskState"
    await stage.call("StopLiveRecord", **named)
    await stage.call("DeleteLiveRecord", **named)
    for action in ("StopLiveRecord", "DeleteLiveRecord"):
        assert await stage.code(action, **named) == "ResourceNotFound.TaskId"


async def test_quotas_of_a_day_and_of_a_moment(shut_house: House) -> None:
    house = shut_house
    house.quotas = replace(house.quotas, daily=3, running=2)
    async with house.open(), staged(house) as stage:
        ids = [await create(stage, **window(stage, -10), StreamName=f"s{n}") for n in range(2)]
        code = await stage.code(CREATE, StreamName="s2", **window(stage, -10))
        assert code == "LimitExceeded.MaximumRunningTask"
        await create(stage, **window(stage, 7200))
        code = await stage.code(CREATE, StreamName="s3", **window(stage, 7200))
        assert code == "LimitExceeded.MaximumTask"
        await house.push()
        await stage.call(CREATE, StreamName=STREAM.stream, Highlight=1)
        for action in ("StopLiveRecord", "DeleteLiveRecord"):
            await stage.call(action, StreamName="s0", TaskId=ids[0])
        await create(stage, StreamName="s4", **window(stage, -10))
        house.clock.forward(16 * 3600)
        await create(stage, StreamName="s5")


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_four_hundred_run_and_four_thousand_are_created_a_day(stage: Stage) -> None:
    """What a client would take minutes for is ordered beside it."""
    house = stage.house

    async def order(begins_s: float, numbers: range) -> None:
        orders = (
            replace(house.order(begins_s=begins_s), key=StreamKey(DOMAIN, "live", f"s{number}"))
            for number in numbers
        )
        await asyncio.gather(*map(house.control.create_task, orders))

    await order(-10, range(399))
    last = await create(stage, **window(stage, -10))
    code = await stage.code(CREATE, StreamName="other", **window(stage, -10))
    assert code == "LimitExceeded.MaximumRunningTask"
    for hour in range(2, 11):
        await order(3600 * hour, range(400))
    asked = {"StreamName": "other", **window(stage, 86400)}
    assert await stage.code(CREATE, **asked) == "LimitExceeded.MaximumTask"
    named = {"StreamName": STREAM.stream, "TaskId": last}
    await stage.call("StopLiveRecord", **named)
    await stage.call("DeleteLiveRecord", **named)
    await stage.call(CREATE, **asked)


async def test_a_key_of_one_domain(stage: Stage) -> None:
    guest = stage.as_guest()
    id = await create(stage)
    assert await guest.code(CREATE, StreamName="s", **window(stage)) == "UnauthorizedOperation"
    for action in ("StopLiveRecord", "DeleteLiveRecord"):
        code = await guest.code(action, StreamName=STREAM.stream, TaskId=id)
        assert code == "ResourceNotFound.TaskId"
    await create(guest, DomainName="guest.example.com")

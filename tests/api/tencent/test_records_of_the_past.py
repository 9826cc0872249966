"""DescribeCallbackRecordsList and DescribeConcurrentRecordStreamNum."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

import pytest
from api.tencent.stage import DOMAIN, Stage
from control.house import START, House

from engine.api.tencent.concurrency import concurrent
from engine.catalog import outbox, recordings
from engine.catalog.recordings import Span
from engine.catalog.schema import Callback, CallbackAttempt, Recording
from engine.media.civil_time import china_text, iso_text

DAY = timedelta(days=1)


async def told(house: House, number: int, event: int | str, **changes: Any) -> Callback:
    callback = Callback(
        **{
            "once": str(number),
            "vendor": "tencent",
            "event": str(event),
            "url": "http://h/cb",
            "message": {"event_type": event, "stream_id": "流"},
            "key": "",
            "domain": DOMAIN,
            "app": "live",
            "stream": "s",
            "state": "delivered",
            "attempts": 0,
            "next_at": START,
            "created_at": START - timedelta(minutes=number),
            "delivered_at": None,
            **changes,
        }
    )
    async with house.catalog.begin() as session:
        assert await outbox.add(session, callback)
        [stored], _ = await outbox.page(session, outbox.CallbackQuery(limit=1))
    return stored


async def tried(house: House, callback: Callback, status: int | None, answer: str = "") -> None:
    attempt = CallbackAttempt(
        callback_id=callback.id,
        at=START,
        took_ms=1500,
        status=status,
        answer=answer,
        error="",
        headers={},
        body=json.dumps({"attempt": status}),
    )
    async with house.catalog.begin() as session:
        await outbox.add_attempt(session, attempt)


async def everything_told(house: House) -> None:
    delivered = await told(house, 1, 100)
    await tried(house, delivered, 500)
    await tried(house, delivered, 200, '{"code":0}')
    await tried(house, await told(house, 2, 1, state="waiting", stream="other"), 503, "no")
    await tried(house, await told(house, 3, 0, state="failed"), None)
    await told(house, 4, 332, state="waiting")
    await told(house, 5, "file_created", vendor="aliyun")
    await told(house, 6, 1, domain="guest.example.com")
    await told(house, 3000, 1)


@pytest.mark.parametrize("write", [china_text, iso_text])
async def test_what_was_told(stage: Stage, write: Any) -> None:
    await everything_told(stage.house)
    span = {"StartTime": write(START - DAY), "EndTime": write(START)}
    found = await stage.members("DescribeCallbackRecordsList", **span)
    infos = {(info["EventType"], info["StreamId"]): info for info in found.pop("DataInfoList")}
    assert found == {"PageNum": 1, "PageSize": 20, "TotalNum": 5, "TotalPage": 1}
    assert infos[100, "s"] == {
        "EventTime": write(START - timedelta(minutes=1)),
        "EventType": 100,
        "Request": '{"attempt": 200}',
        "Response": '{"code":0}',
        "ResponseTime": write(START + timedelta(seconds=1)),
        "ResultCode": 0,
        "StreamId": "s",
    }
    assert (infos[1, "other"]["ResultCode"], infos[1, "other"]["Response"]) == (503, "no")
    assert infos[0, "s"]["ResultCode"] == -1
    untried = infos[332, "s"]
    assert (untried["ResultCode"], untried["ResponseTime"]) == (-1, "")
    assert json.loads(untried["Request"]) == {"event_type": 332, "stream_id": "流"}


async def test_what_is_asked_of_it(stage: Stage) -> None:
    await everything_told(stage.house)
    span = {"StartTime": china_text(START - DAY), "EndTime": china_text(START)}
    guest = stage.as_guest()
    for caller, asked, total, shown in (
        (stage, {"StreamName": "other"}, 1, 1),
        (stage, {"EventType": 0}, 1, 1),
        (stage, {"EventType": 1}, 2, 2),
        (stage, {"ResultCode": 0}, 2, 2),
        (stage, {"ResultCode": 1}, 3, 3),
        (stage, {"PageSize": 2, "PageNum": 3}, 5, 1),
        (guest, {}, 1, 1),
        (guest, {"PageNum": 2}, 1, 0),
    ):
        found = await caller.call("DescribeCallbackRecordsList", **span, **asked)
        assert (found.TotalNum, len(found.DataInfoList)) == (total, shown), asked
    for asked, code in (
        ({}, "MissingParameter"),
        ({**span, "EndTime": span["StartTime"]}, "InvalidParameterValue"),
        ({**span, "EndTime": china_text(START + timedelta(seconds=1))}, "InvalidParameterValue"),
        ({**span, "StartTime": "yesterday"}, "InvalidParameter"),
        ({**span, "PageSize": 101}, "InvalidParameterValue"),
        (
            {"StartTime": iso_text(START - 15 * DAY), "EndTime": iso_text(START - 14 * DAY)},
            "InvalidParameterValue",
        ),
    ):
        assert await stage.code("DescribeCallbackRecordsList", **asked) == code, asked


def minute(number: float) -> datetime:
    return START + timedelta(minutes=number)


def test_streams_are_counted_once_and_only_while_they_are_recorded() -> None:
    spans = [
        Span("d", "a", "one", minute(-60), minute(5)),
        Span("d", "a", "one", minute(0), minute(11)),
        Span("d", "a", "two", minute(10), None),
        Span("d", "b", "two", minute(10.1), minute(14.9)),
    ]
    counts = [number for _, number in concurrent(spans, START, minute(20))]
    assert counts == [1, 1, 2, 1, 1]


async def test_how_many_were_recorded(stage: Stage) -> None:
    house = stage.house
    async with house.catalog.begin() as session:
        for number, domain in enumerate((DOMAIN, DOMAIN, "guest.example.com")):
            recording = Recording(
                id=f"r{number}",
                session_id="1",
                cause="rule",
                domain=domain,
                app="live",
                stream=f"s{number}",
                url="",
                spec={},
                options={},
                state="ended",
                began_at=minute(-30),
                ended_at=minute(-20),
            )
            await recordings.add(session, recording)
    span = {"StartTime": iso_text(minute(-31)), "EndTime": iso_text(minute(-16))}
    asked = {"LiveType": "NormalLive", **span}
    found = await stage.members("DescribeConcurrentRecordStreamNum", **asked)
    assert found == {
        "DataInfoList": [
            {"Time": iso_text(minute(at)), "Num": number}
            for at, number in ((-31, 0), (-26, 3), (-21, 3), (-16, 0))
        ]
    }
    guest = stage.as_guest()
    for caller, more, most in (
        (stage, {"PushDomains": [DOMAIN]}, 2),
        (stage, {"PushDomains": [DOMAIN, "guest.example.com"]}, 3),
        (stage, {"LiveType": "SlowLive"}, 0),
        (guest, {}, 1),
    ):
        infos = (await caller.call("DescribeConcurrentRecordStreamNum", **{**asked, **more})).DataInfoList
        assert max(info.Num for info in infos) == most, more
    for more, code in (
        ({"LiveType": None}, "MissingParameter"),
        ({"LiveType": "Live"}, "InvalidParameterValue"),
        ({"EndTime": span["StartTime"]}, "InvalidParameterValue"),
        ({"StartTime": iso_text(minute(-16) - 32 * DAY)}, "InvalidParameterValue"),
        ({"MainlandOrOversea": "Moon"}, "InvalidParameterValue"),
    ):
        assert await stage.code("DescribeConcurrentRecordStreamNum", **{**asked, **more}) == code, more
    code = await guest.code("DescribeConcurrentRecordStreamNum", **asked, PushDomains=[DOMAIN])
    assert code == "UnauthorizedOperation"
    future = {"StartTime": iso_text(minute(-1)), "EndTime": iso_text(minute(100))}
    found = await stage.members("DescribeConcurrentRecordStreamNum", **{**asked, **future})
    assert len(found["DataInfoList"]) == 1

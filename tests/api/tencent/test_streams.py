"""The state of streams, and the end of a push."""

from __future__ import annotations

import pytest
from api.tencent.stage import DOMAIN, Stage, staged
from control.house import KEY as STREAM
from control.house import House

from engine.control.streams import StreamKey
from engine.media.civil_time import iso_text

NAMED = {"DomainName": DOMAIN, "AppName": "live", "StreamName": STREAM.stream}


@pytest.mark.parametrize("method", ["POST", "GET"])
async def test_state(stage: Stage, method: str) -> None:
    stage.method = method
    states = []
    for change in (None, stage.house.push, stage.house.leave):
        if change is not None:
            await change()
        states.append(await stage.members("DescribeLiveStreamState", **NAMED))
    assert states == [{"StreamState": state} for state in ("inactive", "active", "inactive")]


async def test_a_whole_name_must_be_given(stage: Stage) -> None:
    for action in ("DescribeLiveStreamState", "DropLiveStream"):
        for name in NAMED:
            assert await stage.code(action, **{**NAMED, name: None}) == "MissingParameter"
        assert await stage.code(action, **{**NAMED, "AppName": "a/b"}) == "InvalidParameterValue"


async def test_the_online_list(stage: Stage) -> None:
    began = iso_text(stage.house.clock())
    for number in range(12):
        await stage.house.push(StreamKey(DOMAIN, "live" if number < 11 else "other", f"s{number:02}"))
        stage.house.clock.forward(1)
    await stage.house.leave(StreamKey(DOMAIN, "live", "s03"))
    first = await stage.members("DescribeLiveStreamOnlineList")
    assert {name: first[name] for name in ("TotalNum", "TotalPage", "PageNum", "PageSize")} == {
        "TotalNum": 11,
        "TotalPage": 2,
        "PageNum": 1,
        "PageSize": 10,
    }
    assert first["OnlineInfo"][0] == {
        "StreamName": "s00",
        "AppName": "live",
        "DomainName": DOMAIN,
        "PublishTimeList": [{"PublishTime": began}],
        "PushToDelay": 0,
    }
    second = await stage.call("DescribeLiveStreamOnlineList", PageNum=2)
    names = [one["StreamName"] for one in first["OnlineInfo"]] + [one.StreamName for one in second.OnlineInfo]
    assert names == [f"s{number:02}" for number in range(12) if number != 3]
    for filters, count in (
        ({"AppName": "other"}, 1),
        ({"StreamName": "s01"}, 1),
        ({"StreamName": "s0"}, 0),
        ({"DomainName": DOMAIN, "PageSize": 300000}, 11),
        ({"DomainName": "nobody.example.com"}, 0),
    ):
        assert (await stage.call("DescribeLiveStreamOnlineList", **filters)).TotalNum == count, filters
    for filters in ({"PageSize": 9}, {"PageSize": 300001}, {"PageNum": 0}):
        assert await stage.code("DescribeLiveStreamOnlineList", **filters) == "InvalidParameterValue"


async def test_drop(shut_house: House) -> None:
    async with shut_house.open(), staged(shut_house) as stage:
        await stage.call("DropLiveStream", **NAMED)
        assert shut_house.dropped == []
        await shut_house.push()
        await stage.call("DropLiveStream", **NAMED)
        assert shut_house.dropped == [STREAM]


async def test_a_key_of_one_domain(stage: Stage) -> None:
    guest = stage.as_guest()
    await stage.house.push()
    for action in ("DescribeLiveStreamState", "DropLiveStream"):
        assert await guest.code(action, **NAMED) == "UnauthorizedOperation"
    assert await guest.code("DescribeLiveStreamOnlineList", DomainName=DOMAIN) == "UnauthorizedOperation"
    assert (await guest.call("DescribeLiveStreamOnlineList")).TotalNum == 0

"""What was recorded, found again: by runs, and by files."""

from __future__ import annotations

from typing import Any

import pytest
from api.aliyun.sdk import CLIENTS, LEAVES_SOCKETS
from api.aliyun.stage import PUBLIC, Stage, entry, names
from control.house import KEY as STREAM
from control.house import ON

CONTENT = "DescribeLiveStreamRecordContent"
FILES = "DescribeLiveStreamRecordIndexFiles"
PLACE = {"OssBucket": "b", "OssEndpoint": "oss-cn-shanghai.aliyuncs.com"}

pytestmark = LEAVES_SOCKETS


def hour(stage: Stage, **more: Any) -> dict[str, Any]:
    """A time that holds all that is recorded here."""
    return {**names(STREAM), "StartTime": stage.text(-1800), "EndTime": stage.text(1800), **more}


async def found(stage: Stage, **more: Any) -> list[dict[str, Any]]:
    answer = await stage.call(FILES, **hour(stage, **more))
    listed: list[dict[str, Any]] = answer["RecordIndexInfoList"]["RecordIndexInfo"]
    return listed


async def runs(stage: Stage) -> list[dict[str, Any]]:
    answer = await stage.call(CONTENT, **hour(stage))
    listed: list[dict[str, Any]] = answer["RecordContentInfoList"]["RecordContentInfo"]
    return listed


@pytest.mark.parametrize("client", CLIENTS)
async def test_a_file(stage: Stage, client: str) -> None:
    stage = stage.by(client)
    await stage.configure(RecordFormat=[entry("cmaf")])
    await stage.house.push()
    (id,) = await stage.house.runs("hls")
    await stage.house.fleet.file(id, "d/a b.m3u8")
    (file,) = await stage.house.files()
    day = "2026-03-01"
    assert await stage.call(FILES, **hour(stage)) == {
        "Order": "asc",
        "PageNum": 1,
        "PageSize": 10,
        "TotalNum": 1,
        "TotalPage": 1,
        "RecordIndexInfoList": {
            "RecordIndexInfo": [
                {
                    "RecordId": file.id,
                    "RecordUrl": f"{PUBLIC}/d/a%20b.m3u8",
                    **names(STREAM),
                    **PLACE,
                    "OssObject": f"record/live/s/0_{day}-11-59-55_{day}-12-00-00.m3u8",
                    "StartTime": stage.text(-5),
                    "EndTime": stage.text(0),
                    "CreateTime": stage.text(0),
                    "Duration": 5.0,
                    "Height": 0,
                    "Width": 0,
                    "Format": "cmaf",
                }
            ]
        },
    }


async def test_where_a_file_is_stays_when_the_configuration_goes(stage: Stage) -> None:
    await stage.configure()
    await stage.house.push()
    (id,) = await stage.house.runs("flv")
    await stage.call("DeleteLiveAppRecordConfig", DomainName=STREAM.domain, AppName="*")
    await stage.house.fleet.file(id, "a.flv")
    ((one,)) = await found(stage)
    assert {name: one[name] for name in PLACE} == PLACE
    assert one["Format"] == "flv"


async def test_what_others_ordered_is_found_too_and_has_no_bucket(stage: Stage) -> None:
    await stage.house.rule(await stage.house.template(hls=ON))
    await stage.house.push()
    (id,) = await stage.house.runs("hls")
    await stage.house.fleet.file(id, "a.m3u8")
    (one,) = await found(stage)
    assert (one["OssBucket"], one["OssEndpoint"], one["Format"]) == ("", "", "m3u8")
    assert one["OssObject"].endswith(".m3u8")


async def test_a_file_removed_by_hand_is_listed_no_more(stage: Stage) -> None:
    await stage.configure()
    await stage.house.push()
    (id,) = await stage.house.runs("flv")
    for name in ("a.flv", "b.flv"):
        await stage.house.fleet.file(id, name)
    (stage.house.root / "a.flv").unlink()
    assert [one["RecordUrl"] for one in await found(stage)] == [f"{PUBLIC}/b.flv"]
    assert (await stage.call(FILES, **hour(stage)))["TotalNum"] == 1


async def test_pages_by_creation(stage: Stage) -> None:
    await stage.configure()
    await stage.house.push()
    (id,) = await stage.house.runs("flv")
    for number in range(7):
        await stage.house.fleet.file(id, f"{number}.flv")
        stage.house.clock.forward(10)
    last = await found(stage, PageNum=2, PageSize=5)
    assert [one["RecordUrl"] for one in last] == [f"{PUBLIC}/{number}.flv" for number in (5, 6)]
    last = await found(stage, PageNum=2, PageSize=5, Order="desc")
    assert [one["RecordUrl"] for one in last] == [f"{PUBLIC}/{number}.flv" for number in (1, 0)]
    between = await found(stage, StartTime=stage.text(-44), EndTime=stage.text(-36))
    assert [one["RecordUrl"] for one in between] == [f"{PUBLIC}/{number}.flv" for number in [3]]
    assert await found(stage, StreamName="other") == []
    assert await stage.code(FILES, **hour(stage, PageSize=4)) == "InvalidPageSize.Malformed"


@pytest.mark.parametrize("client", CLIENTS)
async def test_a_run_that_goes_on(stage: Stage, client: str) -> None:
    stage = stage.by(client)
    assert await runs(stage) == []
    await stage.configure(RecordFormat=[entry("flv"), entry("m3u8")])
    await stage.house.push()
    await stage.house.runs("flv", "hls")
    stage.house.clock.forward(60)
    assert await runs(stage) == [
        {
            "StartTime": stage.text(-60),
            "EndTime": stage.text(0),
            "Duration": 60.0,
            **PLACE,
            "OssObjectPrefix": entry("flv")["OssObjectPrefix"],
        }
    ]


async def test_a_run_that_ended_is_as_long_as_its_files(stage: Stage) -> None:
    await stage.configure(RecordFormat=[entry("flv"), entry("mp4", CycleDuration=900)])
    await stage.house.push()
    flv, mp4 = await stage.house.runs("flv", "mp4")
    began = stage.text(0)
    stage.house.clock.forward(5)
    await stage.house.fleet.file(mp4, "a.mp4")
    stage.house.clock.forward(5)
    await stage.house.fleet.file(mp4, "b.mp4")
    ended = stage.text(0)
    stage.house.clock.forward(180)
    for id in (flv, mp4):
        await stage.house.fleet.end(id)
    await stage.house.leave()
    (run,) = await runs(stage)
    assert (run["StartTime"], run["EndTime"], run["Duration"]) == (began, ended, 10.0)


async def test_a_run_that_wrote_nothing(stage: Stage) -> None:
    await stage.configure()
    await stage.house.push()
    (id,) = await stage.house.runs("flv")
    await stage.house.leave()
    await stage.house.fleet.end(id)
    (run,) = await runs(stage)
    assert run["Duration"] == 0.0


async def test_times_that_are_refused(stage: Stage) -> None:
    four_days = 4 * 86400
    for start, end, code in (
        (0, 0, "InvalidEndTime.Malformed"),
        (0, four_days + 1, "InvalidEndTime.Malformed"),
        (-200 * 86400, -199 * 86400, "InvalidStartTime.Malformed"),
    ):
        for action in (CONTENT, FILES):
            times = {"StartTime": stage.text(start), "EndTime": stage.text(end)}
            assert await stage.code(action, **names(STREAM), **times) == code
    longest = {"StartTime": stage.text(-four_days), "EndTime": stage.text(0)}
    for action in (CONTENT, FILES):
        await stage.call(action, **names(STREAM), **longest)
        whole = hour(stage)
        for name in whole:
            given = {other: whole[other] for other in whole if other != name}
            assert await stage.code(action, **given) == f"Missing{name}"
        assert await stage.code(action, **hour(stage, StreamName="*")) == "InvalidStreamName.Malformed"
        refused = await stage.as_guest().refused(action, **hour(stage))
        assert (refused.status, refused.code) == (403, "IllegalOperation")

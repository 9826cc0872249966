"""Recording configurations: added, changed, listed, removed, refused."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from api.aliyun.sdk import CLIENTS, LEAVES_SOCKETS
from api.aliyun.stage import DOMAIN, PREFIX, SLICES, Stage, config, entry

pytestmark = LEAVES_SOCKETS

ADD, UPDATE, DELETE = (f"{verb}LiveAppRecordConfig" for verb in ("Add", "Update", "Delete"))
LIST = "DescribeLiveRecordConfig"


async def listed(stage: Stage, **more: Any) -> list[dict[str, Any]]:
    answer = await stage.call(LIST, DomainName=DOMAIN, **more)
    found: list[dict[str, Any]] = answer["LiveAppRecordList"]["LiveAppRecord"]
    return found


@pytest.mark.parametrize("client", CLIENTS)
async def test_there_and_back(stage: Stage, client: str) -> None:
    stage = stage.by(client)
    given = config("m3u8", "flv", AppName="live", StreamName="s", OnDemand=7, DelayTime=15)
    given |= {"StartTime": stage.text(0), "EndTime": stage.text(3600), "TranscodeTemplates": ["sd", "hd"]}
    given["TranscodeRecordFormat"] = [entry("cmaf", CycleDuration=900)]
    assert await stage.call(ADD, **given) == {}
    assert await stage.call(LIST, DomainName=DOMAIN) == {
        "Order": "asc",
        "PageNum": 1,
        "PageSize": 10,
        "TotalNum": 1,
        "TotalPage": 1,
        "LiveAppRecordList": {
            "LiveAppRecord": [
                {
                    "DomainName": DOMAIN,
                    "AppName": "live",
                    "StreamName": "s",
                    "CreateTime": stage.text(0),
                    "StartTime": stage.text(0),
                    "EndTime": stage.text(3600),
                    "OnDemond": 7,
                    "DelayTime": 15,
                    "OssBucket": "b",
                    "OssEndpoint": "oss-cn-shanghai.aliyuncs.com",
                    "RecordFormatList": {
                        "RecordFormat": [
                            {
                                "Format": "m3u8",
                                "CycleDuration": 21600,
                                "SliceDuration": 10,
                                "OssObjectPrefix": PREFIX,
                                "SliceOssObjectPrefix": SLICES,
                            },
                            {
                                "Format": "flv",
                                "CycleDuration": 3600,
                                "SliceDuration": 0,
                                "OssObjectPrefix": PREFIX,
                                "SliceOssObjectPrefix": "",
                            },
                        ]
                    },
                    "TranscodeRecordFormatList": {
                        "RecordFormat": [
                            {
                                "Format": "cmaf",
                                "CycleDuration": 900,
                                "SliceDuration": 10,
                                "OssObjectPrefix": PREFIX,
                                "SliceOssObjectPrefix": SLICES,
                            }
                        ]
                    },
                    "TranscodeTemplates": {"Templates": ["sd", "hd"]},
                }
            ]
        },
    }
    assert await stage.call(DELETE, DomainName=DOMAIN, AppName="live", StreamName="s") == {}
    assert await listed(stage) == []


async def test_what_is_not_named_has_the_vendors_defaults(stage: Stage) -> None:
    without_length = {"Format": "cmaf", "OssObjectPrefix": PREFIX, "SliceOssObjectPrefix": SLICES}
    await stage.call(ADD, **config(RecordFormat=[entry("mp4"), without_length]))
    (found,) = await listed(stage)
    assert (found["AppName"], found["StreamName"]) == ("*", "*")
    assert (found["OnDemond"], found["DelayTime"]) == (0, 180)
    assert (found["StartTime"], found["EndTime"]) == ("", "")
    mp4, cmaf = found["RecordFormatList"]["RecordFormat"]
    assert mp4["CycleDuration"] == 3600
    assert (cmaf["CycleDuration"], cmaf["SliceDuration"]) == (21600, 30)


@pytest.mark.parametrize("client", CLIENTS)
async def test_one_configuration_for_each_triple(stage: Stage, client: str) -> None:
    stage = stage.by(client)
    for app, stream in (("live", "s"), ("live", "*"), ("*", "*")):
        await stage.call(ADD, **config("flv", AppName=app, StreamName=stream))
        refused = await stage.refused(ADD, **config("mp4", AppName=app, StreamName=stream))
        assert (refused.status, refused.code) == (400, "ConfigAlreadyExists")
    assert await stage.code(ADD, **config("mp4", AppName="live")) == "ConfigAlreadyExists"
    await stage.call(ADD, **config("mp4", DomainName="other.example.com"))


async def test_of_many_that_come_at_once_one_is_added(stage: Stage) -> None:
    outcomes = await asyncio.gather(
        *(stage.call(ADD, **config("flv")) for _ in range(6)), return_exceptions=True
    )
    assert [outcome for outcome in outcomes if outcome == {}] == [{}]
    assert len(await listed(stage)) == 1


async def test_pages_by_creation(stage: Stage) -> None:
    for number in range(7):
        await stage.call(ADD, **config("flv", AppName=f"a{number}"))
    await stage.call(ADD, **config("flv", AppName="a0", StreamName="s"))
    answer = await stage.call(LIST, DomainName=DOMAIN, PageNum=2, PageSize=5, Order="desc")
    apps = [one["AppName"] for one in answer["LiveAppRecordList"]["LiveAppRecord"]]
    assert apps == ["a2", "a1", "a0"]
    assert (answer["Order"], answer["PageNum"], answer["PageSize"]) == ("desc", 2, 5)
    assert (answer["TotalNum"], answer["TotalPage"]) == (8, 2)
    assert len(await listed(stage, AppName="a0")) == 2
    assert len(await listed(stage, AppName="a0", StreamName="s")) == 1
    assert await listed(stage, AppName="*") == []
    for more, code in (
        ({"PageSize": 4}, "InvalidPageSize.Malformed"),
        ({"PageSize": 31}, "InvalidPageSize.Malformed"),
        ({"PageNum": 0}, "InvalidPageNum.Malformed"),
        ({"Order": "up"}, "InvalidOrder.Malformed"),
    ):
        assert await stage.code(LIST, DomainName=DOMAIN, **more) == code


@pytest.mark.parametrize("client", CLIENTS)
async def test_a_change_leaves_the_rest(stage: Stage, client: str) -> None:
    stage = stage.by(client)
    await stage.call(ADD, **config("m3u8", "flv", AppName="live", StreamName="s", OnDemand=7))
    names = {"DomainName": DOMAIN, "AppName": "live", "StreamName": "s", "OssEndpoint": "other.example.com"}
    assert await stage.call(UPDATE, **names, DelayTime=21600) == {}
    (found,) = await listed(stage)
    assert (found["OnDemond"], found["DelayTime"]) == (7, 21600)
    assert (found["OssBucket"], found["OssEndpoint"]) == ("b", "other.example.com")
    formats = [{"Format": "m3u8", "CycleDuration": 900, "SliceDuration": 5}, {"Format": "mp4"}]
    await stage.call(UPDATE, **names, OnDemand=0, EndTime=stage.text(60), RecordFormat=formats)
    (found,) = await listed(stage)
    assert (found["OnDemond"], found["EndTime"]) == (0, stage.text(60))
    m3u8, mp4 = found["RecordFormatList"]["RecordFormat"]
    assert (m3u8["CycleDuration"], m3u8["SliceDuration"]) == (900, 5)
    assert (m3u8["OssObjectPrefix"], m3u8["SliceOssObjectPrefix"]) == (PREFIX, SLICES)
    assert mp4["OssObjectPrefix"] == PREFIX
    assert mp4["CycleDuration"] == 3600


@pytest.mark.parametrize("client", CLIENTS)
async def test_a_configuration_that_is_not_there(stage: Stage, client: str) -> None:
    stage = stage.by(client)
    await stage.configure(AppName="live", StreamName="s")
    names = {"DomainName": DOMAIN, "AppName": "live"}
    for action, more in ((UPDATE, {"OssEndpoint": "e.example.com"}), (DELETE, {})):
        refused = await stage.refused(action, **names, **more)
        assert (refused.status, refused.code) == (400, "CodeConfigNotFound")
        assert refused.message.endswith(", please check and try again later.")


WINDOWS = [
    (("0", "3600"), ("0", "3600")),
    (("0", "864000"), ("0", "604800")),
    (("60", None), ("60", "604860")),
    ((None, "3600"), (None, "3600")),
    ((None, "864000"), (None, "604800")),
]


@pytest.mark.parametrize(("given", "kept"), WINDOWS)
async def test_a_window_of_seven_days_at_most(stage: Stage, given: Any, kept: Any) -> None:
    def times(pair: tuple[str | None, str | None]) -> dict[str, str]:
        moments = zip(("StartTime", "EndTime"), pair, strict=True)
        return {name: stage.text(float(at)) for name, at in moments if at is not None}

    await stage.call(ADD, **config("flv", AppName="live", StreamName="s"), **times(given))
    (found,) = await listed(stage)
    assert {"StartTime": "", "EndTime": "", **times(kept)} == {
        name: found[name] for name in ("StartTime", "EndTime")
    }


async def test_only_a_configuration_of_one_stream_has_a_window(stage: Stage) -> None:
    await stage.call(ADD, **config("flv", AppName="live", StartTime=stage.text(60)))
    (found,) = await listed(stage)
    assert (found["StartTime"], found["EndTime"]) == ("", "")


LONG = "r" * 240 + "{StartTime}{EndTime}"
REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"DomainName": ""}, "MissingDomainName"),
    ({"AppName": ""}, "MissingAppName"),
    ({"OssEndpoint": ""}, "MissingOssEndpoint"),
    ({"OssBucket": ""}, "MissingOssBucket"),
    ({"RecordFormat": []}, "MissingRecordFormat"),
    ({"DomainName": "http://a"}, "InvalidDomain.NotFound"),
    ({"DomainName": "*"}, "InvalidDomain.NotFound"),
    ({"AppName": "a/b"}, "InvalidAppName.Malformed"),
    ({"StreamName": "../etc"}, "InvalidStreamName.Malformed"),
    ({"StreamName": "s"}, "InvalidStreamName.Malformed"),  # no stream of all apps is ever matched
    ({"OssBucket": "Bucket"}, "InvalidOssBucket.Malformed"),
    ({"OssBucket": "b-"}, "InvalidOssBucket.Malformed"),
    ({"OssEndpoint": "http://oss"}, "InvalidOssEndpoint.Malformed"),
    ({"OnDemand": 3}, "InvalidOnDemand.Malformed"),
    ({"OnDemand": "x"}, "InvalidOnDemand.Malformed"),
    ({"DelayTime": 14}, "InvalidDelayTime.Malformed"),
    ({"DelayTime": 21601}, "InvalidDelayTime.Malformed"),
    ({"StartTime": "2025-10-09 17:00:00"}, "InvalidStartTime.Malformed"),
    ({"EndTime": "2025-13-09T17:00:00Z"}, "InvalidEndTime.Malformed"),
    ({"TranscodeTemplates": ["sd"] * 101}, "InvalidTranscodeTemplates.Malformed"),
    ({"EndTime": "9999-12-31T23:59:59Z"}, "InvalidEndTime.Malformed"),
    (
        {
            "AppName": "live",
            "StreamName": "s",
            "StartTime": "2025-10-09T17:00:00Z",
            "EndTime": "2025-10-09T17:00:00Z",
        },
        "InvalidEndTime.Malformed",
    ),
]
ENTRIES: list[tuple[dict[str, Any], str]] = [
    (entry("avi"), "InvalidFormat.Malformed"),
    (entry(""), "MissingFormat"),
    (entry("flv", CycleDuration=0), "InvalidCycleDuration.Malformed"),
    (entry("flv", CycleDuration=86401), "InvalidCycleDuration.Malformed"),
    (entry("flv", CycleDuration="x"), "InvalidCycleDuration.Malformed"),
    (entry("flv", OssObjectPrefix=""), "MissingOssObjectPrefix"),
    (entry("flv", OssObjectPrefix="a"), "InvalidOssObjectPrefix.Malformed"),
    (entry("flv", OssObjectPrefix="{StartTime}"), "InvalidOssObjectPrefix.Malformed"),
    (entry("flv", OssObjectPrefix="{EndTime}"), "InvalidOssObjectPrefix.Malformed"),
    (entry("flv", OssObjectPrefix="/{StartTime}{EndTime}"), "InvalidOssObjectPrefix.Malformed"),
    (entry("flv", OssObjectPrefix="{Domain}{StartTime}{EndTime}"), "InvalidOssObjectPrefix.Malformed"),
    (entry("flv", OssObjectPrefix=LONG), "InvalidOssObjectPrefix.Malformed"),
    (entry("m3u8", SliceOssObjectPrefix=""), "MissingSliceOssObjectPrefix"),
    (entry("m3u8", SliceOssObjectPrefix="{Sequence}"), "InvalidSliceOssObjectPrefix.Malformed"),
    (entry("cmaf", SliceOssObjectPrefix="{UnixTimestamp}"), "InvalidSliceOssObjectPrefix.Malformed"),
    (entry("m3u8", SliceDuration=4), "InvalidSliceDuration.Malformed"),
    (entry("m3u8", SliceDuration=31), "InvalidSliceDuration.Malformed"),
]


async def test_what_is_refused(stage: Stage) -> None:
    for changes, code in REFUSED:
        refused = await stage.refused(ADD, **{**config("flv"), **changes})
        assert refused.code == code, changes
        assert refused.status == (404 if code.endswith("NotFound") else 400)
    for one, code in ENTRIES:
        for name in ("RecordFormat", "TranscodeRecordFormat"):
            given = {**config("mp4"), name: [entry("mp4"), one]}
            refused = await stage.refused(ADD, **given)
            assert refused.code == code, one
            assert f"{name}.2." in refused.message
    assert await stage.code(ADD, **config("flv", "flv")) == "InvalidFormat.Malformed"
    assert await listed(stage) == []


async def test_what_does_not_concern_a_format_is_ignored(stage: Stage) -> None:
    await stage.configure(RecordFormat=[entry("FLV", SliceDuration=1, SliceOssObjectPrefix="x")])
    (found,) = await listed(stage)
    (flv,) = found["RecordFormatList"]["RecordFormat"]
    assert (flv["Format"], flv["SliceDuration"], flv["SliceOssObjectPrefix"]) == ("flv", 0, "")


async def test_a_key_of_one_domain(stage: Stage) -> None:
    await stage.configure()
    guest = stage.as_guest()
    names = {"DomainName": DOMAIN, "AppName": "*"}
    for action, given in (
        (ADD, config("flv")),
        (UPDATE, {**names, "OssEndpoint": "e.example.com"}),
        (DELETE, names),
        (LIST, {"DomainName": DOMAIN}),
    ):
        refused = await guest.refused(action, **given)
        assert (refused.status, refused.code) == (403, "IllegalOperation")
    await guest.call(ADD, **config("flv", DomainName="guest.example.com"))
    answer = await guest.call(LIST, DomainName="guest.example.com")
    assert answer["TotalNum"] == 1
    assert len(await listed(stage)) == 1

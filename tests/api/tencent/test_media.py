"""SearchMedia and DescribeMediaInfos."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from api.tencent.stage import DOMAIN, PUBLIC, Stage
from control.house import KEY as STREAM
from control.house import ON, START, House

from engine.catalog import files, recordings
from engine.catalog.schema import File, Recording
from engine.media.civil_time import iso_text
from engine.media.events import FileFinished, TrackInfo
from engine.media.manifest import Interval, Manifest
from engine.store.manifest import write_manifest

NULL_PARTS = [
    "TranscodeInfo",
    "AnimatedGraphicsInfo",
    "SampleSnapshotInfo",
    "ImageSpriteInfo",
    "SnapshotByTimeOffsetInfo",
    "KeyFrameDescInfo",
    "AdaptiveDynamicStreamingInfo",
    "MiniProgramReviewInfo",
    "SubtitleInfo",
    "ReviewInfo",
    "MPSAiMediaInfo",
    "ImageUnderstandingInfo",
    "KnowledgeBasesInfo",
    "FaceRecognitionInfo",
]


async def finished(house: House, id: str, name: str, **changes: Any) -> None:
    """A recording says that a file is final, with a manifest beside it."""
    spec = house.fleet.specs[id]
    path = spec.output / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    started_at = house.clock()
    house.clock.forward(60)
    recorded = Interval(start=started_at, end=house.clock())
    manifest = Manifest(
        recording=id,
        url="rtmp://10.0.0.5/live/s",
        stream=STREAM.stream,
        format=spec.format[0],
        file=path.name,
        size_bytes=600_000,
        duration_ms=60_000,
        video_packets=1500,
        audio_packets=1,
        keyframes=30,
        media_bytes=1,
        first_dts_ms=0,
        last_dts_ms=60_000,
        started_at=started_at,
        covers=recorded,
        recorded=[recorded],
        gaps=[],
        notes=[],
        tracks=[
            TrackInfo(kind="video", codec="H.264", codec_string="avc1.64001f", width=1280, height=720),
            TrackInfo(kind="audio", codec="AAC", codec_string="mp4a.40.2", sample_rate=44100, channels=2),
        ],
    )
    write_manifest(path, manifest)
    event: FileFinished = manifest.event(str(path), house.clock())
    await house.control.on_event(event)


async def test_a_file_with_all_of_its_members(stage: Stage) -> None:
    house = stage.house
    template = await stage.call(
        "CreateLiveRecordTemplate",
        TemplateName="t",
        HlsParam={"Enable": 1, "ClassId": 8, "StorageTime": 86400, "VodFileName": "{StreamID}-x"},
    )
    await stage.call("CreateLiveRecordRule", DomainName=DOMAIN, TemplateId=template.TemplateId)
    await house.push()
    [id] = await house.runs("hls")
    await finished(house, id, f"{DOMAIN}/live/s/a~20b.m3u8")
    found = await stage.members("SearchMedia", SourceTypes=["Record"], StreamIds=[STREAM.stream])
    [info] = found["MediaInfoSet"]
    assert found["TotalCount"] == 1
    assert info["BasicInfo"] == {
        "Name": "s-x",
        "Description": "",
        "CreateTime": iso_text(house.clock()),
        "UpdateTime": iso_text(house.clock()),
        "ExpireTime": iso_text(house.clock() + timedelta(days=1)),
        "ClassId": 8,
        "ClassName": "",
        "ClassPath": "",
        "CoverUrl": "",
        "Type": "m3u8",
        "MediaUrl": f"{PUBLIC}/{DOMAIN}/live/s/a~20b.m3u8",
        "SourceInfo": {
            "SourceType": "Record",
            "SourceContext": "",
            "LiveRecordInfo": {
                "Domain": DOMAIN,
                "Path": "live",
                "StreamId": "s",
                "RecordStartTime": iso_text(START),
                "RecordEndTime": iso_text(START + timedelta(seconds=60)),
            },
            "TrtcRecordInfo": None,
            "WebPageRecordInfo": None,
        },
        "StorageRegion": "",
        "StoragePath": f"/{DOMAIN}/live/s/a~20b.m3u8",
        "TagSet": [],
        "Vid": info["FileId"],
        "Category": "Video",
        "Status": "Normal",
        "StorageClass": "STANDARD",
    }
    assert info["MetaData"] == {
        "Size": 600_000,
        "Container": "m3u8",
        "Bitrate": 80_000,
        "Height": 720,
        "Width": 1280,
        "Duration": 60.0,
        "Rotate": 0,
        "VideoDuration": 60.0,
        "AudioDuration": 60.0,
        "Md5": "",
        "VideoStreamSet": [
            {
                "Bitrate": 80_000,
                "Height": 720,
                "Width": 1280,
                "Codec": "h264",
                "Fps": 0,
                "CodecTag": "avc1",
                "DynamicRangeInfo": None,
            }
        ],
        "AudioStreamSet": [{"Bitrate": 0, "SamplingRate": 44100, "Codec": "aac"}],
    }
    assert {part: info[part] for part in NULL_PARTS} == dict.fromkeys(NULL_PARTS)
    assert info["FileId"].isdecimal()
    for count, parameters in ((1, {"ClassIds": [7, 8]}), (0, {"ClassIds": [7]}), (1, {"ClassIds": ["8"]})):
        assert (await stage.call("SearchMedia", **parameters)).TotalCount == count, parameters
    described = await stage.members("DescribeMediaInfos", FileIds=[info["FileId"], "4711"])
    assert described == {"MediaInfoSet": [info], "NotExistFileIdSet": ["4711"]}


async def test_a_file_removed_by_hand_is_found_no_more(stage: Stage) -> None:
    house = stage.house
    await house.rule(await house.template(flv=ON))
    await house.push()
    [id] = await house.runs("flv")
    for name in ("a.flv", "b.flv"):
        await finished(house, id, name)
    ids = {file.path: file.id for file in await house.files()}
    (house.root / "a.flv").unlink()
    found = await stage.members("SearchMedia")
    assert ([info["FileId"] for info in found["MediaInfoSet"]], found["TotalCount"]) == ([ids["b.flv"]], 1)
    described = await stage.members("DescribeMediaInfos", FileIds=[ids["a.flv"], ids["b.flv"]])
    assert described["NotExistFileIdSet"] == [ids["a.flv"]]


@pytest.mark.parametrize("method", ["POST", "GET"])
async def test_filters_leave_parts_out(stage: Stage, method: str) -> None:
    stage.method = method
    await shelf(stage.house, file("1"))
    for filters, parts in (
        ([], {"BasicInfo", "MetaData"}),
        (["basicInfo"], {"BasicInfo"}),
        (["metaData", "subtitleInfo"], {"MetaData"}),
        (["transcodeInfo"], set()),
    ):
        for action, asked in (("SearchMedia", {}), ("DescribeMediaInfos", {"FileIds": ["1"]})):
            [info] = (await stage.members(action, **asked, Filters=filters))["MediaInfoSet"]
            assert {name for name, part in info.items() if part is not None} == {"FileId"} | parts


def file(id: str, **changes: Any) -> File:
    """A row."""
    members: dict[str, Any] = {
        "id": id,
        "recording_id": "r",
        "domain": DOMAIN,
        "app": "live",
        "stream": "s",
        "format": "flv",
        "path": f"{id}.flv",
        "name": f"name-{id}",
        "size_bytes": 1,
        "duration_ms": 0,
        "first_dts_ms": 0,
        "tracks": [],
        "started_at": START,
        "ended_at": START,
        "created_at": START + timedelta(minutes=int(id)),
        "expires_at": None,
        "is_recovered": False,
    }
    return File(**members | changes)


async def shelf(house: House, *rows: File) -> None:
    recording = Recording(
        id="r",
        session_id="1",
        cause="rule",
        domain=DOMAIN,
        app="live",
        stream="s",
        url="",
        spec={},
        options={},
        state="ended",
        began_at=START,
        ended_at=START,
    )
    async with house.catalog.begin() as session:
        await recordings.add(session, recording)
        for row in rows:
            await files.add(session, row)


def at(minutes: int) -> str:
    return iso_text(START + timedelta(minutes=minutes))


FOUND: list[tuple[dict[str, Any], str]] = [
    ({}, "54321"),
    ({"Sort": {"Field": "CreateTime", "Order": "Asc"}}, "12345"),
    ({"Sort": {"Order": "desc"}}, "54321"),
    ({"Offset": 1, "Limit": 2}, "43"),
    ({"Limit": 0}, ""),
    ({"SubAppId": 1500000000, "Vid": "ignored", "Vids": ["ignored"]}, "54321"),
    ({"FileIds": ["4", "2", "9"]}, "42"),
    ({"StreamIds": ["s"]}, "5421"),
    ({"StreamIds": ["s", "Other"]}, "54321"),
    ({"StreamId": "Other"}, "3"),
    ({"StreamDomains": ["d.example.com"]}, "2"),
    ({"StreamPaths": ["app"]}, "2"),
    ({"Names": ["AME-4"]}, "4"),
    ({"Names": ["-4", "-5"]}, "54"),
    ({"Names": ["%"]}, ""),
    ({"NamePrefixes": ["name-1", "other"]}, "31"),
    ({"Text": "OTHER"}, "3"),
    ({"MediaTypes": ["m3u8"]}, "4"),
    ({"MediaTypes": ["M3U8", "aac"]}, "54"),
    ({"MediaTypes": ["avi"]}, ""),
    ({"Categories": ["Audio"]}, "5"),
    ({"Categories": ["Video"]}, "4321"),
    ({"Categories": ["Image"]}, ""),
    ({"Categories": ["Audio"], "MediaTypes": ["flv"]}, ""),
    ({"SourceTypes": ["Record", "Upload"]}, "54321"),
    ({"SourceTypes": ["Upload"]}, ""),
    ({"SourceType": "Record"}, "54321"),
    ({"SourceType": "Upload"}, ""),
    ({"ClassIds": [0]}, "54321"),
    ({"ClassIds": [1]}, ""),
    ({"Tags": ["t"]}, ""),
    ({"Descriptions": ["d"]}, ""),
    ({"Status": ["Normal"]}, "54321"),
    ({"Status": ["Forbidden"]}, ""),
    ({"StorageClasses": ["STANDARD_IA"]}, ""),
    ({"CreateTime": {"After": at(2), "Before": at(4)}}, "432"),
    ({"CreateTime": {"After": at(4)}}, "54"),
    ({"StartTime": at(2), "EndTime": at(4)}, "32"),
    ({"StartTime": at(1), "CreateTime": {"After": at(5)}}, "5"),
    ({"ExpireTime": {"Before": at(100)}}, "1"),
    ({"ExpireTime": {"After": at(101)}}, "5432"),
    ({"ExpireTime": {"After": at(100), "Before": "9999-12-31T23:59:59Z"}}, "54321"),
]
"""What is asked, and the ids of the five files below that are the answer."""


@pytest.mark.parametrize("method", ["POST", "GET"])
async def test_what_is_found(stage: Stage, method: str) -> None:
    stage.method = method
    await shelf(
        stage.house,
        file("1", expires_at=START + timedelta(minutes=100)),
        file("2", domain="d.example.com", app="app"),
        file("3", stream="Other", name="other_1"),
        file("4", format="hls"),
        file("5", format="aac"),
    )
    for asked, ids in FOUND:
        answer = await stage.call("SearchMedia", **asked)
        assert "".join(info.FileId for info in answer.MediaInfoSet) == ids, asked
        if not {"Offset", "Limit"} & asked.keys():
            assert answer.TotalCount == len(ids), asked


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"StreamIds": ["s"] * 11}, "InvalidParameterValue.StreamIds"),
    ({"FileIds": ["s"] * 11}, "InvalidParameterValue.FileIds"),
    ({"FileIds": ["1" * 41]}, "InvalidParameterValue.FileIds"),
    ({"Names": ["s"] * 11}, "InvalidParameterValue.Names"),
    ({"NamePrefixes": ["s"] * 11}, "InvalidParameterValue.NamePrefixes"),
    ({"SourceTypes": ["s"] * 11}, "InvalidParameterValue.SourceTypes"),
    ({"Offset": -1}, "InvalidParameterValue.Offset"),
    ({"Limit": -1}, "InvalidParameterValue.Limit"),
    ({"Offset": 4000, "Limit": 1001}, "InvalidParameterValue.Limit"),
    ({"Sort": {"Field": "Size"}}, "InvalidParameterValue.Sort"),
    ({"Sort": {"Field": "CreateTime", "Order": "Up"}}, "InvalidParameterValue.Sort"),
    ({"Categories": ["Text"]}, "InvalidParameterValue.Categories"),
    ({"StartTime": "yesterday"}, "InvalidParameterValue.StartTime"),
    ({"EndTime": "2026-03-01 12:00:00"}, "InvalidParameterValue.EndTime"),
    ({"CreateTime": {"After": "x"}}, "InvalidParameterValue.CreateTime"),
    ({"ExpireTime": {"Before": "x"}}, "InvalidParameterValue.ExpireTime"),
    ({"Filters": ["everything"]}, "InvalidParameterValue.Filters"),
    ({"Text": "t" * 65}, "InvalidParameterValue.Text"),
    ({"Limit": "many"}, "InvalidParameter"),
]


async def test_what_is_refused(stage: Stage) -> None:
    for asked, code in REFUSED:
        assert await stage.code("SearchMedia", **asked) == code, asked
    for ids, code in (
        ([], "FileIdsEmpty"),
        ([str(number) for number in range(21)], "FileIdsOverLimit"),
    ):
        assert await stage.code("DescribeMediaInfos", FileIds=ids) == f"InvalidParameterValue.{code}"


async def test_a_key_of_one_domain(stage: Stage) -> None:
    guest = stage.as_guest()
    await shelf(stage.house, file("1"), file("2", domain="guest.example.com"), file("3"))
    found = await guest.call("SearchMedia", Limit=1)
    assert (found.TotalCount, [info.FileId for info in found.MediaInfoSet]) == (1, ["2"])
    described = await guest.call("DescribeMediaInfos", FileIds=["3", "2", "1", "2"])
    assert [info.FileId for info in described.MediaInfoSet] == ["2"]
    assert described.NotExistFileIdSet == ["3", "1"]

"""Record templates: every member there and back, what is refused, and the limit."""

from __future__ import annotations

from typing import Any

import pytest
from api.tencent.stage import DOMAIN, WAYS, Stage, staged
from control.house import House

BLANK = {
    "Enable": 0,
    "RecordInterval": 1800,
    "StorageTime": 0,
    "StorageMode": "normal",
    "VodFileName": "",
    "Procedure": "",
    "VodSubAppId": 0,
    "ClassId": 0,
    "CosBucketName": "",
    "CosBucketRegion": "",
    "CosBucketPath": "",
}
FORMATS = ("FlvParam", "HlsParam", "Mp4Param", "AacParam", "Mp3Param")
FULL = {
    "Enable": 1,
    "RecordInterval": 3600,
    "StorageTime": 86400,
    "StorageMode": "cold",
    "VodFileName": "{StreamID}_{StartYear}-{EndMillisecond}",
    "Procedure": "p",
    "VodSubAppId": 7,
    "ClassId": 8,
    "CosBucketName": "b",
    "CosBucketRegion": "ap-guangzhou",
    "CosBucketPath": "/{RecordSource}/{Domain}/{AppName}/{StreamID}/{RecordId}-{RandomID}/{StartYear}",
}


async def create(stage: Stage, **parameters: Any) -> int:
    answer = await stage.call("CreateLiveRecordTemplate", **{"TemplateName": "t", **parameters})
    assert isinstance(answer.TemplateId, int)
    return answer.TemplateId


async def described(stage: Stage, id: int) -> dict[str, Any]:
    found: dict[str, Any] = (await stage.members("DescribeLiveRecordTemplate", TemplateId=id))["Template"]
    return found


async def test_what_says_nothing_records_nothing_and_has_all_members(stage: Stage) -> None:
    id = await create(stage, TemplateName="模板_a-1")
    assert await described(stage, id) == {
        "TemplateId": id,
        "TemplateName": "模板_a-1",
        "Description": "",
        **dict.fromkeys(FORMATS, BLANK),
        "IsDelayLive": 0,
        "HlsSpecialParam": {"FlowContinueDuration": 0},
        "FlvSpecialParam": {"UploadInRecording": False},
        "RemoveWatermark": False,
        "CosStore": 0,
    }


@pytest.mark.parametrize(("method", "sign"), WAYS)
async def test_every_member_there_and_back(stage: Stage, method: str, sign: str) -> None:
    stage.method, stage.sign = method, sign
    whole = {
        "TemplateName": "t",
        "Description": "说明 a=b&c",
        **dict.fromkeys(FORMATS, FULL),
        "IsDelayLive": 1,
        "HlsSpecialParam": {"FlowContinueDuration": 1800},
        "FlvSpecialParam": {"UploadInRecording": True},
        "RemoveWatermark": True,
        "CosStore": 1,
    }
    id = await create(stage, **whole)
    assert await described(stage, id) == {"TemplateId": id, **whole}


async def test_the_vendors_own_sample(stage: Stage) -> None:
    """It writes numbers and booleans as words."""
    id = await create(
        stage,
        FlvParam={"RecordInterval": "30000", "StorageTime": "10", "Enable": "1", "VodSubAppId": "123"},
        RemoveWatermark="false",
    )
    found = await described(stage, id)
    assert found["FlvParam"] == {
        **BLANK,
        "RecordInterval": 30000,
        "StorageTime": 10,
        "Enable": 1,
        "VodSubAppId": 123,
    }
    assert found["RemoveWatermark"] is False


async def test_modify_keeps_what_is_absent(stage: Stage) -> None:
    id = await create(stage, Mp4Param=FULL, FlvParam={"Enable": 1}, Description="d", RemoveWatermark=True)
    await stage.call(
        "ModifyLiveRecordTemplate",
        TemplateId=id,
        TemplateName="u",
        Mp4Param={"Enable": 0, "RecordInterval": 60},
        HlsSpecialParam={"FlowContinueDuration": 5},
        FlvSpecialParam={"UploadInRecording": True},
    )
    found = await described(stage, id)
    assert found["Mp4Param"] == {**FULL, "Enable": 0, "RecordInterval": 60}
    assert found["FlvParam"] == {**BLANK, "Enable": 1}
    assert (found["TemplateName"], found["Description"], found["RemoveWatermark"]) == ("u", "d", True)
    assert found["HlsSpecialParam"] == {"FlowContinueDuration": 5}
    assert found["FlvSpecialParam"] == {"UploadInRecording": True}


async def test_lists_tell_slow_live_apart(stage: Stage) -> None:
    ordinary, slow = await create(stage), await create(stage, IsDelayLive=1)
    for parameters, id in (({}, ordinary), ({"IsDelayLive": 0}, ordinary), ({"IsDelayLive": 1}, slow)):
        found = await stage.members("DescribeLiveRecordTemplates", **parameters)
        assert [template["TemplateId"] for template in found["Templates"]] == [id]
    stage.method = "GET"
    assert len((await stage.call("DescribeLiveRecordTemplates")).Templates) == 1


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"TemplateName": ""}, "MissingParameter"),
    ({"TemplateName": "a b"}, "InvalidParameterValue"),
    ({"TemplateName": "中" * 86}, "InvalidParameterValue"),
    ({"FlvParam": {"Enable": 2}}, "InvalidParameterValue"),
    ({"FlvParam": {"RecordInterval": 59}}, "InvalidParameterValue"),
    ({"Mp4Param": {"RecordInterval": 43201}}, "InvalidParameterValue"),
    ({"AacParam": {"RecordInterval": 7201}}, "InvalidParameterValue"),
    ({"Mp3Param": {"RecordInterval": 7201}}, "InvalidParameterValue"),
    ({"HlsParam": {"StorageTime": 129_600_001}}, "InvalidParameterValue"),
    ({"HlsParam": {"StorageMode": "warm"}}, "InvalidParameterValue"),
    ({"HlsParam": {"VodFileName": "{StreamId}"}}, "InvalidParameter.InvalidVodFileName"),
    ({"HlsParam": {"VodFileName": "{StreamID"}}, "InvalidParameter.InvalidVodFileName"),
    ({"HlsParam": {"VodFileName": "{RecordId}"}}, "InvalidParameter.InvalidVodFileName"),
    ({"HlsParam": {"CosBucketPath": "a"}}, "InvalidParameterValue"),
    ({"HlsParam": {"CosBucketPath": "/a/../b"}}, "InvalidParameterValue"),
    ({"HlsParam": {"Enable": 1}, "CosStore": 1}, "MissingParameter"),
    ({"HlsSpecialParam": {"FlowContinueDuration": 1801}}, "InvalidParameterValue"),
    ({"RemoveWatermark": "maybe"}, "InvalidParameter"),
    ({"IsDelayLive": 2}, "InvalidParameterValue"),
]


async def test_what_is_refused(stage: Stage) -> None:
    for parameters, code in REFUSED:
        asked = {"TemplateName": "t", **parameters}
        assert await stage.code("CreateLiveRecordTemplate", **asked) == code, parameters
    assert (await stage.call("DescribeLiveRecordTemplates")).Templates == []


async def test_an_unknown_template(stage: Stage) -> None:
    for action in ("Modify", "Delete", "Describe"):
        assert await stage.code(f"{action}LiveRecordTemplate", TemplateId=99) == "InternalError.ConfNotFound"
        assert await stage.code(f"{action}LiveRecordTemplate") == "MissingParameter"


async def test_a_refused_change_changes_nothing(stage: Stage) -> None:
    id = await create(stage, CosStore=1)
    code = await stage.code(
        "ModifyLiveRecordTemplate", TemplateId=id, TemplateName="u", FlvParam={"Enable": 1}
    )
    assert code == "MissingParameter"
    assert (await described(stage, id))["TemplateName"] == "t"


async def test_a_bound_template_is_not_deleted(stage: Stage) -> None:
    id = await create(stage)
    await stage.call("CreateLiveRecordRule", DomainName=DOMAIN, TemplateId=id)
    assert await stage.code("DeleteLiveRecordTemplate", TemplateId=id) == "FailedOperation.ConfInUsed"
    await stage.call("DeleteLiveRecordRule", DomainName=DOMAIN)
    await stage.call("DeleteLiveRecordTemplate", TemplateId=id)
    assert await stage.code("DescribeLiveRecordTemplate", TemplateId=id) == "InternalError.ConfNotFound"


async def test_fifty_templates(stage: Stage) -> None:
    ids = [await create(stage) for _ in range(50)]
    assert await stage.code("CreateLiveRecordTemplate", TemplateName="t") == "InternalError.ConfOutLimit"
    await stage.call("DeleteLiveRecordTemplate", TemplateId=ids[0])
    assert await create(stage) not in ids


async def test_no_limit(house: House) -> None:
    async with staged(house, template_limit=0) as stage:
        for _ in range(51):
            await create(stage)


async def test_a_key_of_one_domain(stage: Stage) -> None:
    """It sees what is bound to nothing or to its domain, and changes what is bound to no other."""
    guest = stage.as_guest()
    mine, others, shared, free = [await create(stage) for _ in range(4)]
    for domain, id in (("guest.example.com", mine), (DOMAIN, others), ("guest.example.com", shared)):
        await stage.call("CreateLiveRecordRule", DomainName=domain, TemplateId=id, AppName=f"a{id}")
    await stage.call("CreateLiveRecordRule", DomainName=DOMAIN, TemplateId=shared, AppName="b")

    seen = [template.TemplateId for template in (await guest.call("DescribeLiveRecordTemplates")).Templates]
    assert seen == [mine, shared, free]
    assert (await guest.call("DescribeLiveRecordTemplate", TemplateId=mine)).Template.TemplateId == mine
    assert await guest.code("DescribeLiveRecordTemplate", TemplateId=others) == "InternalError.ConfNotFound"
    change = {"TemplateName": "u"}
    await guest.call("ModifyLiveRecordTemplate", TemplateId=mine, **change)
    assert (
        await guest.code("ModifyLiveRecordTemplate", TemplateId=shared, **change) == "UnauthorizedOperation"
    )
    assert await guest.code("DeleteLiveRecordTemplate", TemplateId=others) == "InternalError.ConfNotFound"

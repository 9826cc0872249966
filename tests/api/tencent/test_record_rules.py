"""Record rules: bound, listed, unbound, refused."""

from __future__ import annotations

from typing import Any

import pytest
from api.tencent.stage import DOMAIN, Stage, staged
from control.house import House

RULE = "CreateLiveRecordRule"


async def template(stage: Stage) -> int:
    return int((await stage.call("CreateLiveRecordTemplate", TemplateName="t")).TemplateId)


@pytest.mark.parametrize("method", ["POST", "GET"])
async def test_there_and_back(stage: Stage, method: str) -> None:
    stage.method = method
    id = await template(stage)
    names = [("live", "s"), ("live", ""), ("", "s"), ("", "")]
    for app, stream in names:
        answer = await stage.members(RULE, DomainName=DOMAIN, AppName=app, StreamName=stream, TemplateId=id)
        assert answer == {}
    assert (await stage.members("DescribeLiveRecordRules")) == {
        "Rules": [
            {
                "CreateTime": stage.text(0),
                "UpdateTime": stage.text(0),
                "TemplateId": id,
                "DomainName": DOMAIN,
                "AppName": app,
                "StreamName": stream,
            }
            for app, stream in names
        ]
    }


async def test_absent_names_are_empty(stage: Stage) -> None:
    await stage.call(RULE, DomainName=DOMAIN, TemplateId=await template(stage))
    rules = (await stage.call("DescribeLiveRecordRules")).Rules
    assert [(rule.AppName, rule.StreamName) for rule in rules] == [("", "")]


async def test_a_rule_is_removed_by_exactly_its_names(stage: Stage) -> None:
    id = await template(stage)
    await stage.call(RULE, DomainName=DOMAIN, AppName="live", StreamName="s", TemplateId=id)
    for names in ({}, {"AppName": "live"}, {"StreamName": "s"}, {"AppName": "Live", "StreamName": "s"}):
        assert (
            await stage.code("DeleteLiveRecordRule", DomainName=DOMAIN, **names) == "FailedOperation.NotFound"
        )
    await stage.call("DeleteLiveRecordRule", DomainName=DOMAIN, AppName="live", StreamName="s")
    assert (await stage.call("DescribeLiveRecordRules")).Rules == []


async def test_the_same_names_twice(stage: Stage) -> None:
    id = await template(stage)
    await stage.call(RULE, DomainName=DOMAIN, AppName="live", TemplateId=id)
    code = await stage.code(RULE, DomainName=DOMAIN, AppName="live", TemplateId=id)
    assert code == "FailedOperation.RuleAlreadyExist"
    await stage.call(RULE, DomainName="other.example.com", AppName="live", TemplateId=id)


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"TemplateId": 99}, "InvalidParameter.ConfNotFound"),
    ({"TemplateId": None}, "MissingParameter"),
    ({"TemplateId": "x"}, "InvalidParameter"),
    ({"DomainName": None}, "MissingParameter"),
    ({"DomainName": "http://a"}, "InvalidParameter.DomainFormatError"),
    ({"AppName": "a/b"}, "InvalidParameterValue"),
    ({"StreamName": "../../etc/passwd"}, "InvalidParameterValue"),
]


async def test_what_is_refused(stage: Stage) -> None:
    id = await template(stage)
    for parameters, code in REFUSED:
        asked = {"DomainName": DOMAIN, "TemplateId": id, **parameters}
        assert await stage.code(RULE, **asked) == code, parameters
    assert (await stage.call("DescribeLiveRecordRules")).Rules == []


async def test_fifty_rules(house: House) -> None:
    async with staged(house) as stage:
        id = await template(stage)
        for number in range(50):
            await stage.call(RULE, DomainName=DOMAIN, AppName=f"a{number}", TemplateId=id)
        assert await stage.code(RULE, DomainName=DOMAIN, TemplateId=id) == "InternalError.RuleOutLimit"
        await stage.call("DeleteLiveRecordRule", DomainName=DOMAIN, AppName="a7")
        await stage.call(RULE, DomainName=DOMAIN, TemplateId=id)
    async with staged(house, rule_limit=0) as stage:
        await stage.call(RULE, DomainName="other.example.com", TemplateId=id)


async def test_a_key_of_one_domain(stage: Stage) -> None:
    guest = stage.as_guest()
    mine, others = await template(stage), await template(stage)
    await stage.call(RULE, DomainName=DOMAIN, TemplateId=others)
    for action, parameters in ((RULE, {"TemplateId": mine}), ("DeleteLiveRecordRule", {})):
        assert await guest.code(action, DomainName=DOMAIN, **parameters) == "UnauthorizedOperation"
    code = await guest.code(RULE, DomainName="guest.example.com", TemplateId=others)
    assert code == "InvalidParameter.ConfNotFound"
    await guest.call(RULE, DomainName="guest.example.com", TemplateId=mine)
    assert [rule.TemplateId for rule in (await guest.call("DescribeLiveRecordRules")).Rules] == [mine]
    assert len((await stage.call("DescribeLiveRecordRules")).Rules) == 2


async def test_a_rule_records_the_next_push(stage: Stage) -> None:
    """And what it records goes on when the rule is gone."""
    answer = await stage.call(
        "CreateLiveRecordTemplate", TemplateName="t", FlvParam={"Enable": 1}, Mp4Param={"Enable": "1"}
    )
    await stage.call(RULE, DomainName=DOMAIN, AppName="live", TemplateId=answer.TemplateId)
    await stage.house.push()
    await stage.house.runs("flv+mp4")
    await stage.call("DeleteLiveRecordRule", DomainName=DOMAIN, AppName="live")
    await stage.call("DeleteLiveRecordTemplate", TemplateId=answer.TemplateId)
    await stage.house.runs("flv+mp4")
    await stage.house.leave()
    await stage.house.runs()
    await stage.house.push()
    await stage.house.runs()

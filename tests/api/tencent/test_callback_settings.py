"""Callback templates and rules: every member there and back, what is refused, and the limit."""

from __future__ import annotations

from typing import Any

import pytest
from api.tencent.stage import DOMAIN, Stage

# The SDK's description of a template has no RecordStatusNotifyUrl, and says so in a warning.
pytestmark = pytest.mark.filterwarnings("ignore:RecordStatusNotifyUrl")

URLS = {
    f"{name}NotifyUrl": f"http://h.example.com/{name}?a=1&b=2"
    for name in (
        "StreamBegin",
        "StreamEnd",
        "Record",
        "RecordException",
        "Snapshot",
        "PornCensorship",
        "PushException",
        "AudioAudit",
        "StreamMix",
    )
}
URL = {"RecordNotifyUrl": "https://h/cb"}


async def create(stage: Stage, **parameters: Any) -> int:
    answer = await stage.call("CreateLiveCallbackTemplate", **{"TemplateName": "t", **URL, **parameters})
    assert isinstance(answer.TemplateId, int)
    return answer.TemplateId


async def described(stage: Stage, id: int) -> dict[str, Any]:
    found: dict[str, Any] = (await stage.members("DescribeLiveCallbackTemplate", TemplateId=id))["Template"]
    return found


@pytest.mark.parametrize("method", ["POST", "GET"])
async def test_every_member_there_and_back(stage: Stage, method: str) -> None:
    stage.method = method
    whole = {
        "TemplateName": "中文",
        "Description": "d",
        **URLS,
        "CallbackKey": "adasda131312",
        "RecordExceptionLevels": ["error", "warning"],
    }
    id = await create(stage, **whole, RecordStatusNotifyUrl="http://h/status")
    assert await described(stage, id) == {"TemplateId": id, **whole}
    found = (await stage.members("DescribeLiveCallbackTemplates"))["Templates"]
    assert found == [{"TemplateId": id, **whole}]


async def test_the_member_that_the_sdk_leaves_out(stage: Stage) -> None:
    id = await create(stage, RecordStatusNotifyUrl="http://h/status")
    with pytest.warns(UserWarning, match="RecordStatusNotifyUrl"):
        await stage.call("DescribeLiveCallbackTemplate", TemplateId=id)


async def test_what_was_not_given_is_empty(stage: Stage) -> None:
    id = await create(stage)
    assert await described(stage, id) == {
        "TemplateId": id,
        "TemplateName": "t",
        "Description": "",
        **dict.fromkeys(URLS, ""),
        **URL,
        "CallbackKey": "",
        "RecordExceptionLevels": [],
    }


async def test_modify_keeps_what_is_absent(stage: Stage) -> None:
    id = await create(stage, Description="d", CallbackKey="k", RecordExceptionLevels=["info"])
    await stage.call(
        "ModifyLiveCallbackTemplate",
        TemplateId=id,
        TemplateName="u",
        StreamEndNotifyUrl="http://h/end",
        RecordExceptionLevels=["ERROR", "error"],
    )
    found = await described(stage, id)
    assert (found["TemplateName"], found["Description"], found["CallbackKey"]) == ("u", "d", "k")
    assert (found["RecordNotifyUrl"], found["StreamEndNotifyUrl"]) == ("https://h/cb", "http://h/end")
    assert found["RecordExceptionLevels"] == ["error"]


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"TemplateName": None}, "MissingParameter"),
    ({"TemplateName": "a b"}, "InvalidParameter.ArgsNotMatch"),
    ({"TemplateName": "a" * 256}, "InvalidParameter.ArgsNotMatch"),
    ({"Description": "中" * 342}, "InvalidParameterValue"),
    ({"RecordNotifyUrl": None}, "MissingParameter"),
    ({"RecordNotifyUrl": "ftp://h/a"}, "InvalidParameter.UrlNotSafe"),
    ({"RecordNotifyUrl": "h/a"}, "InvalidParameter.UrlNotSafe"),
    ({"RecordNotifyUrl": "http://"}, "InvalidParameter.UrlNotSafe"),
    ({"RecordNotifyUrl": "http://[::1/a"}, "InvalidParameter.UrlNotSafe"),
    ({"RecordNotifyUrl": "http://h:99999/"}, "InvalidParameter.UrlNotSafe"),
    ({"RecordNotifyUrl": "http://h/a\r\nX: y"}, "InvalidParameter.UrlNotSafe"),
    ({"RecordExceptionLevels": ["alarm"]}, "InvalidParameterValue"),
]


async def test_what_is_refused(stage: Stage) -> None:
    for parameters, code in REFUSED:
        asked = {"TemplateName": "t", **URL, **parameters}
        assert await stage.code("CreateLiveCallbackTemplate", **asked) == code, parameters
    assert (await stage.call("DescribeLiveCallbackTemplates")).Templates == []


async def test_an_unknown_template(stage: Stage) -> None:
    for action in ("Modify", "Delete", "Describe"):
        code = await stage.code(f"{action}LiveCallbackTemplate", TemplateId=99)
        assert code == "InternalError.ConfNotFound"
    code = await stage.code("CreateLiveCallbackRule", DomainName=DOMAIN, AppName="live", TemplateId=99)
    assert code == "InvalidParameter.ConfNotFound"


async def test_fifty_templates(stage: Stage) -> None:
    ids = [await create(stage) for _ in range(50)]
    code = await stage.code("CreateLiveCallbackTemplate", TemplateName="t", **URL)
    assert code == "InternalError.ConfOutLimit"
    await stage.call("DeleteLiveCallbackTemplate", TemplateId=ids[0])
    await create(stage)


@pytest.mark.parametrize("method", ["POST", "GET"])
async def test_rules(stage: Stage, method: str) -> None:
    stage.method = method
    id = await create(stage)
    for app in ("live", ""):
        await stage.call("CreateLiveCallbackRule", DomainName=DOMAIN, AppName=app, TemplateId=id)
    assert await stage.members("DescribeLiveCallbackRules") == {
        "Rules": [
            {
                "CreateTime": stage.text(0),
                "UpdateTime": stage.text(0),
                "TemplateId": id,
                "DomainName": DOMAIN,
                "AppName": app,
            }
            for app in ("live", "")
        ]
    }
    code = await stage.code("CreateLiveCallbackRule", DomainName=DOMAIN, AppName="live", TemplateId=id)
    assert code == "FailedOperation.RuleAlreadyExist"
    assert await stage.code("DeleteLiveCallbackTemplate", TemplateId=id) == "FailedOperation.ConfInUsed"
    for app in ("live", ""):
        await stage.call("DeleteLiveCallbackRule", DomainName=DOMAIN, AppName=app)
    code = await stage.code("DeleteLiveCallbackRule", DomainName=DOMAIN, AppName="live")
    assert code == "FailedOperation.NotFound"
    await stage.call("DeleteLiveCallbackTemplate", TemplateId=id)


async def test_an_app_must_be_named(stage: Stage) -> None:
    id = await create(stage)
    for action, parameters in (("Create", {"TemplateId": id}), ("Delete", {})):
        code = await stage.code(f"{action}LiveCallbackRule", DomainName=DOMAIN, **parameters)
        assert code == "MissingParameter"


async def test_a_key_of_one_domain_sees_no_key_of_others(stage: Stage) -> None:
    guest = stage.as_guest()
    id = await create(stage, CallbackKey="secret")
    await stage.call("CreateLiveCallbackRule", DomainName=DOMAIN, AppName="live", TemplateId=id)
    assert (await guest.call("DescribeLiveCallbackTemplates")).Templates == []
    assert (await guest.call("DescribeLiveCallbackRules")).Rules == []
    for action, more in (("Modify", {"CallbackKey": "mine"}), ("Delete", {}), ("Describe", {})):
        code = await guest.code(f"{action}LiveCallbackTemplate", TemplateId=id, **more)
        assert code == "InternalError.ConfNotFound"
    rule = {"DomainName": "guest.example.com", "AppName": "live", "TemplateId": id}
    assert await guest.code("CreateLiveCallbackRule", **rule) == "InvalidParameter.ConfNotFound"
    for action in ("Create", "Delete"):
        rule = {"DomainName": DOMAIN, "AppName": "x"} | ({"TemplateId": id} if action == "Create" else {})
        assert await guest.code(f"{action}LiveCallbackRule", **rule) == "UnauthorizedOperation"

"""Notify configurations, and what was told."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from api.aliyun.sdk import CLIENTS, LEAVES_SOCKETS
from api.aliyun.stage import DOMAIN, Stage, staged
from control.house import House

from engine.catalog import outbox
from engine.catalog.schema import Callback, CallbackAttempt

ADD, UPDATE, DELETE, DESCRIBE = (
    f"{verb}LiveRecordNotifyConfig" for verb in ("Add", "Update", "Delete", "Describe")
)
RECORDS = "DescribeLiveRecordNotifyRecords"
URL = "http://learn.example.com/examplecallback.action"
AUTH_KEY = "yourkey1234567890"

pytestmark = LEAVES_SOCKETS


async def kept(stage: Stage) -> dict[str, Any]:
    config: dict[str, Any] = (await stage.call(DESCRIBE, DomainName=DOMAIN))["LiveRecordNotifyConfig"]
    return config


@pytest.mark.parametrize("client", CLIENTS)
async def test_there_and_back(stage: Stage, client: str) -> None:
    stage = stage.by(client)
    assert await stage.call(ADD, DomainName=DOMAIN, NotifyUrl=URL) == {}
    assert await kept(stage) == {
        "DomainName": DOMAIN,
        "NotifyUrl": URL,
        "OnDemandUrl": "",
        "NeedStatusNotify": False,
        "NotifyReqAuth": False,
        "NotifyAuthKey": "",
    }
    refused = await stage.refused(ADD, DomainName=DOMAIN, NotifyUrl=URL)
    assert (refused.status, refused.code) == (400, "ConfigAlreadyExists")
    other = "https://[2001:db8::1]:8443/x?y=z"
    more = {"OnDemandUrl": other, "NeedStatusNotify": True}
    assert await stage.call(UPDATE, DomainName=DOMAIN, NotifyUrl=other, **more) == {}
    assert await kept(stage) == {
        "DomainName": DOMAIN,
        "NotifyUrl": other,
        "OnDemandUrl": other,
        "NeedStatusNotify": True,
        "NotifyReqAuth": False,
        "NotifyAuthKey": "",
    }
    assert await stage.call(UPDATE, DomainName=DOMAIN, NotifyUrl=URL) == {}
    assert (await kept(stage))["NeedStatusNotify"] is True
    assert await stage.call(DELETE, DomainName=DOMAIN) == {}
    for action, given in ((UPDATE, {"NotifyUrl": URL}), (DELETE, {}), (DESCRIBE, {})):
        refused = await stage.refused(action, DomainName=DOMAIN, **given)
        assert (refused.status, refused.code) == (400, "CodeConfigNotFound")


@pytest.mark.parametrize("client", ["acs3", "v2"])  # the old SDK knows no key
async def test_a_key(stage: Stage, client: str) -> None:
    stage = stage.by(client)
    good = {"DomainName": DOMAIN, "NotifyUrl": URL}
    assert await stage.code(ADD, **good, NotifyReqAuth=True) == "MissingNotifyAuthKey"
    for key in ("a" * 15, "a" * 33, "not-a-key-at-all!"):
        code = await stage.code(ADD, **good, NotifyReqAuth=True, NotifyAuthKey=key)
        assert code == "InvalidNotifyAuthKey.Malformed"
    await stage.call(ADD, **good, NotifyReqAuth=True, NotifyAuthKey=AUTH_KEY)
    config = await kept(stage)
    assert (config["NotifyReqAuth"], config["NotifyAuthKey"]) == (True, AUTH_KEY)
    await stage.call(UPDATE, **good, NotifyReqAuth=False)
    await stage.call(UPDATE, **good, NotifyReqAuth=True)
    assert (await kept(stage))["NotifyAuthKey"] == AUTH_KEY


async def test_of_many_that_come_at_once_one_is_added(stage: Stage) -> None:
    calls = (stage.call(ADD, DomainName=DOMAIN, NotifyUrl=URL) for _ in range(6))
    outcomes = await asyncio.gather(*calls, return_exceptions=True)
    assert [outcome for outcome in outcomes if outcome == {}] == [{}]


BAD_URLS = [
    "learn.example.com",
    "ftp://a/b",
    "http://",
    "http://a b/",
    "http://h:99999/",
    "http://ä.example/",
]


async def test_urls_that_are_none(stage: Stage) -> None:
    for url in BAD_URLS:
        refused = await stage.refused(ADD, DomainName=DOMAIN, NotifyUrl=url)
        assert (refused.status, refused.code) == (400, "InvalidNotifyUrl.Malformed"), url
        code = await stage.code(ADD, DomainName=DOMAIN, NotifyUrl=URL, OnDemandUrl=url)
        assert code == "InvalidOnDemandUrl.Malformed"
    assert await stage.code(ADD, DomainName=DOMAIN) == "MissingNotifyUrl"
    assert await stage.code(ADD, DomainName=DOMAIN, NotifyUrl=URL, NeedStatusNotify="maybe") == (
        "InvalidNeedStatusNotify.Malformed"
    )


PRIVATE = [
    "http://127.0.0.1/x",
    "http://10.0.0.1:8080/",
    "http://[::1]/",
    "http://localhost/",
    "https://169.254.1.1/",
]


async def test_private_addresses_are_a_setting(house: House) -> None:
    async with staged(house) as stage:
        for url in PRIVATE:
            await stage.call(ADD, DomainName=DOMAIN, NotifyUrl=url, OnDemandUrl=url)
            await stage.call(DELETE, DomainName=DOMAIN)
    async with staged(house, private_addresses=False) as stage:
        await stage.call(ADD, DomainName=DOMAIN, NotifyUrl=URL)
        for url in PRIVATE:
            for action in (ADD, UPDATE):
                refused = await stage.refused(action, DomainName=DOMAIN, NotifyUrl=url)
                assert (refused.status, refused.code) == (400, "InvalidNotifyUrl.Unsafe")
            code = await stage.code(UPDATE, DomainName=DOMAIN, NotifyUrl=URL, OnDemandUrl=url)
            assert code == "InvalidOnDemandUrl.Unsafe"


async def test_a_key_of_one_domain(stage: Stage) -> None:
    await stage.call(ADD, DomainName=DOMAIN, NotifyUrl=URL)
    guest = stage.as_guest()
    page = {"StartTime": stage.text(-60), "EndTime": stage.text(60), "PageNumber": 1, "PageSize": 10}
    for action, given in (
        (ADD, {"NotifyUrl": URL}),
        (UPDATE, {"NotifyUrl": URL}),
        (DELETE, {}),
        (DESCRIBE, {}),
        (RECORDS, page),
    ):
        refused = await guest.refused(action, DomainName=DOMAIN, **given)
        assert (refused.status, refused.code) == (403, "IllegalOperation")


# What was told


async def told(stage: Stage, once: str, state: str = "delivered", attempts: int = 1, **more: Any) -> None:
    """A notice in the outbox, with its attempts."""
    now = stage.house.clock()
    notice = {
        "once": once,
        "vendor": "aliyun",
        "event": "file_created",
        "url": URL,
        "message": {"app": "live"},
        "domain": DOMAIN,
        "app": "live",
        "stream": "s",
        "state": state,
        "attempts": attempts,
        "next_at": now,
        "created_at": now,
        **more,
    }
    async with stage.house.catalog.begin() as session:
        session.add(callback := Callback(**notice))
        await session.flush()
        for number in range(attempts):
            is_last = number == attempts - 1 and state == "delivered"
            attempt = CallbackAttempt(
                callback_id=callback.id,
                at=now + timedelta(seconds=number),
                took_ms=5,
                status=200 if is_last else 502,
                answer="thanks" if is_last else "bad gateway",
                error="",
                headers={"ALI-LIVE-TIMESTAMP": str(number)},
                body='{"app":"live"}',
            )
            await outbox.add_attempt(session, attempt)


def page(stage: Stage, **more: Any) -> dict[str, Any]:
    times = {"StartTime": stage.text(-3600), "EndTime": stage.text(3600)}
    return {"DomainName": DOMAIN, **times, "PageNumber": 1, "PageSize": 10, **more}


@pytest.mark.parametrize("client", CLIENTS)
async def test_what_was_told(stage: Stage, client: str) -> None:
    stage = stage.by(client)
    await told(stage, "file:1", attempts=2)
    assert await stage.call(RECORDS, **page(stage)) == {
        "CallbackList": [
            {
                "NotifyType": "file_created",
                "NotifyUrl": URL,
                "NotifyContent": '{"app":"live"}',
                "NotifyHeader": '{"ALI-LIVE-TIMESTAMP": "1"}',
                "NotifyResponse": "thanks",
                "NotifyResult": "success",
                "NotifyTime": stage.text(1),
                "Description": "success",
                "StorageType": "oss",
                "DomainName": DOMAIN,
                "AppName": "live",
                "StreamName": "s",
            }
        ],
        "Code": 200,
        "Msg": "success",
        "PageNum": 1,
        "PageSize": 10,
        "TotalNum": 1,
        "TotalPage": 1,
    }


async def test_which_of_them_are_listed(stage: Stage) -> None:
    await told(stage, "1", event="record_started")
    await told(stage, "2", "waiting", event="record_paused", stream="t")
    await told(stage, "3", "failed", 6, event="record_resumed", app="other")
    await told(stage, "untried", "waiting", 0)
    await told(stage, "tencent's", vendor="tencent")
    await told(stage, "another's", domain="other.example.com")
    await told(stage, "old", created_at=stage.house.clock() - timedelta(hours=2))

    async def types(**more: Any) -> list[str]:
        answer = await stage.call(RECORDS, **page(stage, **more))
        assert answer["TotalNum"] >= len(answer["CallbackList"])
        return [one["NotifyType"].removeprefix("record_") for one in answer["CallbackList"]]

    assert await types() == ["resumed", "paused", "started"]
    assert await types(Status="success") == ["started"]
    assert await types(Status="failed") == ["resumed", "paused"]
    assert await types(AppName="other") == ["resumed"]
    assert await types(StreamName="t") == ["paused"]
    assert await types(StorageType="oss") == await types(StorageType="all") == await types()
    assert await types(StorageType="vod") == []
    assert await types(PageNumber=2, PageSize=2) == ["started"]
    (failed,) = (await stage.call(RECORDS, **page(stage, AppName="other")))["CallbackList"]
    assert (failed["NotifyResult"], failed["Description"]) == ("failed", "HTTP status 502")


async def test_pages_that_are_refused(stage: Stage) -> None:
    for more, code in (
        ({"PageSize": 501}, "InvalidPageSize.Malformed"),
        ({"PageNumber": 0}, "InvalidPageNumber.Malformed"),
        ({"Status": "maybe"}, "InvalidStatus.Malformed"),
        ({"StorageType": "cos"}, "InvalidStorageType.Malformed"),
        ({"EndTime": stage.text(-3600)}, "InvalidEndTime.Malformed"),
    ):
        assert await stage.code(RECORDS, **page(stage, **more)) == code
    for name in page(stage):
        given = {other: value for other, value in page(stage).items() if other != name}
        assert await stage.code(RECORDS, **given) == f"Missing{name}"

"""Tencent's legacy v2: numbers for codes, and no nonce twice."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from api.signing import make_call, v1_signed
from api.tiny import serving
from api.vectors import KEY, TIMESTAMP, changed, with_header

from engine.api.dispatch import LEGACY_PATH
from engine.api.keys import Key
from engine.api.rates import Rates
from engine.api.request import Call


def good(pairs: dict[str, str] | None = None, method: str = "GET", **common: str) -> Call:
    return v1_signed(method, pairs or {"channelId": "1"}, path=LEGACY_PATH, **common)


CODES: list[tuple[int, str, Callable[[], Call]]] = [
    (4000, "UnsupportedProtocol", lambda: changed(good(), method="PUT")),
    (4000, "RequestSizeLimitExceeded", lambda: changed(good(method="POST"), body=b"a" * (1 << 20 | 1))),
    (4000, "MissingParameter", lambda: make_call("GET", LEGACY_PATH, "", {})),
    (4000, "MissingParameter", lambda: good(Nonce="")),
    (4000, "InvalidParameter", lambda: good(Nonce="0")),
    (6100, "InvalidAction", lambda: good(Action="Fly")),
    (4104, "AuthFailure", lambda: good(SecretId="AKIDOTHER")),
    (4105, "AuthFailure", lambda: good(Token="t")),
    (4500, "AuthFailure", lambda: good(Timestamp=str(TIMESTAMP - 301))),
    (4100, "AuthFailure", lambda: changed(good(), query=good().query + b"&x=1")),
    (4100, "AuthFailure", lambda: with_header(good(), "Host", "example.com")),
    (5000, "ResourceNotFound", lambda: good({"channelId": "refused"})),
    (6000, "InternalError", lambda: good({"channelId": "broken"})),
    (6000, "InternalError", lambda: good({"channelId": "defect"})),
]


@pytest.mark.parametrize(("code", "description", "call"), CODES)
async def test_codes(code: int, description: str, call: Callable[[], Call]) -> None:
    async with serving() as server:
        answer = await server.call(call())
    assert answer.status == 200
    assert answer.headers["content-type"] == "application/json"
    assert set(answer.json) == {"code", "message", "codeDesc", "requestId"}
    assert (answer.json["code"], answer.json["codeDesc"]) == (code, description)
    assert answer.json["message"]


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_good_call_is_answered(method: str) -> None:
    async with serving() as server:
        answer = await server.call(good(method=method))
    assert answer.status == 200
    assert answer.headers["content-type"] == "application/json"
    request_id = server.legacy.callers[0].request_id
    assert answer.json == {
        "code": 0, "message": "", "codeDesc": "Success", "Seen": {"channelId": "1"}, "requestId": request_id,
    }  # fmt: skip


async def test_no_nonce_twice_within_the_window() -> None:
    async with serving() as server:
        assert (await server.call(changed(good(), query=good().query + b"&x=1"))).json["code"] == 4100
        assert (await server.call(good())).json["code"] == 0
        answer = await server.call(good({"channelId": "2"}))
        assert (answer.json["code"], answer.json["codeDesc"]) == (4500, "ReplayAttack")
        assert (await server.call(good(Nonce="8"))).json["code"] == 0
        server.now += timedelta(seconds=400)
        later = good(Timestamp=str(TIMESTAMP + 400))
        assert (await server.call(later)).json["code"] == 0


async def test_a_rate() -> None:
    async with serving(rates=Rates(clock=lambda: 1.0), rate=1) as server:
        assert (await server.call(good(Nonce="1"))).json["code"] == 0
        answer = await server.call(good(Nonce="2"))
        assert (answer.json["code"], answer.json["codeDesc"]) == (4400, "RequestLimitExceeded")


async def test_a_key_is_for_its_domains() -> None:
    async with serving(keys=(Key(KEY.id, KEY.secret, ("example.org",)),)) as server:
        assert (await server.call(good({"channelId": "forbidden"}))).json["code"] == 4101


async def test_without_keys_nobody_signs() -> None:
    async with serving(keys=()) as server:
        answer = await server.call(make_call("GET", LEGACY_PATH, "Action=CreateRecord&channelId=1", {}))
        assert answer.json["Seen"] == {"channelId": "1"}
        answer = await server.call(make_call("GET", LEGACY_PATH, "channelId=1", {}))
        assert answer.json["code"] == 4000
        page = {"Origin": "http://evil.example"}
        answer = await server.call(make_call("GET", LEGACY_PATH, "Action=CreateRecord", page))
        assert answer.json["code"] == 4101

"""Tencent's API 3.0: what is checked in which order, with which code and in which envelope."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from api.signing import FORM, make_call, tc3_signed, v1_signed
from api.tiny import Server, serving
from api.vectors import KEY, TC3, TIMESTAMP, V1, changed, with_header

from engine.api.keys import Key
from engine.api.rates import Rates
from engine.api.request import MAX_BODY, MAX_TARGET, Call

UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}")
BODY = b'{"StreamName": "s"}'


def good(body: bytes = BODY, **changes: Any) -> Call:
    return tc3_signed("POST", "", body, **changes)


def without(call: Call, name: str) -> Call:
    return changed(call, headers={key: value for key, value in call.headers.items() if key.lower() != name})


async def code_of(call: Call, server: Server) -> str:
    answer = await server.call(call)
    assert answer.status == 200
    assert answer.headers["content-type"] == "application/json"
    response = answer.json["Response"]
    assert list(answer.json) == ["Response"]
    assert set(response) == {"Error", "RequestId"}
    assert set(response["Error"]) == {"Code", "Message"}
    assert UUID.fullmatch(response["RequestId"])
    return str(response["Error"]["Code"])


# From line to line what is wrong comes later in the order of checks, and most calls are also wrong in a way
# that is checked later.
IN_ORDER: list[tuple[str, Callable[[], Call]]] = [
    ("UnsupportedProtocol", lambda: changed(without(good(), "x-tc-version"), method="PUT")),
    ("UnsupportedProtocol", lambda: make_call("DELETE", "/", "", {})),
    ("RequestSizeLimitExceeded", lambda: make_call("GET", "/", "x=" + "y" * MAX_TARGET, {})),
    (
        "RequestSizeLimitExceeded",
        lambda: make_call("POST", "/", "", {"Content-Type": FORM}, b"a=" + b"b" * (1 << 20)),
    ),
    ("MissingParameter", lambda: make_call("GET", "/", "", {})),
    ("MissingParameter", lambda: with_header(without(good(), "authorization"), "X-TC-Action", "Nothing")),
    ("MissingParameter", lambda: with_header(without(good(), "x-tc-version"), "Authorization", "SKIP")),
    ("MissingParameter", lambda: without(good(), "x-tc-timestamp")),
    ("MissingParameter", lambda: v1_signed("GET", {}, Nonce="")),
    ("NoSuchVersion", lambda: with_header(good(), "X-TC-Version", "2016-01-01")),
    ("InvalidAction", lambda: with_header(good(), "X-TC-Action", "createLiveRecord")),
    ("InvalidAction", lambda: with_header(good(b"not JSON"), "X-TC-Action", "SearchMedia")),
    ("AuthFailure.InvalidAuthorization", lambda: with_header(good(), "Authorization", "SKIP")),
    ("AuthFailure.InvalidAuthorization", lambda: good(signed="host;x-tc-action")),
    ("AuthFailure.TokenFailure", lambda: with_header(good(), "X-TC-Token", "t")),
    ("AuthFailure.InvalidSecretId", lambda: v1_signed("GET", {}, SecretId="a b")),
    ("AuthFailure.SecretIdNotFound", lambda: v1_signed("GET", {}, SecretId="AKIDOTHER")),
    ("InvalidParameter", lambda: with_header(good(), "X-TC-Timestamp", "yesterday")),
    ("InvalidParameter", lambda: v1_signed("GET", {}, Nonce="-1")),
    ("InvalidParameterValue", lambda: v1_signed("GET", {}, algorithm="HmacMD5")),
    ("AuthFailure.SignatureExpire", lambda: good(timestamp=TIMESTAMP - 301)),
    ("AuthFailure.SignatureExpire", lambda: v1_signed("POST", {}, Timestamp=str(TIMESTAMP + 301))),
    ("AuthFailure.SignatureFailure", lambda: good(date="2025-10-08")),
    ("AuthFailure.SignatureFailure", lambda: changed(good(), body=b"not JSON")),
    ("InvalidParameter", lambda: good(b"not JSON")),
    ("InvalidParameter", lambda: good(b"[1]")),
    ("InvalidParameter", lambda: good(b'{"A": NaN}')),
    ("InvalidParameter", lambda: good(b"\xff")),
    ("InvalidParameter", lambda: good(b"[" * 100_000)),
    ("InvalidParameter", lambda: good(b'{"A": ["\\ud800"]}')),
    ("InvalidParameter", lambda: good(b'{"A": {"B": "\\u0000"}}')),
    ("InvalidParameter", lambda: tc3_signed("GET", "A=1&A=2", b"")),
    ("InvalidParameter", lambda: tc3_signed("GET", "A=%ff", b"")),
    ("MissingParameter", lambda: good(b'{"StreamName": ""}')),
    ("ResourceNotFound.TaskId", lambda: good(b'{"StreamName": "refused"}')),
    ("InternalError", lambda: good(b'{"StreamName": "broken"}')),
    ("InternalError", lambda: good(b'{"StreamName": "defect"}')),
]


@pytest.mark.parametrize(("code", "call"), IN_ORDER)
async def test_codes(code: str, call: Callable[[], Call]) -> None:
    async with serving() as server:
        assert await code_of(call(), server) == code


async def test_a_good_call_is_answered() -> None:
    async with serving() as server:
        answer = await server.call(good(timestamp=TIMESTAMP - 300))
    assert answer.status == 200
    assert answer.headers["content-type"] == "application/json"
    response = answer.json["Response"]
    assert set(response) == {"Seen", "RequestId"}
    assert UUID.fullmatch(response["RequestId"])
    assert server.tencent.callers[0].request_id == response["RequestId"]
    assert server.tencent.callers[0].key == KEY


async def test_messages_name_the_parameter() -> None:
    async with serving() as server:
        answer = await server.call(make_call("GET", "/", "Action=CreateLiveRecord&SecretId=AKIDEXAMPLE", {}))
        assert answer.error["Message"] == "The request is missing a required parameter `Version`."
        answer = await server.call(v1_signed("GET", {"StreamName": "broken"}))
        assert "hunter2" not in answer.error["Message"]


async def test_tc3_takes_up_to_ten_megabytes() -> None:
    def padded(size: int) -> bytes:
        return b'{"A": "' + b"x" * (size - 9) + b'"}'

    async with serving() as server:
        answer = await server.call(good(padded(MAX_BODY)))
        assert len(answer.json["Response"]["Seen"]["A"]) == MAX_BODY - 9
        assert await code_of(good(padded(MAX_BODY + 1)), server) == "RequestSizeLimitExceeded"


async def test_a_get_of_the_longest_target_is_answered() -> None:
    query = "A=" + "x" * (MAX_TARGET - len("/?A="))
    async with serving() as server:
        answer = await server.call(tc3_signed("GET", query, b""))
        assert len(answer.json["Response"]["Seen"]["A"]) == len(query) - 2


async def test_multipart_is_for_no_action_here() -> None:
    call = tc3_signed("POST", "", b"--b--", extra={"content-type": "multipart/form-data; boundary=b"})
    async with serving() as server:
        assert await code_of(call, server) == "UnsupportedOperation"


@pytest.mark.parametrize("media_type", ["text/plain", FORM])
async def test_a_tc3_post_is_json(media_type: str) -> None:
    async with serving() as server:
        call = tc3_signed("POST", "", BODY, extra={"content-type": media_type})
        assert await code_of(call, server) == "InvalidParameter"
        call = tc3_signed("POST", "", BODY, extra={"content-type": "application/json; charset=utf-8"})
        assert (await server.call(call)).json["Response"]["Seen"] == {"StreamName": "s"}


async def test_a_body_of_no_bytes_is_an_empty_object() -> None:
    async with serving() as server:
        assert (await server.call(good(b""))).json["Response"]["Seen"] == {}


async def test_the_query_of_a_post_is_not_read() -> None:
    async with serving() as server:
        answer = await server.call(changed(good(), query=b"StreamName=other&Evil=1"))
        assert answer.json["Response"]["Seen"] == {"StreamName": "s"}
        answer = await server.call(changed(v1_signed("POST", {"A": "1"}), query=b"Evil=1"))
        assert answer.json["Response"]["Seen"] == {"A": "1"}


@pytest.mark.parametrize(
    "host", ["http://127.0.0.1:18080", "https://live.example.com", "localhost:18080", "[::1]:1"]
)
async def test_odd_hosts(host: str) -> None:
    """What Python and tccli send and sign for an endpoint with a scheme, and others."""
    call = with_header(good(host=host), "Host", host)
    async with serving() as server:
        assert (await server.call(call)).json["Response"]["Seen"] == {"StreamName": "s"}


async def test_a_rate_is_told_as_clients_read_it() -> None:
    clock = [10.0]
    async with serving(rates=Rates(clock=lambda: clock[0]), rate=20) as server:
        for _ in range(20):
            assert "Seen" in (await server.call(good())).json["Response"]
        answer = await server.call(good(b"not JSON"))
        assert answer.error == {
            "Code": "RequestLimitExceeded",
            "Message": "Your current request times equals to `21` in a second, which exceeds the frequency "
            "limit `20` for a second. Please reduce the frequency of calls.",
        }
        assert "Seen" in (await server.call(good(action="CreateLiveRecordTemplate"))).json["Response"]
        assert await code_of(changed(good(), body=b"x"), server) == "AuthFailure.SignatureFailure"
        clock[0] = 11.0
        assert "Seen" in (await server.call(good())).json["Response"]


async def test_a_key_is_for_its_domains() -> None:
    body = json.dumps({"StreamName": "forbidden"}).encode()
    async with serving(keys=(Key(KEY.id, KEY.secret, ("*.example.org",)),)) as server:
        assert await code_of(good(body), server) == "UnauthorizedOperation"
    async with serving(keys=(Key(KEY.id, KEY.secret, ("*.example.com",)),)) as server:
        assert "Seen" in (await server.call(good(body))).json["Response"]


async def test_the_clock_is_the_given_one() -> None:
    async with serving() as server:
        server.now = server.now.replace(year=2026)
        assert await code_of(TC3[0].call, server) == "AuthFailure.SignatureExpire"
        assert await code_of(V1[0].call, server) == "AuthFailure.SignatureExpire"


async def test_a_nonce_may_come_again() -> None:
    async with serving() as server:
        for _ in range(2):
            assert "Seen" in (await server.call(V1[0].call)).json["Response"]


async def test_without_keys_nobody_signs() -> None:
    headers = {"X-TC-Action": "CreateLiveRecord", "X-TC-Version": "2018-08-01"}
    call = make_call("POST", "/", "", {**headers, "Content-Type": "application/json"}, BODY)
    async with serving(keys=()) as server:
        assert (await server.call(call)).json["Response"]["Seen"] == {"StreamName": "s"}
        assert server.tencent.callers[0].key is None
        assert server.tencent.callers[0].may("any.example.com")
        answer = await server.call(with_header(V1[0].call, "Sec-Fetch-Site", "none"))
        assert answer.json["Response"]["Seen"] == V1[0].parameters
        for host in ("localhost", "[::1]:80", "http://127.0.0.1:18080"):
            assert "Seen" in (await server.call(with_header(call, "Host", host))).json["Response"]
        # A name that a page's own server lets point to 127.0.0.1: the browser says nothing else of it.
        for name, value in [
            ("Origin", "http://evil.example"),
            ("Sec-Fetch-Site", "cross-site"),
            ("Host", "evil.example:8750"),
        ]:
            assert await code_of(with_header(call, name, value), server) == "UnauthorizedOperation"
        assert await code_of(without(call, "x-tc-version"), server) == "MissingParameter"

"""Aliyun: errors with their HTTP status, as JSON or XML, and messages that the old SDK can split."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Callable
from datetime import timedelta

import pytest
from api.signing import FORM, acs3_signed, make_call, rpc_signed
from api.tiny import Answer, serving
from api.vectors import KEY, RPC, changed, with_header

from engine.api.keys import Key
from engine.api.rates import Rates
from engine.api.request import Call
from engine.api.signatures import acs3, rpc

UUID = re.compile(r"[0-9A-F]{8}-[0-9A-F]{4}-4[0-9A-F]{3}-[0-9A-F]{4}-[0-9A-F]{12}")


def check_error(answer: Answer, status: int, code: str) -> str:
    assert answer.status == status
    assert answer.headers["content-type"].startswith("application/json")
    assert set(answer.json) == {"RequestId", "HostId", "Code", "Message", "Recommend"}
    assert answer.json["Code"] == code
    assert answer.json["HostId"] == "live.aliyuncs.com"
    assert UUID.fullmatch(answer.json["RequestId"])
    return str(answer.json["Message"])


def good_rpc(pairs: dict[str, str] | None = None, **common: str) -> Call:
    return rpc_signed("POST", pairs or {"StreamName": "s"}, **common)


def good_acs3(pairs: dict[str, str] | None = None, **changes: str) -> Call:
    return acs3_signed("POST", pairs or {"StreamName": "s"}, **changes)


def unsigned(name: str) -> Call:
    names = acs3.read_authorization(good_acs3().header("Authorization")).signed_headers.split(";")
    return good_acs3(signed=";".join(other for other in names if other != name))


CODES: list[tuple[int, str, Callable[[], Call]]] = [
    (400, "UnsupportedHTTPMethod", lambda: changed(good_rpc(), method="PUT")),
    (413, "RequestEntityTooLarge", lambda: changed(good_acs3(), body=b"a" * (1 << 20 | 1))),
    (400, "InvalidParameter.Format", lambda: changed(good_rpc(), query=good_rpc().query + b"&StreamName=t")),
    (400, "MissingAction", lambda: good_rpc(Action="")),
    (400, "MissingVersion", lambda: good_rpc(Version="")),
    (400, "MissingSignatureNonce", lambda: good_rpc(SignatureNonce="")),
    (400, "MissingTimestamp", lambda: good_acs3(x_acs_date="")),
    (
        400,
        "MissingAccessKeyId",
        lambda: make_call("GET", "/", "", {"x-acs-action": "A", "x-acs-version": "1"}),
    ),
    (400, "InvalidVersion", lambda: good_rpc(Version="2014-01-01")),
    (404, "InvalidAction.NotFound", lambda: good_acs3(x_acs_action="Fly")),
    (400, "IncompleteSignature", lambda: with_header(good_acs3(), "Authorization", "ACS3-HMAC-SHA256 x")),
    (400, "IncompleteSignature", lambda: unsigned("x-acs-action")),
    (400, "IncompleteSignature", lambda: unsigned("host")),
    (404, "InvalidAccessKeyId.NotFound", lambda: good_rpc(AccessKeyId="other")),
    (404, "InvalidAccessKeyId.NotFound", lambda: good_rpc(AccessKeyId="no key id")),
    (400, "InvalidTimeStamp.Format", lambda: good_rpc(Timestamp="1760000000")),
    (400, "InvalidTimeStamp.Expired", lambda: good_rpc(Timestamp="2025-10-09T08:38:19Z")),
    (400, "InvalidTimeStamp.Expired", lambda: good_acs3(x_acs_date="2025-10-09T09:08:21Z")),
    (400, "SignatureDoesNotMatch", lambda: changed(good_rpc(), method="GET")),
    (400, "SignatureDoesNotMatch", lambda: changed(good_acs3(), body=b"a=1")),
    (400, "InvalidParameter.Format", lambda: good_acs3({"A": "\0"})),
    (404, "ResourceNotFound.TaskId", lambda: good_acs3({"StreamName": "refused"})),
    (500, "InternalError", lambda: good_acs3({"StreamName": "broken"})),
    (500, "InternalError", lambda: good_rpc({"StreamName": "defect"})),
]


@pytest.mark.parametrize(("status", "code", "call"), CODES)
async def test_codes(status: int, code: str, call: Callable[[], Call]) -> None:
    async with serving() as server:
        check_error(await server.call(call()), status, code)


async def test_a_missing_parameter_is_named() -> None:
    async with serving() as server:
        message = check_error(await server.call(good_rpc(Timestamp="")), 400, "MissingTimestamp")
    assert message == "Timestamp is mandatory for this action."


@pytest.mark.parametrize("timestamp", ["2025-10-09T08:38:20Z", "2025-10-09T09:08:20Z"])
async def test_a_good_call_is_answered(timestamp: str) -> None:
    async with serving() as server:
        for call in (
            good_rpc(Timestamp=timestamp),
            good_acs3(x_acs_date=timestamp, x_acs_signature_nonce="2"),
        ):
            answer = await server.call(call)
            assert answer.status == 200
            assert answer.headers["content-type"].startswith("application/json")
            assert set(answer.json) == {"RequestId", "Seen"}
            assert UUID.fullmatch(answer.json["RequestId"])


async def test_query_and_form_are_merged() -> None:
    async with serving() as server:
        answer = await server.call(acs3_signed("POST", {"A": "1"}, {"B": "2"}))
        assert answer.json["Seen"] == {"A": "1", "B": "2"}


async def test_a_wrong_signature_is_told_what_was_to_be_signed() -> None:
    call = changed(RPC[1].call, query=RPC[1].call.query[:-6] + b"%3D%3D")
    async with serving() as server:
        message = check_error(await server.call(call), 400, "SignatureDoesNotMatch")
    # What the old SDK does with it.
    assert message.split(":")[1] == rpc.string_to_sign("POST", call.query_pairs)
    call = with_header(good_acs3(), "Host", "example.com")
    async with serving() as server:
        message = check_error(await server.call(call), 400, "SignatureDoesNotMatch")
    assert message.split(":")[1].startswith("ACS3-HMAC-SHA256\n")


async def test_no_nonce_twice_within_the_window() -> None:
    async with serving() as server:
        check_error(await server.call(changed(good_rpc(), method="GET")), 400, "SignatureDoesNotMatch")
        assert (await server.call(good_rpc())).status == 200
        check_error(await server.call(good_rpc({"StreamName": "t"})), 400, "SignatureNonceUsed")
        check_error(await server.call(good_acs3()), 400, "SignatureNonceUsed")
        server.now += timedelta(seconds=1100)
        assert (await server.call(good_rpc(Timestamp="2025-10-09T09:11:00Z"))).status == 200


@pytest.mark.parametrize("format", ["XML", "xml", "", None])
async def test_xml_where_it_is_asked_for(format: str | None) -> None:
    """By the RPC style: when Format asks for it, or there is none."""
    pairs = {"A": "<&>", "StreamName": "s"}
    call = good_rpc(pairs, Format=format or "")
    if format is None:
        call = make_call("GET", "/", "Action=RealTimeRecordCommand&AccessKeyId=x", {})
    async with serving() as server:
        answer = await server.call(call)
    assert answer.headers["content-type"].startswith("text/xml")
    root = ET.fromstring(answer.body)
    if format is None:
        assert answer.status == 400
        assert root.tag == "Error"
        assert [child.tag for child in root] == ["RequestId", "HostId", "Code", "Message", "Recommend"]
        assert root.findtext("Code") == "MissingVersion"
    else:
        assert answer.status == 200
        assert root.tag == "RealTimeRecordCommandResponse"
        assert root.findtext("Seen/A") == "<&>"
        assert UUID.fullmatch(root.findtext("RequestId") or "")


async def test_another_format_is_none() -> None:
    async with serving() as server:
        check_error(await server.call(good_rpc(Format="yaml")), 400, "InvalidParameter.Format")


async def test_a_rate() -> None:
    async with serving(rates=Rates(clock=lambda: 1.0), rate=1) as server:
        assert (await server.call(good_rpc())).status == 200
        check_error(await server.call(good_rpc(SignatureNonce="2")), 400, "Throttling.User")


async def test_a_key_is_for_its_domains() -> None:
    async with serving(keys=(Key(KEY.id, KEY.secret, ("example.org",)),)) as server:
        check_error(await server.call(good_acs3({"StreamName": "forbidden"})), 403, "IllegalOperation")


async def test_without_keys_nobody_signs() -> None:
    headers = {"x-acs-action": "RealTimeRecordCommand", "x-acs-version": "2016-11-01"}
    async with serving(keys=()) as server:
        answer = await server.call(make_call("POST", "/", "A=1", {**headers, "Content-Type": FORM}, b"B=2"))
        assert answer.json["Seen"] == {"A": "1", "B": "2"}
        assert (await server.call(good_rpc(Signature="x"))).status == 200
        page = make_call("POST", "/", "A=1", {**headers, "Origin": "null"})
        check_error(await server.call(page), 401, "Forbidden")

"""One signature after the other: an unchanged call is let in, and one with any byte changed of what is
signed is not. Asked are the transports, each with a rate counter behind the signature that tells when it is
reached."""

from __future__ import annotations

from typing import Any, NoReturn

import pytest
from api.signing import (
    acs3_signed,
    altered,
    make_call,
    methods,
    parameters,
    rpc_signed,
    tc3_signed,
    v1_signed,
    values,
)
from api.tiny import ALIYUN, TENCENT, Tiny
from api.vectors import HOST, KEY, NOW
from hypothesis import assume, given
from hypothesis import strategies as st

from engine.api.dispatch import LEGACY_PATH
from engine.api.faults import ApiFault
from engine.api.keys import KeyRing
from engine.api.rates import Rates
from engine.api.request import Call
from engine.api.signatures import acs3, tc3
from engine.api.signatures.errors import MalformedAuthorization
from engine.api.signatures.hosts import signed_hosts
from engine.api.transports.aliyun import AliyunWire
from engine.api.transports.legacy import LegacyWire
from engine.api.transports.tencent import TencentWire
from engine.api.transports.wire import Gate, Wire


class _LetIn(Exception):
    """The signature was accepted."""


class _Behind(Rates):
    def count(self, key_id: str, action: str, limit: int) -> NoReturn:
        raise _LetIn


def wire_of(kind: type[Wire]) -> Wire:
    actions = {TencentWire: TENCENT, LegacyWire: [("", "CreateRecord")], AliyunWire: ALIYUN}[kind]
    return kind(Tiny(actions), Gate(KeyRing([KEY]), _Behind(), lambda: NOW))


def is_let_in(kind: type[Wire], call: Call) -> bool:
    """By a transport that has not seen a call before."""
    try:
        wire_of(kind).admit(call)
    except _LetIn:
        return True
    except ApiFault:
        return False
    raise AssertionError("no rate was counted")


def check(kind: type[Wire], call: Call, wrong: Call, meaning: Any) -> None:
    assert is_let_in(kind, call)
    assume(meaning(wrong) != meaning(call))
    assert not is_let_in(kind, wrong)


def authorization(module: Any, call: Call) -> object:
    """In its parts: a space more or less between them is no change."""
    try:
        return module.read_authorization(call.header("Authorization"))
    except MalformedAuthorization:
        return None


@given(
    st.data(),
    methods,
    parameters,
    st.binary(max_size=30),
    st.sampled_from(["live", "127", "localhost:18080", "a/b"]),
    st.sampled_from([HOST, "127.0.0.1"]),
)
def test_tc3(
    data: st.DataObject, method: str, pairs: dict[str, str], body: bytes, service: str, host: str
) -> None:
    query = "&".join(f"{name}={value.encode().hex()}" for name, value in pairs.items())
    is_get = method == "GET"
    call = tc3_signed(method, query if is_get else "", b"" if is_get else body, service=service, host=host)

    def meaning(one: Call) -> object:
        sent = one.query if one.method == "GET" else one.body
        names = ("Content-Type", "X-TC-Action", "X-TC-Timestamp")
        headers = [one.header(name).strip().lower() for name in names]
        return one.method, sent, headers, host in signed_hosts(one.header("Host")), authorization(tc3, one)

    headers = ("Host", "Content-Type", "X-TC-Action", "X-TC-Timestamp", "Authorization", "Authorization")
    check(TencentWire, call, data.draw(altered(call, *headers)), meaning)


def v1_meaning(call: Call) -> object:
    """Both spellings of a byte are one, `_` is signed as a dot, and of a POST only the form is read."""
    pairs = call.form_pairs if call.method == "POST" else call.query_pairs
    normal = sorted((name.replace("_", "."), value) for name, value in pairs)
    return call.method, normal, "127.0.0.1:18080" in signed_hosts(call.header("Host"))


@given(st.data(), methods, parameters, st.sampled_from(["HmacSHA1", "HmacSHA256"]))
def test_v1(data: st.DataObject, method: str, pairs: dict[str, str], algorithm: str) -> None:
    call = v1_signed(method, pairs, algorithm=algorithm)
    check(TencentWire, call, data.draw(altered(call, "Host")), v1_meaning)


@given(st.data(), methods, parameters, st.sampled_from(["HmacSHA1", "HmacSHA256"]))
def test_legacy(data: st.DataObject, method: str, pairs: dict[str, str], algorithm: str) -> None:
    call = v1_signed(method, pairs, path=LEGACY_PATH, algorithm=algorithm)
    check(LegacyWire, call, data.draw(altered(call, "Host")), v1_meaning)


@given(st.data(), methods, parameters, parameters)
def test_acs3(data: st.DataObject, method: str, pairs: dict[str, str], form: dict[str, str]) -> None:
    call = acs3_signed(method, pairs, {f"f{name}": value for name, value in form.items()})
    signed = tuple(call.header("Authorization").partition("SignedHeaders=")[2].partition(",")[0].split(";"))

    def meaning(one: Call) -> object:
        headers = [one.header(name).strip() for name in signed]
        return one.method, sorted(one.query_pairs), one.body, headers, authorization(acs3, one)

    check(AliyunWire, call, data.draw(altered(call, *signed, "Authorization", "Authorization")), meaning)


@given(st.data(), methods, parameters, st.booleans())
def test_rpc(data: st.DataObject, method: str, pairs: dict[str, str], is_form: bool) -> None:
    call = rpc_signed(method, pairs, is_form=is_form)

    def meaning(one: Call) -> object:
        return one.method, sorted((*one.query_pairs, *one.form_pairs))

    check(AliyunWire, call, data.draw(altered(call)), meaning)


@pytest.mark.parametrize("kind", [TencentWire, LegacyWire, AliyunWire])
@given(
    st.sampled_from(["GET", "POST", "PUT"]),
    st.text(max_size=60),
    st.binary(max_size=60),
    st.sampled_from(["application/json", "application/x-www-form-urlencoded", "multipart/form-data", ""]),
    values,
)
def test_no_other_call_is_let_in_and_none_breaks_it(
    kind: type[Wire], method: str, query: str, body: bytes, media_type: str, text: str
) -> None:
    headers = {
        "Content-Type": media_type,
        "Authorization": f"TC3-HMAC-SHA256 {text}",
        "X-TC-Action": "CreateLiveRecord",
        "X-TC-Version": text,
        "X-TC-Timestamp": text,
    }
    for lines in ({}, {"Content-Type": media_type}, headers):
        call = make_call(method, "/", query, lines, body)
        assert not is_let_in(kind, call)
        reply = wire_of(kind).refuse(call, ApiFault("X", text), "id")
        assert reply.body.decode()

"""What official SDKs sent is accepted, by the signatures and by a server, and asks for what they meant."""

from __future__ import annotations

from hashlib import sha256

import pytest
from api.tiny import serving
from api.vectors import ACS3, ALL, KEY, LEGACY, RPC, TC3, V1, Vector

from engine.api.dispatch import LEGACY_PATH
from engine.api.signatures import acs3, rpc, tc3, v1


@pytest.mark.parametrize("vector", TC3, ids=str)
def test_tc3(vector: Vector) -> None:
    authorization = tc3.read_authorization(vector.call.header("Authorization"))
    tc3.check(vector.call, authorization, KEY.secret)


@pytest.mark.parametrize("vector", [*V1, *LEGACY], ids=str)
def test_v1(vector: Vector) -> None:
    pairs = vector.call.form_pairs or vector.call.query_pairs
    given = dict(pairs)
    path = LEGACY_PATH if vector in LEGACY else "/"
    method = given["SignatureMethod"]
    v1.check(vector.call, pairs, path=path, method=method, signature=given["Signature"], secret=KEY.secret)


@pytest.mark.parametrize("vector", ACS3, ids=str)
def test_acs3(vector: Vector) -> None:
    acs3.check(vector.call, acs3.read_authorization(vector.call.header("Authorization")), KEY.secret)


@pytest.mark.parametrize("vector", RPC, ids=str)
def test_rpc(vector: Vector) -> None:
    pairs = (*vector.call.query_pairs, *vector.call.form_pairs)
    rpc.check(vector.call.method, pairs, signature=dict(pairs)["Signature"], secret=KEY.secret)


@pytest.mark.parametrize("vector", ALL, ids=str)
async def test_a_server_runs_what_was_asked_for(vector: Vector) -> None:
    async with serving() as server:
        answer = await server.call(vector.call)
    assert answer.status == 200
    members = answer.json.get("Response", answer.json)
    assert members["Seen"] == vector.parameters
    assert members["RequestId" if "RequestId" in members else "requestId"]


def test_intermediate_values_of_the_contract() -> None:
    first = TC3[0].call
    assert len(first.body) == 211
    body_hash = "9621a049d652ccf7e8f2a5822a0224196e4a2eada177bad41d60ad0ab9169e58"
    assert sha256(first.body).hexdigest() == body_hash
    canonical = tc3.canonical_request(first, "content-type;host", first.header("Host"))
    expected = "12953d4bf3a9f45177e554770214bdad513ce20f7bfaabce4a1d630a47c9ba61"
    assert sha256(canonical).hexdigest() == expected
    signed = acs3.read_authorization(ACS3[0].call.header("Authorization")).signed_headers
    expected = "459f8eec0e54fcffffa02b91602e1ac0e1304414f51dc277716255882141934b"
    assert sha256(acs3.canonical_request(ACS3[0].call, signed)).hexdigest() == expected


def test_the_source_of_v1() -> None:
    assert v1.source("GET", "127.0.0.1:18080", "/", sorted(V1[0].call.query_pairs)) == (
        "GET127.0.0.1:18080/?Action=CreateLiveRecord&AppName=live&DomainName=5000.live.push.com"
        "&EndTime=2025-10-09 18:00:00&Language=en-US&Nonce=1234567890&RequestClient=SDK_PYTHON_3.1.194"
        "&SecretId=AKIDEXAMPLE&SignatureMethod=HmacSHA1&StartTime=2025-10-09 17:00:00&StreamName=livetest"
        "&StreamParam=record_interval=3600&storage_time=2592000&Timestamp=1760000000&Version=2018-08-01"
    )


def test_the_string_to_sign_of_rpc() -> None:
    assert rpc.string_to_sign("POST", RPC[1].call.query_pairs) == (
        "POST&%2F&AccessKeyId%3DAKIDEXAMPLE%26Action%3DRealTimeRecordCommand%26AppName%3DliveApp"
        "%26Command%3Dstart%26DomainName%3Dexample.com%26Format%3DJSON%26RegionId%3Dcn-shanghai"
        "%26SignatureMethod%3DHMAC-SHA1%26SignatureNonce%3D11111111-2222-3333-4444-555555555555"
        "%26SignatureType%3D%26SignatureVersion%3D1.0%26StreamName%3DliveStream"
        "%26Timestamp%3D2025-10-09T08%253A53%253A20Z%26Version%3D2016-11-01"
    )

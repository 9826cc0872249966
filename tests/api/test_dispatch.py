"""Which dialect a call is in, and how a server takes what is in none."""

from __future__ import annotations

import asyncio
import json

import pytest
from api.signing import FORM, make_call
from api.tiny import as_bytes, serving
from api.vectors import ACS3, ALL, LEGACY, RPC, TC3, V1, Vector, with_header

from engine.api.dispatch import Family, family
from engine.api.request import Call
from engine.api.transports.xml import xml_document

FAMILIES = [
    (Family.TENCENT, [*TC3, *V1]),
    (Family.LEGACY, LEGACY),
    (Family.ALIYUN, [*ACS3, *RPC]),
]


@pytest.mark.parametrize("host", ["127.0.0.1", "live.aliyuncs.com", "live.tencentcloudapi.com", "http://x:1"])
@pytest.mark.parametrize(
    ("vector", "expected"),
    [(vector, expected) for expected, vectors in FAMILIES for vector in vectors],
    ids=lambda value: str(value),
)
def test_by_no_host(vector: Vector, expected: Family, host: str) -> None:
    assert family(with_header(vector.call, "Host", host)) is expected


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        (make_call("GET", "/", "", {}), Family.TENCENT),
        (make_call("GET", "/", "Action=A", {}), Family.TENCENT),
        (make_call("GET", "/", "AccessKeyId=A", {}), Family.ALIYUN),
        (make_call("GET", "/", "AccessKeyId=A&Action=B&SecretId=C", {}), Family.TENCENT),
        (make_call("POST", "/", "", {"Content-Type": FORM}, b"AccessKeyId=A"), Family.ALIYUN),
        (make_call("POST", "/", "", {"Content-Type": "text/plain"}, b"AccessKeyId=A"), Family.TENCENT),
        (make_call("POST", "/", "", {"Authorization": "ACS3-HMAC-SHA256 x"}), Family.ALIYUN),
        (make_call("GET", "/", "AccessKeyId=A", {"X-TC-Action": "B", "x-acs-action": "C"}), Family.TENCENT),
        (make_call("GET", "/v2/index.php", "AccessKeyId=A", {"X-TC-Action": "B"}), Family.LEGACY),
    ],
)
def test_by_path_header_and_parameters(call: Call, expected: Family) -> None:
    assert family(call) is expected


async def test_request_ids_are_unique_in_every_answer() -> None:
    seen = set()
    async with serving() as server:
        for vector in [*ALL, *ALL]:
            answer = await server.call(vector.call)
            members = answer.json.get("Response", answer.json)
            seen.add(members.get("RequestId") or members.get("requestId"))
    assert len(seen) == 2 * len(ALL)
    assert all(seen)


async def test_a_log_line_of_an_action_has_its_request_id(capfd: pytest.CaptureFixture[str]) -> None:
    body = json.dumps({"StreamName": "defect"}).encode()
    headers = {
        "X-TC-Action": "CreateLiveRecord",
        "X-TC-Version": "2018-08-01",
        "Content-Type": "application/json",
    }
    call = make_call("POST", "/", "", headers, body)
    async with serving(keys=()) as server:
        answer = await server.call(call)
        await server.call(make_call("GET", "/", "", {}))
    failed, refused = map(json.loads, capfd.readouterr().err.splitlines())
    assert failed["request_id"] == answer.json["Response"]["RequestId"]
    named = ("call.failed", "CreateLiveRecord", "tencent", "127.0.0.1")
    assert (failed["event"], failed["action"], failed["dialect"], failed["peer"]) == named
    assert failed["exception"].startswith("Traceback")
    assert (refused["code"], refused["action"]) == ("MissingParameter", "")
    assert refused["request_id"] != failed["request_id"]


async def test_a_connection_is_kept() -> None:
    """Both answers come on it, of a good call and of one that is refused."""
    async with serving() as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        try:
            for call, word in [(TC3[0].call, b"Seen"), (with_header(V1[0].call, "Host", "x"), b"Error")]:
                writer.write(as_bytes(call))
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().partition(b"content-length:")[2].split()[0])
                assert word in await reader.readexactly(length)
        finally:
            writer.close()


async def test_a_caller_that_leaves_is_no_error(caplog: pytest.LogCaptureFixture) -> None:
    async with serving() as server:
        _, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(as_bytes(TC3[0].call)[:-1])
        await writer.drain()
        # The answer of another call: by then the first one's is being read.
        await server.call(TC3[0].call)
        writer.close()
        await writer.wait_closed()
        await server.call(TC3[0].call)
    assert not caplog.records


async def test_a_whole_url_as_target() -> None:
    """What a client sends to a proxy, and some without one."""
    headers = {"X-TC-Action": "CreateLiveRecord", "X-TC-Version": "2018-08-01"}
    async with serving(keys=()) as server:
        call = make_call("GET", f"http://{server.address}/", "StreamName=s", headers)
        assert (await server.call(call)).json["Response"]["Seen"] == {"StreamName": "s"}


def test_xml_says_what_json_does() -> None:
    members = {
        "A": {"B": [{"C": 1}, {"C": 2.5}]},
        "Flag": True,
        "Nothing": None,
        "Empty": [],
        "Text": "<&\0>",
    }
    assert xml_document("R", members).decode() == (
        "<?xml version='1.0' encoding='UTF-8'?><R><A><B><C>1</C></B><B><C>2.5</C></B></A><Flag>true</Flag>"
        "<Nothing></Nothing><Text>&lt;&amp;?&gt;</Text></R>"
    )

"""Official clients against a server: what they ask is run, and errors are raised with their codes."""

from __future__ import annotations

import asyncio
import gc
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from alibabacloud_live20161101 import models as aliyun_models
from alibabacloud_live20161101.client import Client as AliyunClient
from alibabacloud_tea_openapi.exceptions import ClientException
from alibabacloud_tea_openapi.models import Config
from aliyunsdkcore.acs_exception.exceptions import ServerException
from aliyunsdkcore.client import AcsClient
from aliyunsdklive.request.v20161101.RealTimeRecordCommandRequest import RealTimeRecordCommandRequest
from api.tiny import Server, serving
from api.vectors import KEY
from tencentcloud.common.credential import Credential
from tencentcloud.common.exception.tencent_cloud_sdk_exception import TencentCloudSDKException
from tencentcloud.common.profile.client_profile import ClientProfile
from tencentcloud.common.profile.http_profile import HttpProfile
from tencentcloud.live.v20180801.live_client import LiveClient
from tencentcloud.vod.v20180717.vod_client import VodClient

from engine.api.rates import Rates

CALL_S = 30
SIGNATURES = ["TC3-HMAC-SHA256", "HmacSHA1", "HmacSHA256"]


# Some of the clients leave it to the garbage collector to close their connections.
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")


@pytest.fixture(autouse=True)
def surroundings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("HOME", str(tmp_path))
    yield
    gc.collect()


async def run(call: Callable[..., Any], *arguments: Any) -> Any:
    """A blocking client, beside the loop that serves it."""
    return await asyncio.wait_for(asyncio.to_thread(call, *arguments), CALL_S)


def tencent(
    server: Server,
    kind: Any = LiveClient,
    *,
    secret: str = KEY.secret,
    key: str = KEY.id,
    sign: str = SIGNATURES[0],
    method: str = "POST",
    scheme: str = "",
    token: str | None = None,
) -> Any:
    http = HttpProfile(protocol="http", endpoint=scheme + server.address, reqMethod=method, reqTimeout=CALL_S)
    profile = ClientProfile(httpProfile=http, signMethod=sign, language="en-US")
    return kind(Credential(key, secret, token), "", profile)


async def tencent_code(server: Server, client: Any, action: str, parameters: dict[str, Any]) -> str:
    with pytest.raises(TencentCloudSDKException) as raised:
        await run(client.call_json, action, parameters)
    assert raised.value.requestId
    return str(raised.value.code)


STREAM = {"StreamName": "é中 a+b&c=d%", "AppName": "live", "StartTime": "2025-10-09 17:00:00"}


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("sign", SIGNATURES)
async def test_tencent(sign: str, method: str) -> None:
    async with serving(now=None) as server:
        client = tencent(server, sign=sign, method=method)
        answer = await run(client.call_json, "CreateLiveRecord", STREAM)
        assert answer["Response"]["Seen"] == STREAM
        assert answer["Response"]["RequestId"] == server.tencent.callers[0].request_id
        vod = tencent(server, VodClient, sign=sign, method=method)
        assert (await run(vod.call_json, "SearchMedia", {"Text": "a"}))["Response"]["Seen"] == {"Text": "a"}


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("sign", SIGNATURES)
async def test_tencent_errors(sign: str, method: str) -> None:
    async with serving(now=None) as server:
        good = tencent(server, sign=sign, method=method)
        stream = {"StreamName": "refused"}
        assert await tencent_code(server, good, "CreateLiveRecord", stream) == "ResourceNotFound.TaskId"
        broken = {"StreamName": "defect"}
        assert await tencent_code(server, good, "CreateLiveRecord", broken) == "InternalError"
        assert await tencent_code(server, good, "StopLiveRecord", {}) == "InvalidAction"
        assert await tencent_code(server, good, "CreateLiveRecord", {"StreamName": ""}) == "MissingParameter"
        for changes, code in [
            ({"secret": "other"}, "AuthFailure.SignatureFailure"),
            ({"key": "AKIDOTHER"}, "AuthFailure.SecretIdNotFound"),
            ({"token": "t"}, "AuthFailure.TokenFailure"),
        ]:
            client = tencent(server, sign=sign, method=method, **changes)
            assert await tencent_code(server, client, "CreateLiveRecord", STREAM) == code


@pytest.mark.parametrize("sign", SIGNATURES)
async def test_tencent_with_a_scheme_in_its_endpoint(sign: str) -> None:
    """The SDK then sends and signs `Host: http://127.0.0.1:PORT`."""
    async with serving(now=None) as server:
        client = tencent(server, sign=sign, scheme="http://")
        assert (await run(client.call_json, "CreateLiveRecord", STREAM))["Response"]["Seen"] == STREAM


async def test_tencent_unsigned() -> None:
    async with serving(now=None) as server:
        with pytest.raises(TencentCloudSDKException) as raised:
            await run(
                lambda: tencent(server).call_json("CreateLiveRecord", STREAM, options={"SkipSign": True})
            )
        assert raised.value.code == "AuthFailure.InvalidAuthorization"
    async with serving(now=None, keys=()) as server:
        answer = await run(
            lambda: tencent(server).call_json("CreateLiveRecord", STREAM, options={"SkipSign": True})
        )
        assert answer["Response"]["Seen"] == STREAM


async def test_tencent_too_often() -> None:
    async with serving(now=None, rates=Rates(clock=lambda: 1.0), rate=1) as server:
        client = tencent(server)
        await run(client.call_json, "CreateLiveRecord", STREAM)
        assert await tencent_code(server, client, "CreateLiveRecord", STREAM) == "RequestLimitExceeded"


async def tccli(server: Server, *arguments: str, secret: str = KEY.secret) -> tuple[int | None, str]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-W", "ignore", "-c", "from tccli.main import main; main()"),
        *("live", "CreateLiveRecord", *arguments, "--endpoint", f"http://{server.address}"),
        *("--secretId", KEY.id, "--secretKey", secret, "--region", "ap-guangzhou"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await asyncio.wait_for(process.communicate(), 2 * CALL_S)
    return process.returncode, output.decode()


async def test_tccli() -> None:
    async with serving(now=None) as server:
        _, output = await tccli(server, "--StreamName", "s", "--Highlight", "1")
        assert json.loads(output)["RequestId"] == server.tencent.callers[0].request_id
        assert server.tencent.seen == [{"StreamName": "s", "Highlight": 1}]
        _, output = await tccli(server, "--StreamName", "s", secret="other")
        assert "AuthFailure.SignatureFailure" in output


def aliyun(server: Server, **changes: Any) -> AliyunClient:
    options = {"access_key_id": KEY.id, "access_key_secret": KEY.secret, **changes}
    return AliyunClient(Config(endpoint=server.address, protocol="http", region_id="cn-shanghai", **options))


def command(**parameters: str) -> aliyun_models.RealTimeRecordCommandRequest:
    return aliyun_models.RealTimeRecordCommandRequest(**parameters)


@pytest.mark.parametrize("signature", [{}, {"signature_algorithm": "v2"}])
async def test_aliyun(signature: dict[str, str]) -> None:
    async with serving(now=None) as server:
        client = aliyun(server, **signature)
        answer = await run(client.real_time_record_command, command(stream_name=STREAM["StreamName"]))
        assert answer.body.request_id == server.aliyun.callers[0].request_id
        request = aliyun_models.AddLiveAppRecordConfigRequest(
            record_format=[aliyun_models.AddLiveAppRecordConfigRequestRecordFormat(format="m3u8")]
        )
        await run(client.add_live_app_record_config, request)
        for changes, stream, code, status in [
            ({}, "refused", "ResourceNotFound.TaskId", 404),
            ({"access_key_secret": "other"}, "s", "SignatureDoesNotMatch", 400),
            ({"access_key_id": "other"}, "s", "InvalidAccessKeyId.NotFound", 404),
        ]:
            client = aliyun(server, **signature, **changes)
            with pytest.raises(ClientException) as raised:
                await run(client.real_time_record_command, command(stream_name=stream))
            assert (raised.value.code, raised.value.status_code) == (code, status)


def old_aliyun(server: Server, secret: str, stream: str, format: str = "json") -> bytes:
    client = AcsClient(KEY.id, secret, "cn-shanghai", port=server.port, auto_retry=False)
    request = RealTimeRecordCommandRequest()
    request.set_endpoint("127.0.0.1")
    request.set_protocol_type("http")
    request.set_accept_format(format)
    request.set_StreamName(stream)
    return bytes(client.do_action_with_exception(request))


async def test_old_aliyun() -> None:
    async with serving(now=None) as server:
        answer = json.loads(await run(old_aliyun, server, KEY.secret, STREAM["StreamName"]))
        assert answer["Seen"]["StreamName"] == STREAM["StreamName"]
        for secret, stream, code, status in [
            (KEY.secret, "refused", "ResourceNotFound.TaskId", 404),
            # The server's string to sign is the client's: the SDK concludes that the secret is another.
            ("other", "s", "InvalidAccessKeySecret", 400),
        ]:
            with pytest.raises(ServerException) as raised:
                await run(old_aliyun, server, secret, stream)
            assert (raised.value.get_error_code(), raised.value.get_http_status()) == (code, status)
            assert raised.value.get_request_id()

"""Tencent's SDK for Python, pointed at a server of this machine."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import Any

import pytest
from api.vectors import KEY
from tencentcloud.common.credential import Credential
from tencentcloud.common.exception.tencent_cloud_sdk_exception import TencentCloudSDKException
from tencentcloud.common.profile.client_profile import ClientProfile
from tencentcloud.common.profile.http_profile import HttpProfile
from tencentcloud.live.v20180801 import models as live_models
from tencentcloud.live.v20180801.live_client import LiveClient
from tencentcloud.vod.v20180717 import models as vod_models
from tencentcloud.vod.v20180717.vod_client import VodClient

from engine.api.keys import Key

CALL_S = 30
_VOD = frozenset({"SearchMedia", "DescribeMediaInfos"})


@dataclass(kw_only=True)
class TencentSdk:
    """One way of calling: a method, a signature and a key."""

    port: int
    method: str = "POST"
    sign: str = "TC3-HMAC-SHA256"
    key: Key = KEY

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def run(self, action: str, **parameters: Any) -> Any:
        """What the SDK's own method of that action makes of the answer. It blocks."""
        client, models = (VodClient, vod_models) if action in _VOD else (LiveClient, live_models)
        http = HttpProfile(
            protocol="http", endpoint=self.address, reqMethod=self.method, reqTimeout=CALL_S, keepAlive=False
        )
        profile = ClientProfile(httpProfile=http, signMethod=self.sign, language="en-US")
        request = getattr(models, f"{action}Request")()
        request.from_json_string(json.dumps(parameters))
        return getattr(client(Credential(self.key.id, self.key.secret), "", profile), action)(request)

    async def call(self, action: str, **parameters: Any) -> Any:
        """The same, beside the loop that may be the server's."""
        answer = await asyncio.wait_for(asyncio.to_thread(self.run, action, **parameters), CALL_S)
        assert answer.RequestId
        return answer

    async def members(self, action: str, **parameters: Any) -> dict[str, Any]:
        """The answer's members but for RequestId, as the SDK writes them."""
        answer: dict[str, Any] = json.loads((await self.call(action, **parameters)).to_json_string())
        del answer["RequestId"]
        return answer

    async def code(self, action: str, **parameters: Any) -> str:
        """The code of the error that the SDK raises."""
        with pytest.raises(TencentCloudSDKException) as raised:
            await self.call(action, **parameters)
        assert raised.value.requestId
        return str(raised.value.code)

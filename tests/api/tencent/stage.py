"""Tencent's dialects on a real port, with a real catalog and control; recordings do what a test says."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import web
from api.tiny import Tiny
from api.vectors import KEY
from control.house import House
from tencentcloud.common.credential import Credential
from tencentcloud.common.exception.tencent_cloud_sdk_exception import TencentCloudSDKException
from tencentcloud.common.profile.client_profile import ClientProfile
from tencentcloud.common.profile.http_profile import HttpProfile
from tencentcloud.live.v20180801 import models as live_models
from tencentcloud.live.v20180801.live_client import LiveClient
from tencentcloud.vod.v20180717 import models as vod_models
from tencentcloud.vod.v20180717.vod_client import VodClient

from engine.api.application import RUNNER_OPTIONS, application
from engine.api.dialect import Dialects
from engine.api.keys import Key, KeyRing
from engine.api.services import Services
from engine.api.tencent.dialect import Legacy, Tencent
from engine.media.civil_time import china_text

CALL_S = 30
DOMAIN = "push.example.com"
PUBLIC = "http://files.example.com/f"
GUEST = Key("AKIDGUEST", "SECRETGUEST", ("guest.example.com",))
"""A key of one domain."""

WAYS = [
    ("POST", "TC3-HMAC-SHA256"),
    ("GET", "TC3-HMAC-SHA256"),
    ("POST", "HmacSHA1"),
    ("GET", "HmacSHA256"),
]
"""Each method and each signature of the SDK."""

_VOD = frozenset({"SearchMedia", "DescribeMediaInfos"})


@dataclass
class Stage:
    """A server of both dialects, and its official clients."""

    house: House
    port: int
    method: str = "POST"
    sign: str = "TC3-HMAC-SHA256"
    key: Key = KEY

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    async def call(self, action: str, **parameters: Any) -> Any:
        """What the SDK's own method of that action makes of the answer."""
        client, models = (VodClient, vod_models) if action in _VOD else (LiveClient, live_models)
        http = HttpProfile(
            protocol="http", endpoint=self.address, reqMethod=self.method, reqTimeout=CALL_S, keepAlive=False
        )
        profile = ClientProfile(httpProfile=http, signMethod=self.sign, language="en-US")
        request = getattr(models, f"{action}Request")()
        request.from_json_string(json.dumps(parameters))

        def run() -> Any:
            return getattr(client(Credential(self.key.id, self.key.secret), "", profile), action)(request)

        answer = await asyncio.wait_for(asyncio.to_thread(run), CALL_S)
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

    def as_guest(self) -> Stage:
        """The same server, called with the key of one domain."""
        return Stage(self.house, self.port, self.method, self.sign, GUEST)

    def text(self, seconds: float) -> str:
        """China-time text of a moment so many seconds from now."""
        return china_text(self.house.clock() + timedelta(seconds=seconds))

    def unix(self, seconds: float = 0) -> int:
        return int(self.house.clock().timestamp() + seconds)


@asynccontextmanager
async def staged(house: House, *, domain: str = DOMAIN, **limits: int) -> AsyncIterator[Stage]:
    """The server, around an open house. Signatures are checked by the real clock, which the SDKs sign by."""
    services = Services(
        catalog=house.catalog,
        control=house.control,
        root=house.root,
        public_url=PUBLIC,
        domain=domain,
        now=house.clock,
        **limits,
    )
    dialects = Dialects(Tencent(services), Legacy(services), Tiny([]))
    runner = web.AppRunner(application(dialects, keys=KeyRing([KEY, GUEST])), **RUNNER_OPTIONS)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield Stage(house, runner.addresses[0][1])
    finally:
        await runner.cleanup()

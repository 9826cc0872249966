"""Aliyun's dialect on a real port, with a real catalog and control; recordings do what a test says."""

from __future__ import annotations

import asyncio
import importlib
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import web
from alibabacloud_live20161101 import models
from alibabacloud_live20161101.client import Client
from alibabacloud_tea_openapi.exceptions import ClientException
from alibabacloud_tea_openapi.models import Config
from aliyunsdkcore.acs_exception.exceptions import ServerException
from aliyunsdkcore.client import AcsClient
from api.tiny import Tiny
from api.vectors import KEY
from control.house import KEY as STREAM
from control.house import House
from waiting import until

from engine.api.aliyun import aliyun
from engine.api.application import RUNNER_OPTIONS, application
from engine.api.dialect import Dialects
from engine.api.keys import Key, KeyRing
from engine.api.rates import Rates
from engine.api.services import Services
from engine.control import StreamKey
from engine.media.civil_time import iso_text

CALL_S = 30
DOMAIN = STREAM.domain
PUBLIC = "http://files.example.com/f"
GUEST = Key("AKIDGUEST", "SECRETGUEST", ("guest.example.com",))
"""A key of one domain."""
PREFIX = "record/{AppName}/{StreamName}/{Sequence}_{EscapedStartTime}_{EscapedEndTime}"
SLICES = "record/{AppName}/{StreamName}/{UnixTimestamp}_{Sequence}"
CLIENTS = ["acs3", "v2", "old"]
LEAVES_SOCKETS = pytest.mark.filterwarnings("ignore::ResourceWarning")
"""The old client leaves it to the garbage collector to close its connections."""


@dataclass(frozen=True)
class Refused:
    """What a client raised."""

    status: int
    code: str
    message: str


@dataclass
class Stage:
    """A server of the dialect, and its official clients: the SDK with either signature, and the old SDK."""

    house: House
    port: int
    client: str = "acs3"
    key: Key = KEY

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    async def call(self, action: str, **parameters: Any) -> dict[str, Any]:
        """The answer's members but for RequestId, by the SDK's own request of that action."""
        run = self._old if self.client == "old" else self._current
        answer = await asyncio.wait_for(asyncio.to_thread(run, action, parameters), CALL_S)
        assert answer.pop("RequestId")
        return answer

    def _current(self, action: str, parameters: dict[str, Any]) -> dict[str, Any]:
        signature = {"signature_algorithm": "v2"} if self.client == "v2" else {}
        config = Config(
            access_key_id=self.key.id,
            access_key_secret=self.key.secret,
            endpoint=self.address,
            protocol="http",
            region_id="cn-shanghai",
            **signature,
        )
        request = getattr(models, f"{action}Request")().from_map(parameters)
        method = re.sub(r"(?<!^)(?=[A-Z])", "_", action).lower()
        answer: dict[str, Any] = getattr(Client(config), method)(request).body.to_map()
        return answer

    def _old(self, action: str, parameters: dict[str, Any]) -> dict[str, Any]:
        client = AcsClient(self.key.id, self.key.secret, "cn-shanghai", port=self.port, auto_retry=False)
        module = importlib.import_module(f"aliyunsdklive.request.v20161101.{action}Request")
        request = getattr(module, f"{action}Request")()
        request.set_endpoint("127.0.0.1")
        request.set_protocol_type("http")
        request.set_accept_format("json")
        for name, value in parameters.items():
            plural = f"set_{name}s" if isinstance(value, list) else f"set_{name}"
            getattr(request, plural)(value)
        answer: dict[str, Any] = json.loads(client.do_action_with_exception(request))
        return answer

    async def refused(self, action: str, **parameters: Any) -> Refused:
        """The error that the SDK raises."""
        with pytest.raises((ClientException, ServerException)) as raised:
            await self.call(action, **parameters)
        error: Any = raised.value
        if isinstance(error, ServerException):
            assert error.get_request_id()
            return Refused(error.get_http_status(), error.get_error_code(), error.get_error_msg())
        assert error.data["RequestId"]
        assert error.data["HostId"] == "live.aliyuncs.com"
        return Refused(error.status_code, error.code, error.data["Message"])

    async def code(self, action: str, **parameters: Any) -> str:
        return (await self.refused(action, **parameters)).code

    def by(self, client: str) -> Stage:
        """The same server, called by another client."""
        return replace(self, client=client)

    def as_guest(self) -> Stage:
        """The same server, called with the key of one domain."""
        return replace(self, key=GUEST)

    def text(self, seconds: float) -> str:
        """A moment so many seconds from now."""
        return iso_text(self.house.clock() + timedelta(seconds=seconds))

    async def configure(self, **more: Any) -> None:
        """A configuration of all streams of the domain, of FLV unless `more` says otherwise."""
        await self.call("AddLiveAppRecordConfig", **{**config("flv"), **more})

    async def command(self, command: str) -> dict[str, Any]:
        return await self.call("RealTimeRecordCommand", **names(STREAM), Command=command)

    async def told(self, what: str, id: str) -> None:
        """Waits until the recorder was told to do that to a recording."""
        await until(lambda: (what, id) in self.house.fleet.told)


def names(key: StreamKey) -> dict[str, str]:
    return {"DomainName": key.domain, "AppName": key.app, "StreamName": key.stream}


def entry(format: str, **more: Any) -> dict[str, Any]:
    """A RecordFormat."""
    sliced = {"SliceOssObjectPrefix": SLICES, "SliceDuration": 10} if format in ("m3u8", "cmaf") else {}
    return {"Format": format, "OssObjectPrefix": PREFIX, **sliced, **more}


def config(*formats: str, **more: Any) -> dict[str, Any]:
    """Parameters of AddLiveAppRecordConfig."""
    return {
        "DomainName": DOMAIN,
        "AppName": "*",
        "OssBucket": "b",
        "OssEndpoint": "oss-cn-shanghai.aliyuncs.com",
        "RecordFormat": [entry(format) for format in formats],
        **more,
    }


@asynccontextmanager
async def staged(
    house: House, *, private_addresses: bool = True, rates: Rates | None = None
) -> AsyncIterator[Stage]:
    """The server, around an open house; `rates=None` counts no calls. Signatures are checked by the real
    clock, which the SDKs sign by."""
    services = Services(
        catalog=house.catalog,
        control=house.control,
        root=house.root,
        public_url=PUBLIC,
        private_addresses=private_addresses,
        now=house.clock,
    )
    dialects = Dialects(Tiny([]), Tiny([]), aliyun(services))
    app = application(dialects, keys=KeyRing([KEY, GUEST]), rates=rates or Rates(is_on=False))
    runner = web.AppRunner(app, **RUNNER_OPTIONS)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield Stage(house, runner.addresses[0][1])
    finally:
        await runner.cleanup()

"""Aliyun's SDKs for Python, pointed at a server of this machine: the current one with either signature, and
the old one."""

from __future__ import annotations

import asyncio
import importlib
import json
import re
from dataclasses import dataclass, replace
from typing import Any, Self

import pytest
from alibabacloud_live20161101 import models
from alibabacloud_live20161101.client import Client
from alibabacloud_tea_openapi.exceptions import ClientException
from alibabacloud_tea_openapi.models import Config
from aliyunsdkcore.acs_exception.exceptions import ServerException
from aliyunsdkcore.client import AcsClient
from api.vectors import KEY

from engine.api.keys import Key

CALL_S = 30
CLIENTS = ["acs3", "v2", "old"]
LEAVES_SOCKETS = pytest.mark.filterwarnings("ignore::ResourceWarning")
"""The old client leaves it to the garbage collector to close its connections."""


@dataclass(frozen=True)
class Refused:
    """What a client raised."""

    status: int
    code: str
    message: str


@dataclass(kw_only=True)
class AliyunSdk:
    """One of the clients, with a key."""

    port: int
    client: str = "acs3"
    key: Key = KEY

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def by(self, client: str) -> Self:
        """The same server, called by another client."""
        return replace(self, client=client)

    def run(self, action: str, **parameters: Any) -> dict[str, Any]:
        """The answer, by the SDK's own request of that action. It blocks."""
        return (self._old if self.client == "old" else self._current)(action, parameters)

    async def call(self, action: str, **parameters: Any) -> dict[str, Any]:
        """The answer's members but for RequestId, beside the loop that may be the server's."""
        answer = await asyncio.wait_for(asyncio.to_thread(self.run, action, **parameters), CALL_S)
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

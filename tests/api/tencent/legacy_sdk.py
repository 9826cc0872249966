"""Tencent's SDK of the v2 API, from its time, pointed at a server of this machine."""

from __future__ import annotations

import asyncio
import http.client
import json
from typing import Any

from api.tencent.sdk import CALL_S, TencentSdk
from QcloudApi.modules.live import Live


class _Connection(http.client.HTTPConnection):
    """What the SDK has for HTTPS, which is all that it knows."""

    request_length = 0


async def call(
    server: TencentSdk, action: str, *, method: str = "GET", sign: str = "HmacSHA1", **parameters: Any
) -> dict[str, Any]:
    service = Live(
        {"secretId": server.key.id, "secretKey": server.key.secret, "method": method, "SignatureMethod": sign}
    )
    service.requestHost = server.address
    service.apiRequest.conn = _Connection("127.0.0.1", server.port)
    body = await asyncio.wait_for(asyncio.to_thread(service.call, action, parameters), CALL_S)
    answer: dict[str, Any] = json.loads(body)
    return answer

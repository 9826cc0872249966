"""A message as it goes over the wire, signed for the moment. Pure."""

from __future__ import annotations

import json
from datetime import datetime
from typing import NamedTuple

from engine.catalog.schema import Callback
from engine.notify.signing import aliyun_headers, tencent_body

_JSON = {"Content-Type": "application/json"}


class Request(NamedTuple):
    """What is posted."""

    headers: dict[str, str]
    body: str


def request_of(callback: Callback, now: datetime) -> Request:
    """Tencent signs in the body, Aliyun in headers."""
    if callback.vendor == "aliyun":
        headers = {**_JSON, **aliyun_headers(callback.url, callback.key, now)}
        return Request(headers, _text(callback.message))
    return Request(_JSON, _text(tencent_body(callback.message, callback.key, now)))


def _text(message: object) -> str:
    return json.dumps(message, ensure_ascii=False, separators=(",", ":"))

"""How receivers know that a message is from here: both vendors' signatures. Pure."""

from __future__ import annotations

from datetime import datetime
from hashlib import md5
from typing import Any
from urllib.parse import urlsplit

VALID_S = 600
"""How long after it was sent a Tencent message may be believed."""


def tencent_sign(key: str, t: int) -> str:
    """`sign` of a body: of the template's CallbackKey and the unix second at which it runs out."""
    return _md5(f"{key}{t}")


def tencent_body(message: dict[str, Any], key: str, now: datetime) -> dict[str, Any]:
    """A message as it is sent: with `t` and `sign` when there is a key, and neither when there is none."""
    if not key:
        return message
    t = int(now.timestamp()) + VALID_S
    return {**message, "sign": tencent_sign(key, t), "t": t}


def aliyun_signature(host: str, timestamp: int, key: str) -> str:
    """`ALI-LIVE-SIGNATURE`: of the URL's host name, without port, the unix second and the NotifyAuthKey."""
    return _md5(f"{host}|{timestamp}|{key}")


def aliyun_headers(url: str, key: str, now: datetime) -> dict[str, str]:
    """What signs a request to `url`; nothing when there is no key."""
    if not key:
        return {}
    timestamp = int(now.timestamp())
    return {
        "ALI-LIVE-TIMESTAMP": str(timestamp),
        "ALI-LIVE-SIGNATURE": aliyun_signature(host_of(url), timestamp, key),
    }


def host_of(url: str) -> str:
    """The host name of a URL; empty when it has none or is not well-formed."""
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def _md5(text: str) -> str:
    return md5(text.encode(), usedforsecurity=False).hexdigest()

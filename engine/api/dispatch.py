"""Which dialect a call is in. Never by its host name, which may be any."""

from __future__ import annotations

from enum import StrEnum

from engine.api.request import Call
from engine.api.signatures import acs3

LEGACY_PATH = "/v2/index.php"


class Family(StrEnum):
    """The dialects by their names in the log."""

    TENCENT = "tencent"
    LEGACY = "legacy"
    ALIYUN = "aliyun"


def family(call: Call) -> Family:
    """By path, then by header, then by parameters. What is none of them is told so in Tencent's words."""
    if call.path == LEGACY_PATH:
        return Family.LEGACY
    if "X-TC-Action" in call.headers:
        return Family.TENCENT
    if "x-acs-action" in call.headers or call.header("Authorization").startswith(acs3.ALGORITHM):
        return Family.ALIYUN
    names = call.names
    if {"SecretId", "Action"} <= names:
        return Family.TENCENT
    return Family.ALIYUN if "AccessKeyId" in names else Family.TENCENT

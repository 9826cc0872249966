"""Domains, apps and streams as callers name them. Pure.

A name becomes a part of an origin's URL and of a path. Both encode what they cannot hold; what has a meaning
in a URL is refused here all the same, so that no request reaches another stream than the one it names (S1).
"""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator

from engine.api.tencent.values import INVALID, NOT_ALLOWED, Text, refused

_DOMAIN = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_.-]{0,251}[A-Za-z0-9_])?")
_RESERVED = frozenset("/\\?#%&\"'<>")
_MAX_NAME = 255


def _named(code: str) -> AfterValidator:
    def check(value: str) -> str:
        if len(value) > _MAX_NAME:
            raise refused(code, f"is longer than {_MAX_NAME} characters")
        bad = next((letter for letter in value if letter in _RESERVED or not letter.isprintable()), None)
        if bad or " " in value or value in (".", ".."):
            raise refused(code, "is not a name")
        return value

    return AfterValidator(check)


def _domain(code: str) -> AfterValidator:
    def check(value: str) -> str:
        if not _DOMAIN.fullmatch(value) or ".." in value:
            raise refused(code, "is not a domain name")
        return value

    return AfterValidator(check)


Name = Annotated[Text, _named(NOT_ALLOWED)]
"""An app or a stream."""
Domain = Annotated[Text, _domain(NOT_ALLOWED)]
RuleDomain = Annotated[Text, _domain("InvalidParameter.DomainFormatError")]
TaskName = Annotated[Text, _named(INVALID)]
"""The RecordTask actions know no InvalidParameterValue."""
TaskDomain = Annotated[Text, _domain(INVALID)]

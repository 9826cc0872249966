"""Values that only Aliyun's callers send. Pure."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator

from engine.api.names import domain_fault, name_fault
from engine.api.values import USUAL, Integer, Text, mistyped, one_of, refused, sound, within
from engine.catalog.aliyun import ANY
from engine.media.civil_time import parse_iso

# Closer to either end of what a datetime holds, seven days more or less are none.
_FIRST = datetime(1970, 1, 1, tzinfo=UTC)
_LAST = datetime(9999, 1, 1, tzinfo=UTC)
_BUCKET = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")


def one_name_fault(value: str) -> str | None:
    """What is wrong with the name of one app or stream."""
    return "must be one name" if value == ANY else name_fault(value)


def iso_time(value: object) -> datetime:
    """`2020-12-11T07:25:52Z`, and no other way."""
    try:
        at = parse_iso(str(value))
    except ValueError:
        at = _FIRST
    if not _FIRST < at < _LAST:
        raise mistyped("must be a time like 2020-12-11T07:25:52Z")
    return at


def _bucket_fault(value: str) -> str | None:
    return None if _BUCKET.fullmatch(value) else "must be lower-case letters, digits and hyphens"


def of_numbers(*numbers: int) -> AfterValidator:
    """One of a few integers."""

    def check(value: int) -> int:
        if value not in numbers:
            raise refused(USUAL, f"must be one of {', '.join(map(str, numbers))}")
        return value

    return AfterValidator(check)


Domain = Annotated[Text, sound(domain_fault, "InvalidDomain.NotFound")]
Name = Annotated[Text, sound(one_name_fault)]
"""One app or stream."""
Pattern = Annotated[Text, sound(name_fault)]
"""One app or stream, or `*` for all."""
IsoTime = Annotated[datetime, BeforeValidator(iso_time)]
Bucket = Annotated[Text, sound(_bucket_fault)]
"""Where the vendor would put files. It is kept and told, and leads nowhere."""
Endpoint = Annotated[Text, sound(domain_fault)]
"""Likewise."""
PageNumber = Annotated[Integer, within(1, 2**31)]
PageSize = Annotated[Integer, within(5, 30)]
Order = Annotated[Text, one_of("asc", "desc")]

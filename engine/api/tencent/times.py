"""Moments as callers write them: China-time text, unix seconds, ISO 8601. Pure; all come out aware."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated
from urllib.parse import unquote_plus

from pydantic import BeforeValidator

from engine.api.values import mistyped
from engine.media.civil_time import china_text, iso_text, parse_china

_FIRST = datetime(1970, 1, 1, tzinfo=UTC)
_LAST_S = 253370764800  # 9999-01-01, behind which zones differ by what no datetime holds


def china_time(value: object) -> datetime:
    """`2025-10-09 17:00:00`, in China standard time, or URL-encoded by a caller who does so in JSON too."""
    text = _string(value)
    try:
        at = parse_china(_plain(text))
    except ValueError:
        raise mistyped("must be a time like 2025-10-09 17:00:00") from None
    return _since_1970(at)


def iso_time(value: object) -> datetime:
    """`2020-12-11T07:25:52Z`, or with another offset."""
    try:
        at = datetime.fromisoformat(_string(value))
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise mistyped("must be a time like 2020-12-11T07:25:52Z")
    return _since_1970(at)


@dataclass(frozen=True, slots=True)
class WrittenTime:
    """A moment, and which of both ways it was written: answers are written alike."""

    at: datetime
    is_iso: bool

    def text(self, at: datetime) -> str:
        """Another moment, written like this one."""
        return iso_text(at) if self.is_iso else china_text(at)


def any_time(value: object) -> WrittenTime:
    """Either of both."""
    text = _string(value)
    is_iso = "T" in text
    return WrittenTime(iso_time(text) if is_iso else china_time(text), is_iso)


def unix_time(seconds: int) -> datetime:
    """Seconds since 1970."""
    if not 0 < seconds <= _LAST_S:
        raise mistyped("must be a time in unix seconds")
    return datetime.fromtimestamp(seconds, UTC)


def unix_seconds(at: datetime) -> int:
    """Whole seconds since 1970, the fraction cut off."""
    return int(at.timestamp())


def _since_1970(at: datetime) -> datetime:
    """In UTC, in which it is kept."""
    try:
        at = at.astimezone(UTC)
    except OverflowError:
        at = _FIRST
    if at <= _FIRST:
        raise mistyped("must be a time after 1970")
    return at


def _string(value: object) -> str:
    if not isinstance(value, str):
        raise mistyped("must be a string")
    return value.strip()


def _plain(text: str) -> str:
    return unquote_plus(text) if "%" in text or "+" in text else text


ChinaTime = Annotated[datetime, BeforeValidator(china_time)]
IsoTime = Annotated[datetime, BeforeValidator(iso_time)]
AnyTime = Annotated[WrittenTime, BeforeValidator(any_time)]

"""Moments as text: China standard time, and ISO 8601 in UTC, whatever zone the machine is in. Pure."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone

CHINA = timezone(timedelta(hours=8))
"""China standard time. It knows no summer."""

_CHINA = re.compile(r"(\d{4})-(\d{2})-(\d{2}) (\d{2}):(\d{2}):(\d{2})", re.ASCII)
_ISO = re.compile(r"(\d{4})-(\d{2})-(\d{2})T(\d{2}):(\d{2}):(\d{2})Z", re.ASCII)
_EXAMPLES = {CHINA: "2025-10-09 17:00:00", UTC: "2025-10-09T09:00:00Z"}


def china_text(at: datetime) -> str:
    """`2025-10-09 17:00:00`; the fraction of a second is cut off."""
    return at.astimezone(CHINA).replace(tzinfo=None).isoformat(sep=" ", timespec="seconds")


def parse_china(text: str) -> datetime:
    """The moment that `china_text` wrote.

    Raises:
        ValueError: it is not written so, or there is no such day or hour.
    """
    return _moment(_CHINA, text, CHINA)


def china_day(at: datetime) -> datetime:
    """When the China-time day of a moment began."""
    return at.astimezone(CHINA).replace(hour=0, minute=0, second=0, microsecond=0)


def iso_text(at: datetime) -> str:
    """`2020-12-11T07:25:52Z`; the fraction of a second is cut off."""
    return at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="seconds") + "Z"


def parse_iso(text: str) -> datetime:
    """The moment that `iso_text` wrote.

    Raises:
        ValueError: it is not written so, or there is no such day or hour.
    """
    return _moment(_ISO, text, UTC)


def _moment(shape: re.Pattern[str], text: str, zone: timezone) -> datetime:
    found = shape.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is not written like {_EXAMPLES[zone]}")
    year, month, day, hour, minute, second = map(int, found.groups())
    return datetime(year, month, day, hour, minute, second, tzinfo=zone)

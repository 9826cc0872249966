"""Time zones of file names, by their IANA names."""

from __future__ import annotations

from datetime import UTC, tzinfo
from difflib import get_close_matches
from typing import Annotated
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator

LOCAL = "local"
"""The zone of the machine."""


def parse_time_zone(text: str) -> tzinfo | None:
    """A time zone by its IANA name in any case, or None, which is the machine's own, for `local`.

    None is what `datetime.astimezone` takes for it: the machine's zone may change its offset while it runs.

    Raises:
        ValueError: there is no such zone; names the nearest one.
    """
    wanted = text.strip().casefold()
    if wanted == LOCAL:
        return None
    if wanted == "utc":
        return UTC
    zones = {name.casefold(): name for name in available_timezones()}
    if wanted in zones:
        return ZoneInfo(zones[wanted])
    near = get_close_matches(wanted, zones, n=1)
    hint = f"did you mean {zones[near[0]]}?" if near else "write one such as Europe/Berlin, UTC or local"
    raise ValueError(f"there is no time zone {text[:64]!r}: {hint}")


def _check(text: str) -> str:
    parse_time_zone(text)
    return text


TimeZone = Annotated[str, AfterValidator(_check)]
"""A field with the name of a time zone."""

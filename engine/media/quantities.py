"""Durations and sizes as people write them: `1m30s`, `1:30:00`, `512MiB`. Pure.

A duration without a unit is seconds, a size without a unit is MiB. Units may be in any case, and spaces may
stand between the parts.
"""

from __future__ import annotations

import re
from fractions import Fraction

DURATION_FORMS = "90, 90s, 1m30s, 1h, 1:30:00 or 500ms"
SIZE_FORMS = "512MiB, 1GB or a number of MiB"

MIB = 1 << 20

_NUMBER = r"\d+(?:\.\d*)?|\.\d+"
_PLAIN = re.compile(_NUMBER, re.ASCII)
_CLOCK = re.compile(r"(?:(\d+):)?(\d+):(\d{1,2}(?:\.\d*)?)", re.ASCII)
_UNITS = re.compile(
    r"".join(rf"(?:({_NUMBER})\s*(?:{unit})\s*)?" for unit in ("d", "h", "min|m(?!s)", "sec|s", "ms")),
    re.ASCII | re.IGNORECASE,
)
_SECONDS = (Fraction(86_400), Fraction(3600), Fraction(60), Fraction(1), Fraction(1, 1000))

_SIZE = re.compile(rf"({_NUMBER})\s*([a-z]*)", re.ASCII | re.IGNORECASE)
_BYTES = {
    "": MIB,
    "b": 1,
    **{f"{prefix}b": 1000**power for power, prefix in enumerate("kmgt", start=1)},
    **{f"{prefix}ib": 1024**power for power, prefix in enumerate("kmgt", start=1)},
    **{prefix: 1024**power for power, prefix in enumerate("kmgt", start=1)},
}

_MAX_LENGTH = 64  # of a quantity's text: no number of a duration or a size is longer


def parse_duration_s(text: str) -> float:
    """Seconds of a duration: `90`, `1.5`, `90s`, `1m30s`, `2h`, `1d`, `500ms`, `MM:SS` or `HH:MM:SS`.

    Raises:
        ValueError: the text is not a duration; says how one is written.
    """
    stripped = text.strip()
    if stripped and len(stripped) <= _MAX_LENGTH:
        if _PLAIN.fullmatch(stripped):
            return float(stripped)
        if clock := _CLOCK.fullmatch(stripped):
            hours, minutes, seconds = clock[1], Fraction(clock[2]), Fraction(clock[3])
            if seconds < 60 and (hours is None or minutes < 60):
                return float(Fraction(hours or 0) * 3600 + minutes * 60 + seconds)
        elif units := _UNITS.fullmatch(stripped):
            parts = zip(units.groups(), _SECONDS, strict=True)
            return float(sum(Fraction(number) * unit for number, unit in parts if number))
    raise ValueError(f"{text[:_MAX_LENGTH]!r} is not a duration: write {DURATION_FORMS}")


def duration_text(seconds: int) -> str:
    """A whole number of seconds as `parse_duration_s` reads it: `1h`, `1m30s`, `0s`."""
    hours, rest = divmod(seconds, 3600)
    parts = ((hours, "h"), (rest // 60, "m"), (rest % 60, "s"))
    return "".join(f"{number}{unit}" for number, unit in parts if number) or "0s"


def parse_size_bytes(text: str) -> int:
    """Bytes of a size: `512MiB`, `1GB`, `1.5G`, `100 kB`; a number alone is MiB.

    B, kB, MB, GB and TB are powers of 1000, KiB, MiB, GiB, TiB and K, M, G, T powers of 1024. A fraction of a
    byte is discarded.

    Raises:
        ValueError: the text is not a size; says how one is written.
    """
    stripped = text.strip()
    size = _SIZE.fullmatch(stripped) if len(stripped) <= _MAX_LENGTH else None
    if size is None or size[2].lower() not in _BYTES:
        raise ValueError(f"{text[:_MAX_LENGTH]!r} is not a size: write {SIZE_FORMS}")
    return int(Fraction(size[1]) * _BYTES[size[2].lower()])


def size_text(size_bytes: int) -> str:
    """A size for people, with three digits or more: `0 B`, `812 KiB`, `1.25 GiB`. Rounded down."""
    power = max((size_bytes.bit_length() - 1) // 10, 0)
    prefix = ("B", "KiB", "MiB", "GiB", "TiB")[min(power, 4)]
    hundredths = size_bytes * 100 // 1024 ** min(power, 4)
    digits = 0 if hundredths >= 10_000 or not power else 1 if hundredths >= 1000 else 2
    shown = hundredths // 10 ** (2 - digits)
    return f"{shown / 10**digits:.{digits}f} {prefix}"

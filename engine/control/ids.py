"""Names for what is new."""

from __future__ import annotations

import hashlib
import secrets
import string
from datetime import datetime
from uuid import uuid4

_WORD = string.ascii_letters + string.digits
_WORD_LENGTH = 58  # as the vendor's


class TaskIds:
    """Numbers that grow: microseconds since 1970, or one more than the last when that is not enough. Below
    2**53, which is what numbers of JavaScript hold, until the year 2255."""

    def __init__(self, last: int = 0) -> None:
        self._last = last

    def next(self, now: datetime) -> int:
        """A number that no task has."""
        self._last = max(self._last + 1, round(now.timestamp() * 1_000_000))
        return self._last


def task_word() -> str:
    """An opaque id of a task."""
    return "".join(secrets.choice(_WORD) for _ in range(_WORD_LENGTH))


def session_id() -> str:
    """Of what records one order: a decimal number of up to 63 bits."""
    return str(secrets.randbits(63))


def recording_id() -> str:
    """Of one recording of the engine."""
    return uuid4().hex


def file_id(recording: str, path: str) -> str:
    """Decimal digits. The same file always gets the same, so that it is stored and told of once."""
    digest = hashlib.sha256(f"{recording}\0{path}".encode()).digest()
    return str(10**17 + int.from_bytes(digest[:8], "big") % (9 * 10**17))

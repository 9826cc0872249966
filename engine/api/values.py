"""Values as callers send them, numbers and booleans as words too, and what may be wrong with them. Pure.

Mistakes are raised for pydantic, with a vendor's code or with USUAL; the dialect's reader makes its fault of
them.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator
from pydantic_core import PydanticCustomError

USUAL = ""
"""The code that the dialect has for mistakes of this kind."""

_WHOLE = re.compile(r"[+-]?[0-9]{1,19}")
_MAX_INTEGER = 2**63 - 1  # what a column of the catalog holds
_MAX_TEXT = 4096  # no text parameter needs more; a URL is the longest
_BOOLEANS = {"true": True, "false": False, "1": True, "0": False}


def mistyped(why: str) -> PydanticCustomError:
    """A value is of a wrong type or format. `why` goes on after "The parameter `X` "."""
    return PydanticCustomError("mistyped", "{why}", {"code": USUAL, "why": why})


def refused(code: str, why: str) -> PydanticCustomError:
    """A value is well formed, and refused."""
    return PydanticCustomError("refused", "{why}", {"code": code, "why": why})


def _integer(value: object) -> int:
    if isinstance(value, str) and _WHOLE.fullmatch(value.strip()):
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or abs(value) > _MAX_INTEGER:
        raise mistyped("must be an integer")
    return value


def _boolean(value: object) -> bool:
    known = _BOOLEANS.get(str(value).lower()) if isinstance(value, (str, int)) else None
    if known is None:
        raise mistyped("must be true or false")
    return known


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise mistyped("must be a string")
    if len(value) > _MAX_TEXT:
        raise refused(USUAL, f"is longer than {_MAX_TEXT} characters")
    return value


def sound(fault: Callable[[str], str | None], code: str = USUAL) -> AfterValidator:
    """A text that `fault` finds nothing wrong with."""

    def check(value: str) -> str:
        if why := fault(value):
            raise refused(code, why)
        return value

    return AfterValidator(check)


def within(low: int, high: int, code: str = USUAL) -> AfterValidator:
    """An integer from `low` to `high`, both included."""

    def check(value: int) -> int:
        if not low <= value <= high:
            raise refused(code, f"must be from {low} to {high}")
        return value

    return AfterValidator(check)


def one_of(*words: str, code: str = USUAL) -> AfterValidator:
    """One of `words`, in any case; gives the word as it is written here."""
    known = {word.lower(): word for word in words}

    def check(value: str) -> str:
        if value.lower() not in known:
            raise refused(code, f"must be one of {', '.join(words)}")
        return known[value.lower()]

    return AfterValidator(check)


def at_most(count: int, code: str = USUAL) -> AfterValidator:
    """A tuple of no more than `count` elements."""

    def check(value: tuple[Any, ...]) -> tuple[Any, ...]:
        if len(value) > count:
            raise refused(code, f"may have {count} elements")
        return value

    return AfterValidator(check)


def bytes_at_most(limit: int, code: str = USUAL) -> AfterValidator:
    """A text of at most `limit` bytes of UTF-8."""

    def check(value: str) -> str:
        if len(value.encode()) > limit:
            raise refused(code, f"may be {limit} bytes long")
        return value

    return AfterValidator(check)


Integer = Annotated[int, BeforeValidator(_integer)]
Boolean = Annotated[bool, BeforeValidator(_boolean)]
Text = Annotated[str, BeforeValidator(_text)]

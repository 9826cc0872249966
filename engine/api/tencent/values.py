"""Values as callers send them: numbers and booleans as words, texts that are encoded once too often. Pure."""

from __future__ import annotations

import re
from typing import Annotated, Any
from urllib.parse import unquote_plus

from pydantic import AfterValidator, BeforeValidator
from pydantic_core import PydanticCustomError

INVALID = "InvalidParameter"
NOT_ALLOWED = "InvalidParameterValue"

_WHOLE = re.compile(r"[+-]?[0-9]{1,19}")
_MAX_INTEGER = 2**63 - 1  # what a column of the catalog holds
_MAX_TEXT = 4096  # no text parameter needs more; a URL is the longest
_BOOLEANS = {"true": True, "false": False, "1": True, "0": False}


def mistyped(why: str) -> PydanticCustomError:
    """A value is of a wrong type or format. `why` goes on after "The parameter `X` "."""
    return PydanticCustomError("mistyped", "{why}", {"code": INVALID, "why": why})


def refused(code: str, why: str) -> PydanticCustomError:
    """A value is well formed, and refused with a vendor's code."""
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
        raise refused(NOT_ALLOWED, f"is longer than {_MAX_TEXT} characters")
    return value


def _decoded_again(value: str) -> str:
    """A text in a JSON body may be URL-encoded once more: a `%` in it says so."""
    plain = unquote_plus(value) if "%" in value else value
    if "\0" in plain:  # what the transport has looked at had none
        raise mistyped("is not valid UTF-8 text")
    return plain


def within(low: int, high: int, code: str = NOT_ALLOWED) -> AfterValidator:
    """An integer from `low` to `high`, both included."""

    def check(value: int) -> int:
        if not low <= value <= high:
            raise refused(code, f"must be from {low} to {high}")
        return value

    return AfterValidator(check)


def one_of(*words: str, code: str = NOT_ALLOWED) -> AfterValidator:
    """One of `words`, in any case; gives the word as it is written here."""
    known = {word.lower(): word for word in words}

    def check(value: str) -> str:
        if value.lower() not in known:
            raise refused(code, f"must be one of {', '.join(words)}")
        return known[value.lower()]

    return AfterValidator(check)


def at_most(count: int, code: str = NOT_ALLOWED) -> AfterValidator:
    """A tuple of no more than `count` elements."""

    def check(value: tuple[Any, ...]) -> tuple[Any, ...]:
        if len(value) > count:
            raise refused(code, f"may have {count} elements")
        return value

    return AfterValidator(check)


def bytes_at_most(limit: int, code: str = NOT_ALLOWED) -> AfterValidator:
    """A text of at most `limit` bytes of UTF-8."""

    def check(value: str) -> str:
        if len(value.encode()) > limit:
            raise refused(code, f"may be {limit} bytes long")
        return value

    return AfterValidator(check)


Integer = Annotated[int, BeforeValidator(_integer)]
Boolean = Annotated[bool, BeforeValidator(_boolean)]
Text = Annotated[str, BeforeValidator(_text)]
Encoded = Annotated[Text, AfterValidator(_decoded_again)]
Flag = Annotated[Integer, within(0, 1)]
"""0 or 1, where the vendor writes an Integer for no and yes."""

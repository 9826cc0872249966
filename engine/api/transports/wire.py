"""What the transports share: the checks that need a memory, and the shapes of what goes in and out."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from engine.api.dialect import Action, Dialect
from engine.api.faults import ApiFault, invalid_parameter
from engine.api.keys import Key, KeyRing
from engine.api.rates import Rates
from engine.api.request import Call

FROM_PAGE = "Without keys only 127.0.0.1 or localhost may be called, and by no web page."


@dataclass(frozen=True, slots=True)
class Gate:
    """Who may call, how often, and what time it is."""

    keys: KeyRing
    rates: Rates
    now: Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class Admission:
    """A call that may run: its action, the parameters that are the action's own, and whose key signed it."""

    action: Action[Any]
    parameters: Mapping[str, object]
    key: Key | None


@dataclass(frozen=True, slots=True)
class Reply:
    """An HTTP answer. `content_type` is sent as it stands, without a charset."""

    body: bytes
    content_type: str = "application/json"
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


class Wire(Protocol):
    """One dialect's transport. It has no socket, and no clock but the gate's."""

    @property
    def dialect(self) -> Dialect:
        """What it leads to."""

    def new_request_id(self) -> str:
        """Unique, as the vendor writes them."""

    def admit(self, call: Call) -> Admission:
        """Raises:
        ApiFault: the call may not run.
        """

    def answer(self, call: Call, action: str, members: Mapping[str, object], request_id: str) -> Reply:
        """Of a call that ran."""

    def refuse(self, call: Call, fault: ApiFault, request_id: str) -> Reply:
        """Of a call that did not."""

    def forbidden(self, domain: str) -> ApiFault:
        """The domain is not the key's."""

    def defect(self) -> ApiFault:
        """Something failed that is not the caller's fault; the log says what."""

    def from_page(self) -> ApiFault:
        """A web page called a server that asks for no signature, or one may have."""


def single(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Parameters by name.

    Raises:
        ApiFault: two of one name. Sorted for a signature they would lose their order.
    """
    found: dict[str, str] = {}
    for name, value in pairs:
        if name in found:
            raise invalid_parameter(_printable(name), "is given twice")
        found[name] = value
    return found


def check_texts(parameters: Mapping[str, object]) -> None:
    """Text that is no UTF-8, or holds a NUL, is no text that a database or a file name can keep.

    Raises:
        ApiFault: naming the parameter.
    """
    for name, value in parameters.items():
        if not _is_text(name):
            raise invalid_parameter(_printable(name), "is not the name of a parameter")
        if not all(map(_is_text, _texts(value))):
            raise invalid_parameter(name, "is not valid UTF-8 text")


def json_bytes(members: Mapping[str, object]) -> bytes:
    """JSON in UTF-8. What a caller sent that was no UTF-8, and a message repeats, is escaped."""
    return json.dumps(members, ensure_ascii=False).encode("utf-8", "backslashreplace")


def _texts(value: object) -> Iterable[str]:
    waiting = [value]
    while waiting:
        match waiting.pop():
            case str(text):
                yield text
            case dict(members):
                waiting += members.keys()
                waiting += members.values()
            case list(items):
                waiting += items


def _is_text(text: str) -> bool:
    return "\0" not in text and (text.isascii() or not any("\ud800" <= letter <= "\udfff" for letter in text))


def _printable(name: str) -> str:
    return name.encode("ascii", "backslashreplace").decode().replace("\0", "\\0")[:64]

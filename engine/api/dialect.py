"""What a dialect gives to the transport: actions, how their parameters are read, words for errors."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from pydantic import BaseModel

from engine.api.faults import ApiFault
from engine.api.keys import ANY_DOMAIN, Key
from engine.errors import ReelError

P = TypeVar("P", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls, in one call. `key` is None where the server has no keys and asks for no signature.

    `forbidden` makes the dialect's fault for a domain that is not the key's.
    """

    request_id: str
    key: Key | None
    forbidden: Callable[[str], ApiFault]
    peer: str = ""

    def may(self, domain: str) -> bool:
        """Whether the caller may see and change what belongs to `domain`. Lists leave out what it may not."""
        return self.key is None or self.key.may(domain)

    @property
    def may_all(self) -> bool:
        """Whether there is no domain that the caller may not see."""
        return self.key is None or ANY_DOMAIN in self.key.domains

    def check_domain(self, domain: str) -> None:
        """Raises:
        ApiFault: the caller's key is not for that domain.
        """
        if not self.may(domain):
            raise self.forbidden(domain)


@dataclass(frozen=True, slots=True)
class Action(Generic[P]):
    """One action of a dialect.

    `run` gives the members of the answer without RequestId and envelope, as JSON values. `rate` is how often
    a key may call it in a second, 0 for any number; settings may say otherwise.
    """

    name: str
    model: type[P]
    run: Callable[[P, Caller], Awaitable[Mapping[str, object]]]
    rate: int = 100


class Dialect(Protocol):
    """The actions of one dialect. The transport has done method, size, common parameters, signature and rate
    before it asks for `parse`."""

    @property
    def actions(self) -> Mapping[tuple[str, str], Action[Any]]:
        """By (version, name): `("2018-08-01", "CreateLiveRecord")`; the legacy dialect's version is `""`."""

    def parse(self, action: Action[Any], parameters: Mapping[str, object]) -> BaseModel:
        """The model of `action` from the parameters that are its own (the common ones are taken out).

        They are either the JSON object of the body, or texts by names as they were sent: `Mp4Param.Enable`,
        `RecordExceptionLevels.0`, `RecordFormat.1.Format`.

        Raises:
            ApiFault: unknown, missing, of a wrong type or out of range, in the vendor's words.
        """

    def refusal(self, error: ReelError, action: str) -> ApiFault | None:
        """The vendor's words for an error of control while `action` ran; None when it is a defect of ours."""


@dataclass(frozen=True, slots=True)
class Dialects:
    """The three of them: Tencent's API 3.0 (live and VOD), Tencent's legacy v2, Aliyun Live."""

    tencent: Dialect
    legacy: Dialect
    aliyun: Dialect

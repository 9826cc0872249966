"""Checks of both Tencent dialects, in Tencent's words."""

from __future__ import annotations

import re
from typing import Any
from uuid import uuid4

from engine.api.dialect import Action, Dialect
from engine.api.faults import ApiFault, invalid_parameter, invalid_value
from engine.api.keys import Key, KeyRing, is_key_id
from engine.api.rates import Excess
from engine.api.request import MAX_TARGET, Call
from engine.api.signatures import v1
from engine.api.signatures.errors import SignatureMismatch
from engine.api.transports.wire import FROM_PAGE, Gate, single

MAX_V1_BODY = 1 << 20
MAX_SKEW_S = 300

V1_NEEDED = ("Action", "Version", "Timestamp", "Nonce", "SecretId", "Signature")
COMMON = frozenset({*V1_NEEDED, "SignatureMethod", "Region", "Token", "Language", "RequestClient"})
"""Parameters that are the transport's own when the signature is among the parameters."""

_SECONDS = re.compile(r"\d{1,11}", re.ASCII)
_NONCE = re.compile(r"[1-9]\d{0,19}", re.ASCII)


class TencentWords:
    """How Tencent names what may befall any call."""

    def new_request_id(self) -> str:
        """A UUID in lower case."""
        return str(uuid4())

    def forbidden(self, domain: str) -> ApiFault:
        """The domain is not the key's."""
        return ApiFault("UnauthorizedOperation", f"The key is not permitted to use the domain `{domain}`.")

    def defect(self) -> ApiFault:
        """Of ours."""
        return ApiFault("InternalError", "An internal error has occurred. The log of the server tells more.")

    def from_page(self) -> ApiFault:
        """A web page called, or one may have."""
        return ApiFault("UnauthorizedOperation", FROM_PAGE)


def v1_key(call: Call, pairs: tuple[tuple[str, str], ...], path: str, gate: Gate) -> Key:
    """Whose signature is among the parameters, which have Timestamp, Nonce, SecretId and Signature.

    Raises:
        ApiFault: nobody's, or an old one.
    """
    parameters = single(pairs)
    if not _NONCE.fullmatch(parameters["Nonce"]):
        raise invalid_parameter("Nonce", "is not a positive integer")
    method = parameters.get("SignatureMethod") or v1.DEFAULT_METHOD
    if method not in v1.METHODS:
        raise invalid_value("SignatureMethod", f"is none of {', '.join(v1.METHODS)}")
    if parameters.get("Token"):
        raise token_failure()
    key = known_key(gate.keys, parameters["SecretId"])
    fresh_timestamp(parameters["Timestamp"], gate.now().timestamp())
    try:
        v1.check(call, pairs, path=path, method=method, signature=parameters["Signature"], secret=key.secret)
    except SignatureMismatch:
        raise signature_failure() from None
    return key


def check_method(call: Call) -> None:
    """Raises:
    ApiFault: neither GET nor POST.
    """
    if call.method not in ("GET", "POST"):
        raise ApiFault("UnsupportedProtocol", f"The method {call.method} is not supported: use GET or POST.")


def check_size(call: Call, max_body: int) -> None:
    """`max_body` in bytes, 0 for as much as a call can hold.

    Raises:
        ApiFault: the call is longer than its kind may be.
    """
    target = len(call.path) + 1 + len(call.query)
    if call.method == "GET" and target > MAX_TARGET:
        raise _too_large("GET request", MAX_TARGET)
    if call.is_cut or (max_body and len(call.body) > max_body):
        raise _too_large("body", max_body or len(call.body))


def find_action(dialect: Dialect, name: str, version: str) -> Action[Any]:
    """Raises:
    ApiFault: no such action, or no such version.
    """
    if (action := dialect.actions.get((version, name))) is not None:
        return action
    if not any(version == known for known, _ in dialect.actions):
        raise ApiFault("NoSuchVersion", f"The version `{version[:64]}` of the API does not exist.")
    raise ApiFault("InvalidAction", f"The action `{name[:64]}` does not exist in version `{version}`.")


def known_key(keys: KeyRing, id: str) -> Key:
    """Raises:
    ApiFault: no such key.
    """
    if not is_key_id(id):
        raise ApiFault("AuthFailure.InvalidSecretId", "The SecretId is not one.")
    if (key := keys.find(id)) is None:
        raise ApiFault("AuthFailure.SecretIdNotFound", f"The SecretId `{id}` is not found.")
    return key


def fresh_timestamp(text: str, now: float) -> int:
    """Unix seconds.

    Raises:
        ApiFault: not a number, or too far from now.
    """
    if not _SECONDS.fullmatch(text):
        raise invalid_parameter("Timestamp", "is not a number of seconds")
    timestamp = int(text)
    if abs(now - timestamp) > MAX_SKEW_S:
        raise ApiFault(
            "AuthFailure.SignatureExpire",
            f"The signature is expired: `Timestamp` is {timestamp}, the server's time {int(now)}, "
            f"and they may differ by {MAX_SKEW_S} seconds.",
        )
    return timestamp


def token_failure() -> ApiFault:
    """All keys are permanent ones."""
    return ApiFault("AuthFailure.TokenFailure", "There are no temporary keys here, so no token is valid.")


def signature_failure() -> ApiFault:
    """Another one was expected. Which one is not told: it would be a valid one."""
    return ApiFault(
        "AuthFailure.SignatureFailure",
        "The provided credentials could not be validated. Please check your signature is correct.",
    )


def check_rate(excess: Excess | None) -> None:
    """Clients parse the message.

    Raises:
        ApiFault: one call too many.
    """
    if excess is not None:
        raise ApiFault(
            "RequestLimitExceeded",
            f"Your current request times equals to `{excess.times}` in a second, which exceeds the frequency "
            f"limit `{excess.limit}` for a second. Please reduce the frequency of calls.",
        )


def _too_large(what: str, limit: int) -> ApiFault:
    return ApiFault("RequestSizeLimitExceeded", f"The {what} is longer than {limit} bytes.")

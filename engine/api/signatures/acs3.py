"""ACS3-HMAC-SHA256, the signature of Aliyun's API 3.0 in an Authorization header."""

from __future__ import annotations

import re
from dataclasses import dataclass
from hashlib import sha256
from hmac import digest

from engine.api.request import Call
from engine.api.signatures.errors import MalformedAuthorization, SignatureMismatch, same
from engine.api.signatures.rpc import canonical_query

ALGORITHM = "ACS3-HMAC-SHA256"

_HEADER = re.compile(
    rf"{ALGORITHM} Credential=(?P<id>[^,\s]+), ?SignedHeaders=(?P<headers>[^,\s]+), ?"
    r"Signature=(?P<signature>[0-9a-f]{64})",
    re.ASCII,
)
# What decides what is done and whether it is a replay: unsigned, it could be changed on the way.
_MUST_BE_SIGNED = frozenset({"host", "x-acs-action", "x-acs-version", "x-acs-date", "x-acs-signature-nonce"})


@dataclass(frozen=True, slots=True)
class Authorization:
    """The header in its parts. `signed_headers` is as it was sent: names in lower case joined by `;`."""

    key_id: str
    signed_headers: str
    signature: str


def read_authorization(text: str) -> Authorization:
    """The parts of an Authorization header.

    Raises:
        MalformedAuthorization: it is not one of ACS3, or leaves out what must be signed.
    """
    found = _HEADER.fullmatch(text) if text.isascii() else None
    if found is None:
        raise MalformedAuthorization(f"the Authorization header is not {ALGORITHM} Credential=...,...")
    if unsigned := _MUST_BE_SIGNED - set(found["headers"].split(";")):
        raise MalformedAuthorization(f"{', '.join(sorted(unsigned))} must be among SignedHeaders")
    return Authorization(found["id"], found["headers"], found["signature"])


def check(call: Call, authorization: Authorization, secret: str) -> None:
    """Accepts the call or raises.

    Raises:
        SignatureMismatch: the signature is another one.
    """
    to_sign = f"{ALGORITHM}\n{sha256(canonical_request(call, authorization.signed_headers)).hexdigest()}"
    if not same(digest(secret.encode(), to_sign.encode(), "sha256").hex(), authorization.signature):
        raise SignatureMismatch(to_sign)


def canonical_request(call: Call, signed_headers: str) -> bytes:
    """What the signature's hash is of. Its last line is the hash of the body that came, whatever
    x-acs-content-sha256 says: a changed body has another signature."""
    headers = "".join(f"{name}:{call.header(name).strip()}\n" for name in signed_headers.split(";"))
    lines = (
        call.method,
        call.path,
        canonical_query(call.query_pairs),
        headers,
        signed_headers,
        sha256(call.body).hexdigest(),
    )
    return "\n".join(lines).encode("utf-8", "surrogateescape")

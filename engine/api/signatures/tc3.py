"""TC3-HMAC-SHA256, the signature of Tencent's API 3.0 in an Authorization header."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from hmac import digest

from engine.api.request import Call
from engine.api.signatures.errors import MalformedAuthorization, SignatureMismatch, same
from engine.api.signatures.hosts import signed_hosts

ALGORITHM = "TC3-HMAC-SHA256"
UNSIGNED_PAYLOAD = "UNSIGNED-PAYLOAD"

# The service has no fixed form: the Node SDK writes the first label of its endpoint, port and all.
_HEADER = re.compile(
    rf"{ALGORITHM} "
    r"Credential=(?P<id>[^/,\s]+)/(?P<date>\d{4}-\d\d-\d\d)/(?P<service>[^,\s]+)/tc3_request, ?"
    r"SignedHeaders=(?P<headers>[^,\s]+), ?Signature=(?P<signature>[0-9a-f]{64})",
    re.ASCII,
)
_MUST_BE_SIGNED = frozenset({"content-type", "host"})


@dataclass(frozen=True, slots=True)
class Authorization:
    """The header in its parts. `signed_headers` is as it was sent: names in lower case joined by `;`."""

    key_id: str
    date: str
    service: str
    signed_headers: str
    signature: str

    @property
    def scope(self) -> str:
        """What the signing key is derived for."""
        return f"{self.date}/{self.service}/tc3_request"


def read_authorization(text: str) -> Authorization:
    """The parts of an Authorization header.

    Raises:
        MalformedAuthorization: it is not one of TC3, or `content-type` or `host` is not among what is signed.
    """
    found = _HEADER.fullmatch(text) if text.isascii() else None
    if found is None:
        raise MalformedAuthorization(f"the Authorization header is not {ALGORITHM} Credential=..., ...")
    if not set(found["headers"].lower().split(";")) >= _MUST_BE_SIGNED:
        raise MalformedAuthorization("content-type and host must be among SignedHeaders")
    return Authorization(found["id"], found["date"], found["service"], found["headers"], found["signature"])


def check(call: Call, authorization: Authorization, secret: str) -> None:
    """Accepts the call or raises. Its X-TC-Timestamp is known to be a number.

    Raises:
        SignatureMismatch: the signature is another one, or the scope's day is not that of the timestamp.
    """
    to_sign = ""
    timestamp = call.header("X-TC-Timestamp")
    key = _signing_key(secret, authorization)
    for host in signed_hosts(call.header("Host")):
        request_hash = sha256(canonical_request(call, authorization.signed_headers, host)).hexdigest()
        to_sign = f"{ALGORITHM}\n{timestamp}\n{authorization.scope}\n{request_hash}"
        expected = digest(key, to_sign.encode(), "sha256").hex()
        if same(expected, authorization.signature) and authorization.date == _day(int(timestamp)):
            return
    raise SignatureMismatch(to_sign)


def canonical_request(call: Call, signed_headers: str, host: str) -> bytes:
    """What the signature's hash is of. The query is the one received: no SDK but Go's sorts it, and each
    escapes in its own way."""
    is_get = call.method == "GET"
    if call.header("X-TC-Content-SHA256") == UNSIGNED_PAYLOAD:
        payload = UNSIGNED_PAYLOAD.encode()
    else:
        payload = b"" if is_get else call.body
    names = signed_headers.split(";")
    values = [host if name.lower() == "host" else call.header(name) for name in names]
    headers = "".join(
        f"{name.lower()}:{value.lower().strip()}\n" for name, value in zip(names, values, strict=True)
    )
    lines = (
        call.method.encode(),
        b"/",
        call.query if is_get else b"",
        headers.encode("utf-8", "surrogateescape"),
        signed_headers.encode(),
        sha256(payload).hexdigest().encode(),
    )
    return b"\n".join(lines)


def _signing_key(secret: str, authorization: Authorization) -> bytes:
    key = f"TC3{secret}".encode()
    for part in (authorization.date, authorization.service, "tc3_request"):
        key = digest(key, part.encode(), "sha256")
    return key


def _day(timestamp: int) -> str:
    return datetime.fromtimestamp(timestamp, UTC).strftime("%Y-%m-%d")

"""HmacSHA1 and HmacSHA256, the signature of Tencent's API 2.0 that its API 3.0 takes too."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable
from hmac import digest

from engine.api.request import Call
from engine.api.signatures.errors import SignatureMismatch, same
from engine.api.signatures.hosts import signed_hosts

METHODS = {"HmacSHA1": "sha1", "HmacSHA256": "sha256"}
DEFAULT_METHOD = "HmacSHA1"


def check(
    call: Call, pairs: Iterable[tuple[str, str]], *, path: str, method: str, signature: str, secret: str
) -> None:
    """Accepts the call or raises. `pairs` are its parameters with the common ones, `method` one of METHODS.

    What is signed is decoded, so that two spellings of one value (`+` and `%20`) have one signature.

    Raises:
        SignatureMismatch: the signature is another one.
    """
    parameters = sorted(pairs)
    to_sign = ""
    for host in signed_hosts(call.header("Host")):
        to_sign = source(call.method, host, path, parameters)
        mac = digest(secret.encode(), to_sign.encode("utf-8", "surrogateescape"), METHODS[method])
        if same(b64encode(mac).decode(), signature):
            return
    raise SignatureMismatch(to_sign)


def source(method: str, host: str, path: str, parameters: Iterable[tuple[str, str]]) -> str:
    """What is signed; `parameters` are sorted by name."""
    joined = "&".join(
        f"{name.replace('_', '.')}={value}" for name, value in parameters if name != "Signature"
    )
    return f"{method}{host}{path}?{joined}"

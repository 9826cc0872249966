"""Aliyun's RPC signature (HMAC-SHA1, version 1.0), in a parameter."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable
from hmac import digest
from urllib.parse import quote

from engine.api.signatures.errors import SignatureMismatch, same


def check(method: str, pairs: Iterable[tuple[str, str]], *, signature: str, secret: str) -> None:
    """Accepts the call or raises. `pairs` are all parameters of query and form; the host is not signed.

    Raises:
        SignatureMismatch: the signature is another one.
    """
    to_sign = string_to_sign(method, pairs)
    mac = digest(f"{secret}&".encode(), to_sign.encode(), "sha1")
    if not same(b64encode(mac).decode(), signature):
        raise SignatureMismatch(to_sign)


def string_to_sign(method: str, pairs: Iterable[tuple[str, str]]) -> str:
    """What is signed; empty parameters count."""
    query = canonical_query((name, value) for name, value in pairs if name != "Signature")
    return f"{method}&%2F&{escaped(query)}"


def canonical_query(pairs: Iterable[tuple[str, str]]) -> str:
    """`k=v` joined by `&`, escaped, sorted by name."""
    return "&".join(f"{escaped(name)}={escaped(value)}" for name, value in sorted(pairs))


def escaped(text: str) -> str:
    """Per RFC 3986: all but letters, digits and `-_.~`."""
    return quote(text, safe="", errors="surrogateescape")

"""Why a signature is not accepted, in no vendor's words."""

from __future__ import annotations

import hmac


class SignatureRefused(Exception):
    """The call is not signed by the key it names."""


class MalformedAuthorization(SignatureRefused):
    """The Authorization header cannot be read, or leaves out what must be signed."""


class SignatureMismatch(SignatureRefused):
    """Another signature was expected. `string_to_sign` is what the server signed."""

    def __init__(self, string_to_sign: str) -> None:
        super().__init__("the signature does not match")
        self.string_to_sign = string_to_sign


def same(expected: str, given: str) -> bool:
    """Compares in a time that does not depend on where the two differ."""
    return hmac.compare_digest(expected.encode(), given.encode("utf-8", "surrogateescape"))

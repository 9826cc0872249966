"""HOST:PORT."""

from __future__ import annotations

import pytest

from engine.errors import UsageError
from engine.origin.address import Address


@pytest.mark.parametrize(
    ("text", "host", "port", "in_url"),
    [
        ("127.0.0.1:1935", "127.0.0.1", 1935, "127.0.0.1:1935"),
        ("localhost:0", "localhost", 0, "localhost:0"),
        (":1935", "", 1935, "127.0.0.1:1935"),
        ("0.0.0.0:1935", "0.0.0.0", 1935, "127.0.0.1:1935"),
        ("[::1]:65535", "::1", 65535, "[::1]:65535"),
        ("[::]:80", "::", 80, "[::1]:80"),
    ],
)
def test_addresses(text: str, host: str, port: int, in_url: str) -> None:
    address = Address.parse(text)
    assert (address.host, address.port, address.for_url) == (host, port, in_url)


@pytest.mark.parametrize(
    "text",
    ["", "1935", "host", "host:", "host:x", "host:65536", "::1:1935", "a/b:1", "u@h:1", "host:1 ", "h:-1"],
)
def test_wrong_addresses_are_usage_errors(text: str) -> None:
    with pytest.raises(UsageError, match="HOST:PORT"):
        Address.parse(text)

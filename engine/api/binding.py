"""Whether a server without keys may listen where it is told to."""

from __future__ import annotations

from ipaddress import IPv6Address, ip_address

from engine.api.keys import KeyRing
from engine.errors import UsageError

OPEN_NOTICE = "no key is configured: every program on this machine may call the API, and only those"


def check_binding(host: str, keys: KeyRing) -> str | None:
    """What to tell the operator about listening on `host` (an address or a name), None when there is nothing.

    Raises:
        UsageError: there are no keys, and `host` is not a loopback address or `localhost`.
    """
    if keys:
        return None
    if not is_loopback(host):
        raise UsageError(
            f"api.keys is empty, and whoever reaches {host or 'this machine'} could call the API: "
            "set api.keys, or listen on 127.0.0.1"
        )
    return OPEN_NOTICE


def is_loopback(host: str) -> bool:
    """Whether an address or a name, such as stands in a Host header without its port, is this machine to
    itself."""
    try:
        address = ip_address(host.removeprefix("[").removesuffix("]"))
    except ValueError:
        return host.lower() == "localhost"
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return (mapped or address).is_loopback

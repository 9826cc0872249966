"""Whether a server without keys may listen where it is told to."""

from __future__ import annotations

from ipaddress import IPv6Address, ip_address

from engine.api.keys import KeyRing
from engine.errors import UsageError


def check_binding(host: str, keys: KeyRing) -> None:
    """Check whether a server with these keys may listen on `host`, an address or a name.

    Raises:
        UsageError: there are no keys, and `host` is not a loopback address or `localhost`.
    """
    if not keys and not is_loopback(host):
        raise UsageError(
            f"api.keys is empty, and whoever reaches {host or 'this machine'} could call the API: "
            "set api.keys, or listen on 127.0.0.1"
        )


def is_loopback(host: str) -> bool:
    """Whether an address or a name, such as stands in a Host header without its port, is this machine to
    itself."""
    try:
        address = ip_address(host.removeprefix("[").removesuffix("]"))
    except ValueError:
        return host.lower() == "localhost"
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return (mapped or address).is_loopback

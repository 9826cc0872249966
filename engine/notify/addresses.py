"""Which addresses are the public's: a setting may forbid messages to all others."""

from __future__ import annotations

import errno
import socket
from ipaddress import IPv6Address, ip_address

from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver

from engine.notify.signing import host_of


def is_public(address: str) -> bool:
    """Whether an IP address, written as such, is one of the public internet."""
    ip = ip_address(address.partition("%")[0])
    if isinstance(ip, IPv6Address):
        ip = ip.ipv4_mapped or ip.sixtofour or ip
    return ip.is_global and not ip.is_multicast


def may_be_public(url: str) -> bool:
    """False when a URL names a private address or this machine. What a name stands for shows only when it is
    looked up: `PublicResolver`."""
    host = host_of(url).rstrip(".")
    try:
        return is_public(host)
    except ValueError:
        return bool(host) and host != "localhost" and not host.endswith(".localhost")


class PublicResolver(AbstractResolver):
    """Looks names up and gives their public addresses alone.

    Raises:
        OSError: the name has none.
    """

    def __init__(self, names: AbstractResolver | None = None) -> None:
        self._names = names or ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """As aiohttp asks."""
        found = [one for one in await self._names.resolve(host, port, family) if is_public(str(one["host"]))]
        if not found:
            raise OSError(errno.EACCES, f"{host} is at a private address")
        return found

    async def close(self) -> None:
        """As aiohttp asks."""
        await self._names.close()

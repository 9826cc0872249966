"""Which host a client may have signed, given the Host header it sent."""

from __future__ import annotations

import re

_PORT = re.compile(r":\d+$")


def host_name(host: str) -> str:
    """The name or address in a Host header, without its port and what the Python SDK leaves before it."""
    return _PORT.sub("", host.rpartition("://")[2])


def signed_hosts(host: str) -> tuple[str, ...]:
    """What to try, in order: the header as received (with its port, and with the scheme that the Python SDK
    leaves in it when its endpoint has one), and the bare name that the Node SDK signs."""
    bare = _PORT.sub("", host)
    return (host,) if bare == host else (host, bare)

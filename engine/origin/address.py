"""HOST:PORT: read, put into URLs, and named in errors."""

from __future__ import annotations

import os
import re
import socket
from dataclasses import dataclass

from engine.errors import OriginError, UsageError

_ADDRESS = re.compile(r"(\[(?P<v6>[0-9A-Fa-f:.%]+)\]|(?P<host>[^\[\]:/@\s]*)):(?P<port>[0-9]{1,5})")
# How this machine reaches a server that listens on every interface.
_ANY = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104


@dataclass(frozen=True, slots=True)
class Address:
    """Where to listen. An empty host is every interface, port 0 any free port."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str, key: str = "") -> Address:
        """Read `HOST:PORT`, `[IPV6]:PORT` or `:PORT`; `key` is what the user wrote it for.

        Raises:
            UsageError: it is none of them.
        """
        match = _ADDRESS.fullmatch(text)
        if match is None or int(match["port"]) > 65_535 or not _is_name(match["host"] or ""):
            prefix = f"{key}: " if key else ""
            raise UsageError(f"{prefix}{text!r} is not an address: write HOST:PORT, such as 127.0.0.1:1935")
        return cls(match["v6"] or match["host"] or "", int(match["port"]))

    @property
    def for_url(self) -> str:
        """The address as a URL of this machine has it."""
        return _joined(_ANY.get(self.host, self.host), self.port)

    @property
    def for_people(self) -> str:
        """The address as a person types it, on any machine: for every interface, this machine's address."""
        return _joined(_outward_host(self.host) if self.host in _ANY else self.host, self.port)

    def refusal(self, protocol: str, key: str, error: OSError) -> OriginError:
        """The error of a server that cannot listen here; `key` is what the user changes."""
        reason = os.strerror(error.errno) if error.errno and error.errno > 0 else str(error)
        where = _joined(self.host, self.port)
        return OriginError(f"cannot listen on {where} for {protocol}: {reason}: change {key}")


def _is_name(host: str) -> bool:
    """The resolver can be asked for it: no label is empty or too long."""
    try:
        host.encode("idna")
    except UnicodeError:
        return False
    return True


def _joined(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _outward_host(every: str) -> str:
    """The address that packets to other networks leave from; without one, the machine's name."""
    family, elsewhere = (socket.AF_INET6, "2001:db8::1") if every == "::" else (socket.AF_INET, "192.0.2.254")
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((elsewhere, 9))  # of UDP: nothing is sent
            host: str = probe.getsockname()[0]
            return host
    except OSError:
        return socket.gethostname()

"""HOST:PORT, as people write it and as URLs have it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from engine.errors import UsageError

_ADDRESS = re.compile(r"(\[(?P<v6>[0-9A-Fa-f:.%]+)\]|(?P<host>[^\[\]:/@\s]*)):(?P<port>[0-9]{1,5})")
# How this machine reaches a server that listens on every interface.
_ANY = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104


@dataclass(frozen=True, slots=True)
class Address:
    """Where to listen. An empty host is every interface, port 0 any free port."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> Address:
        """Reads `HOST:PORT`, `[IPV6]:PORT` or `:PORT`.

        Raises:
            UsageError: it is none of them.
        """
        match = _ADDRESS.fullmatch(text)
        if match is None or int(match["port"]) > 65_535:
            raise UsageError(f"{text!r} is not an address: write HOST:PORT, such as 127.0.0.1:1935")
        return cls(match["v6"] or match["host"] or "", int(match["port"]))

    @property
    def for_url(self) -> str:
        """The address as a URL of this machine has it."""
        host = _ANY.get(self.host, self.host)
        return f"[{host}]:{self.port}" if ":" in host else f"{host}:{self.port}"

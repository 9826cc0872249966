"""HTTP proxies: which one a URL goes through, and the CONNECT exchange, without sockets.

`--proxy` goes before the environment, whose variables mean what they mean to curl: `http_proxy` (in lower
case only: a CGI's caller sets HTTP_PROXY), `https_proxy`, `all_proxy`, and `no_proxy` for hosts that are
reached directly. Proxies of the environment are never asked for this machine itself.
"""

from __future__ import annotations

import base64
import ipaddress
import os
import re
from dataclasses import dataclass, field
from urllib.parse import unquote

import engine
from engine.errors import AccessDenied, BadResponse, ConnectFailed, ReelError, UsageError
from engine.ingest.address import split_url
from engine.ingest.other_protocols import recognize_server
from engine.masking import hide_secrets, masked

_HEAD_BYTES = 16 << 10  # as much as a proxy may say before it is taken for none
_STATUS = re.compile(rb"HTTP/1\.[0-9] ([0-9]{3})(?: ([^\r\n]*))?\r?\n")
_HEAD_END = re.compile(rb"\r?\n\r?\n")


@dataclass(frozen=True, slots=True)
class Proxy:
    """An HTTP proxy that opens tunnels."""

    host: str
    port: int
    authorization: str | None = field(default=None, repr=False)
    url: str = field(default="", repr=False)

    @classmethod
    def parse(cls, url: str) -> Proxy:
        """Read `http://[user:password@]host:port`; the scheme may be left out.

        Raises:
            UsageError: another kind of proxy, or no host and port.
        """
        whole = url if "://" in url else f"http://{url}"
        parts = split_url(whole)
        if parts.scheme.lower() != "http":
            raise UsageError(f"{masked(whole)}: {parts.scheme} proxies are not used: name an http:// one")
        if not parts.hostname or parts.port is None:
            raise UsageError(f"{masked(whole)} is no proxy: write http://[USER:PASSWORD@]HOST:PORT")
        login = None
        if parts.username is not None:
            plain = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
            login = "Basic " + base64.b64encode(plain.encode()).decode()
        return cls(parts.hostname, parts.port, login, whole)

    @property
    def label(self) -> str:
        """Host and port, for people."""
        return f"{_bracketed(self.host)}:{self.port}"


def proxy_for(url: str, given: str | None) -> Proxy | None:
    """Return the proxy that a URL goes through, or None.

    Args:
        url: What is asked for.
        given: What `--proxy` names; empty for none at all, None for that of the environment.

    Raises:
        UsageError: what names the proxy is wrong.
    """
    parts = split_url(url)
    host = parts.hostname or ""
    if given == "" or _is_excluded(host, _variable("no_proxy")):
        return None
    if given is not None:
        return Proxy.parse(given)
    if _is_this_machine(host):
        return None
    name = f"{parts.scheme.lower()}_proxy"
    value = (os.environ.get(name, "") if name == "http_proxy" else _variable(name)) or _variable("all_proxy")
    if not value:
        return None
    try:
        return Proxy.parse(value)
    except UsageError as error:
        raise UsageError(f'{name} or all_proxy in the environment: {error} (or give --proxy "")') from None


def _variable(name: str) -> str:
    return os.environ.get(name) or os.environ.get(name.upper(), "")


def _is_excluded(host: str, no_proxy: str) -> bool:
    """Whether `no_proxy` names a host, a domain above it, or a network of its address."""
    for entry in no_proxy.replace(",", " ").split():
        name = entry.lower().strip("[]")
        if name == "*" or host == name.lstrip(".") or host.endswith("." + name.lstrip(".")):
            return True
        try:
            if "/" in name and ipaddress.ip_address(host) in ipaddress.ip_network(name, strict=False):
                return True
        except ValueError:
            continue
    return False


def _is_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


class Tunnel:
    """One CONNECT exchange: send `request`, give `receive` what comes until it is `open`."""

    def __init__(self, proxy: Proxy, host: str, port: int, where: str) -> None:
        self._proxy = proxy
        self._where = where
        self._target = f"{_bracketed(_ascii(host))}:{port}"
        self._received = b""
        self.open = False
        lines = [
            f"CONNECT {self._target} HTTP/1.1",
            f"Host: {self._target}",
            f"User-Agent: reelkeeper/{engine.__version__}",
        ]
        if proxy.authorization is not None:
            lines.append(f"Proxy-Authorization: {proxy.authorization}")
        self.request = "\r\n".join([*lines, "", ""]).encode("ascii")

    def receive(self, data: bytes) -> None:
        """Take in bytes; none mean that the proxy has closed.

        Raises:
            AccessDenied: the proxy refuses, or wants a login.
            BadResponse: it is no proxy.
            ConnectFailed: it cannot reach the server, or closed.
        """
        if not data:
            raise ConnectFailed(f"{self._where}: the proxy {self._proxy.label} closed before it answered")
        self._received += data
        if not b"HTTP/1.".startswith(self._received[:7]) or len(self._received) > _HEAD_BYTES:
            raise self._not_a_proxy()
        end = _HEAD_END.search(self._received)
        if end is None:
            return
        status = _STATUS.match(self._received)
        if status is None or len(self._received) > end.end():
            raise self._not_a_proxy()
        if not status[1].startswith(b"2"):
            raise self._refusal(int(status[1]), (status[2] or b"").decode("latin-1"))
        self.open = True

    def _not_a_proxy(self) -> BadResponse:
        server = recognize_server(self._received)
        hint = f"this is {server}" if server and not server.startswith("a web server") else "check the port"
        return BadResponse(
            f"{self._where}: the proxy {self._proxy.label} does not answer as an HTTP proxy: {hint}"
        )

    def _refusal(self, status: int, reason: str) -> ReelError:
        said = f"{status} {hide_secrets(reason, self._proxy.url)}".rstrip()
        line = f"{self._where}: the proxy {self._proxy.label} answers {said}"
        if status == 407:
            return AccessDenied(
                f"{line}: it wants a user and password: --proxy http://USER:PASSWORD@HOST:PORT"
            )
        if status in (401, 403, 405):
            return AccessDenied(f"{line}: it opens no tunnel to {self._target}")
        return ConnectFailed(f"{line}: it does not reach {self._target}")


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _ascii(host: str) -> str:
    """A name as it goes over the wire; one that cannot is no name, which the proxy will say."""
    try:
        return host if host.isascii() else host.encode("idna").decode("ascii")
    except UnicodeError:
        return host.encode("ascii", "replace").decode("ascii")

"""Cookies from a file as browsers' extensions, curl and yt-dlp write it (Netscape's format)."""

from __future__ import annotations

import ipaddress
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from engine.errors import UsageError
from engine.ingest.address import split_url

_FILE_BYTES = 16 << 20
_HTTP_ONLY = "#HttpOnly_"
_FIELDS = 7  # domain, whether of subdomains too, path, whether secure, expiry, name, value
_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+", re.ASCII)
_VALUE = re.compile(r"[\x20-\x3a\x3c-\x7e]*", re.ASCII)  # neither control characters nor a semicolon


@dataclass(frozen=True, slots=True)
class Cookie:
    """One cookie and where it goes. `expires_s` is in seconds since 1970, 0 for the end of a session."""

    domain: str
    with_subdomains: bool
    path: str
    secure: bool
    expires_s: float
    name: str
    value: str = field(repr=False)

    def goes_to(self, host: str, path: str, *, secure: bool, now_s: float) -> bool:
        """Whether it is sent with a request (RFC 6265, section 5.4)."""
        if (self.secure and not secure) or 0 < self.expires_s <= now_s:
            return False
        is_below = self.with_subdomains and host.endswith("." + self.domain) and not _is_address(host)
        if host != self.domain and not is_below:
            return False
        return path == self.path or path.startswith(self.path.rstrip("/") + "/")


def read_cookies(path: Path | None) -> tuple[Cookie, ...]:
    """Read a cookie file; None has none. Lines that are no cookies are left out, as curl does.

    Raises:
        UsageError: it cannot be read, or none of its lines is a cookie.
    """
    if path is None:
        return ()
    try:
        with path.open("rb") as file:
            data = file.read(_FILE_BYTES + 1)
    except OSError as error:
        raise UsageError(f"--cookie-file {path}: {error.strerror}") from None
    if len(data) > _FILE_BYTES:
        raise UsageError(f"--cookie-file {path}: more than {_FILE_BYTES >> 20} MiB are no cookies")
    lines = data.decode("utf-8", errors="replace").split("\n")
    cookies = tuple(cookie for line in lines if (cookie := _read(line.rstrip("\r"))) is not None)
    if not cookies and any(line.strip() and not line.startswith("#") for line in lines):
        raise UsageError(
            f"--cookie-file {path}: not one line is a cookie: a file in Netscape's format is expected, as "
            "`curl --cookie-jar` and `yt-dlp --cookies` write it"
        )
    return cookies


def cookie_header(cookies: Sequence[Cookie], url: str) -> str | None:
    """Return the value of Cookie for a request, those of longer paths first; None where none is sent."""
    parts = split_url(url)
    host, path = parts.hostname or "", parts.path or "/"
    secure, now_s = parts.scheme.lower() == "https", time.time()
    sent = [cookie for cookie in cookies if cookie.goes_to(host, path, secure=secure, now_s=now_s)]
    sent.sort(key=lambda cookie: -len(cookie.path))
    return "; ".join(f"{cookie.name}={cookie.value}" for cookie in sent) or None


def _read(line: str) -> Cookie | None:
    line = line.removeprefix(_HTTP_ONLY)
    fields = line.split("\t")
    if len(fields) == _FIELDS - 1:
        fields.append("")  # an empty value, whose tab an editor took
    if line.startswith("#") or len(fields) != _FIELDS:
        return None
    domain, with_subdomains, path, secure, expires, name, value = fields
    try:
        expires_s = float(expires or 0)
    except ValueError:
        return None
    if not domain.strip(".") or not _NAME.fullmatch(name) or not _VALUE.fullmatch(value):
        return None
    return Cookie(
        domain.lstrip(".").lower(),
        with_subdomains.upper() == "TRUE",
        path if path.startswith("/") else "/",
        secure.upper() == "TRUE",
        expires_s,
        name,
        value,
    )


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True

"""Secrets kept out of messages, events, logs and tables: the one place where a URL becomes text to read.

A URL that is wrong is masked too, whatever is wrong with it. A password may then hold any character, so what
could be part of a login is never shown: rather less of the URL is.
"""

from __future__ import annotations

import re
from urllib.parse import parse_qsl, unquote

MASK = "…"
"""What stands for text that is left out."""

_SCHEME = re.compile(r"\s*[A-Za-z][A-Za-z0-9+.\-]*:/+", re.ASCII)
_BEHIND_PATH = re.compile(r"[?#;&]")
_PARAMETER = re.compile(r"[;&].*=", re.DOTALL)
_PORT = re.compile(r"[0-9]*", re.ASCII)
_BRACKETED = re.compile(r"\[[0-9A-Fa-f:.%]*\]?(:[0-9]*)?", re.ASCII)
_FILE = re.compile(r"\s*file:/(//)?(?!/)", re.ASCII | re.IGNORECASE)
_SHORTEST_SECRET = 4  # characters: shorter ones would be found in any text


def masked(url: str) -> str:
    """Return a URL for people: no user, no password, no query string, no fragment, no control characters.

    `http://…` is what is left of a URL whose login cannot be told from its path.
    """
    if _FILE.match(url):  # without a server there is no login
        return printable(url.partition("?")[0].lstrip())
    prefix = match[0] if (match := _SCHEME.match(url)) else ""
    rest = url[len(prefix) :]
    before_query = re.split(r"[?#]", rest, maxsplit=1)[0]
    at = rest.rfind("@")
    if at < 0:
        shown = _server_masked(_BEHIND_PATH.split(rest, maxsplit=1)[0])
    elif at < len(before_query) and not _PARAMETER.search(rest[:at]):
        # Everything up to the last @ can be a login; a path that has one loses its beginning.
        is_path = "/" in rest[:at]
        shown = (f"{MASK}@" if is_path else "") + re.split(r"[?#;&=]", rest[at + 1 :], maxsplit=1)[0]
    elif at < len(before_query) or "@" in before_query or ":" in before_query:
        shown = MASK  # an @ behind the path: of a parameter, or of a password with a question mark in it
    else:
        shown = _BEHIND_PATH.split(before_query, maxsplit=1)[0]
    return printable(prefix.lstrip() + shown)


def hide_secrets(text: str, url: str) -> str:
    """Return what a peer says without the login and the parameters of the URL that it was asked for.

    Servers quote stream names with their signatures, and URLs with passwords.
    """
    text = text.replace(url, masked(url))
    for secret in sorted(_secrets(url), key=len, reverse=True):
        text = text.replace(secret, MASK)
    return printable(text)


def printable(text: str) -> str:
    """Return text with control characters, line ends and lone surrogates written as escapes."""
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode("ascii") for char in text
    )


def _server_masked(rest: str) -> str:
    """A server and path without what stands in the place of the port and is none: half of a login."""
    server, slash, path = rest.partition("/")
    host, colon, port = server.partition(":")
    if colon and not _PORT.fullmatch(port) and not _BRACKETED.fullmatch(server):
        server = f"{host}:{MASK}"
    return server + slash + path


def _secrets(url: str) -> set[str]:
    rest = url[len(match[0]) :] if (match := _SCHEME.match(url)) else url
    found: set[str] = set()
    server = re.split(r"[/?#]", rest, maxsplit=1)[0]
    login = server.rpartition("@")[0]
    if login:
        found |= {login, login.partition(":")[2], unquote(login), unquote(login.partition(":")[2])}
    for query in rest.split("?")[1:]:
        found.add(query)
        for _, value in parse_qsl(query, keep_blank_values=True):
            found.add(value)
        found |= {part.partition("=")[2] for part in query.split("&")}
    return {secret for secret in found if len(secret) >= _SHORTEST_SECRET}

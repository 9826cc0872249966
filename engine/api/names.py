"""Domains, apps and streams as callers name them. Pure.

A name becomes a part of an origin's URL and of a path. Both encode what they cannot hold; what has a meaning
in a URL is refused here all the same, so that no request reaches another stream than the one it names (S1).
"""

from __future__ import annotations

import re

_DOMAIN = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_.-]{0,251}[A-Za-z0-9_])?")
_RESERVED = frozenset("/\\?#%&\"'<>")
_MAX_NAME = 255


def name_fault(value: str) -> str | None:
    """What is wrong with the name of an app or a stream, to go on after its parameter's name."""
    if len(value) > _MAX_NAME:
        return f"is longer than {_MAX_NAME} characters"
    bad = next((letter for letter in value if letter in _RESERVED or not letter.isprintable()), None)
    return "is not a name" if bad or " " in value or value in (".", "..") else None


def domain_fault(value: str) -> str | None:
    """What is wrong with a domain name, likewise."""
    return None if _DOMAIN.fullmatch(value) and ".." not in value else "is not a domain name"

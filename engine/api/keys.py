"""The key pairs that may call, and the domains each of them may speak of."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from engine.errors import UsageError

# What Tencent's and Aliyun's ids look like. It keeps what a stranger sends out of the log's lines.
_ID = re.compile(r"[A-Za-z0-9_.-]{1,128}")

ANY_DOMAIN = "*"


@dataclass(frozen=True, slots=True)
class Key:
    """A key pair. `domains` are names, `*.example.com` for the names below one, or `*` for all."""

    id: str
    secret: str = field(repr=False)
    domains: tuple[str, ...] = (ANY_DOMAIN,)

    def may(self, domain: str) -> bool:
        """Whether the key's owner may see and change what belongs to `domain`; case does not matter."""
        name = domain.lower()
        return any(_covers(pattern.lower(), name) for pattern in self.domains)


def is_key_id(text: str) -> bool:
    """Whether `text` can be the id of a key."""
    return _ID.fullmatch(text) is not None


class KeyRing:
    """The keys of this server by their ids. An empty ring asks nobody for a signature.

    Raises:
        UsageError: two keys of one id, an id of other letters, or an empty secret.
    """

    def __init__(self, keys: Iterable[Key] = ()) -> None:
        self._keys: dict[str, Key] = {}
        for key in keys:
            if not is_key_id(key.id):
                raise UsageError(f"api.keys: the id {key.id!r} may hold letters, digits and ._- only")
            if not key.secret:
                raise UsageError(f"api.keys: the key {key.id} has no secret")
            if key.id in self._keys:
                raise UsageError(f"api.keys: two keys have the id {key.id}")
            self._keys[key.id] = key

    def __bool__(self) -> bool:
        return bool(self._keys)

    def find(self, id: str) -> Key | None:
        """The key of that id. Ids are no secrets: both vendors tell an unknown id from a wrong signature."""
        return self._keys.get(id)


def _covers(pattern: str, domain: str) -> bool:
    if pattern.startswith("*."):
        return domain.endswith(pattern[1:]) and len(domain) > len(pattern) - 1
    return pattern in (ANY_DOMAIN, domain)

"""Nonces that were used, so that nobody uses a signed call twice."""

from __future__ import annotations

from enum import Enum
from hashlib import blake2b
from math import ceil

_BUCKETS = 6


class Nonce(Enum):
    """What became of a nonce."""

    FRESH = "fresh"
    USED = "used"
    FULL = "full"
    """Too many are remembered to remember one more."""


class NonceStore:
    """The nonces of the last `window_s` seconds, by key.

    A call is accepted while its timestamp is within `window_s` of now, on either side: its nonce is kept
    until its timestamp can be no more. Nonces are kept as short hashes in a few sets by the time they end,
    and a set is dropped whole. A key that has `capacity` of them uses up no other's. In memory only: a
    restart forgets them.
    """

    def __init__(self, window_s: int, *, capacity: int = 500_000) -> None:
        self._window_s = window_s
        self._capacity = capacity
        self._span_s = max(1, window_s // _BUCKETS)
        self._keys: dict[str, dict[int, set[bytes]]] = {}

    def use(self, key_id: str, nonce: str, timestamp: float, now: float) -> Nonce:
        """Remember a nonce. `timestamp` is the call's and `now` the server's time, unix seconds.

        To be called for calls whose signature was good: a stranger's would fill the store.
        """
        sets = self._keys.setdefault(key_id, {})
        for end in [end for end in sets if end * self._span_s < now]:
            del sets[end]
        mark = blake2b(nonce.encode("utf-8", "surrogateescape"), digest_size=12).digest()
        if any(mark in marks for marks in sets.values()):
            return Nonce.USED
        if sum(map(len, sets.values())) >= self._capacity:
            return Nonce.FULL
        end = ceil((timestamp + self._window_s) / self._span_s)
        sets.setdefault(end, set()).add(mark)
        return Nonce.FRESH

    def clear(self) -> None:
        """Forget all."""
        self._keys.clear()

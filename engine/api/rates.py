"""How often a key may call an action in a second."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Excess:
    """More calls in one second than may be: this was number `times`, `limit` are allowed."""

    times: int
    limit: int


class Rates:
    """Counts the calls of each key and action in the running second.

    `limits` are by action name and go before an action's own, 0 is no limit; `is_on=False` turns all off.
    `clock` gives seconds that never step back.
    """

    def __init__(
        self,
        limits: Mapping[str, int] | None = None,
        *,
        is_on: bool = True,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._limits = dict(limits or {})
        self._is_on = is_on
        self._clock = clock
        self._second = 0
        self._counts: dict[tuple[str, str], int] = {}

    def count(self, key_id: str, action: str, limit: int) -> Excess | None:
        """One more call; `limit` is the action's own. The excess when it is one too many."""
        allowed = self._limits.get(action, limit)
        if not self._is_on or allowed <= 0:
            return None
        second = int(self._clock())
        if second != self._second:
            self._second = second
            self._counts.clear()
        times = self._counts.get((key_id, action), 0) + 1
        self._counts[key_id, action] = times
        return Excess(times, allowed) if times > allowed else None

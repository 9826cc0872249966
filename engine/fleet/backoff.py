"""How long a worker that died waits before it is started again. Pure."""

from __future__ import annotations

from dataclasses import dataclass

_FIRST_S = 0.5
_LAST_S = 30.0
_WELL_S = 60.0
"""A worker that lived so long died of something new."""


@dataclass(slots=True)
class DeathBackoff:
    """At once after the first death; doubled with each one that comes soon after the start."""

    _wait_s: float = 0.0

    def next_s(self, lived_s: float) -> float:
        """Seconds to wait after a death."""
        if lived_s >= _WELL_S:
            self._wait_s = 0.0
        wait_s = self._wait_s
        self._wait_s = min(max(wait_s * 2, _FIRST_S), _LAST_S)
        return wait_s

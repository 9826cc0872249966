"""Which worker a new recording goes to. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

_SHARE_GUESS = 0.002
"""Of a core: what a recording is taken to cost until some have been measured."""

_SMOOTHING = 0.3
"""How much of the load the newest second is."""


@dataclass(slots=True)
class Load:
    """What a worker uses of a core, as measured, and what it has been given since."""

    share: float = 0.0
    given: int = 0
    """Recordings that came after the last measurement."""
    _cpu_s: float | None = None
    _at_s: float = 0.0

    def measure(self, cpu_s: float, at_s: float) -> None:
        """The process has used `cpu_s` by the time `at_s`."""
        if self._cpu_s is not None and at_s > self._at_s:
            share = (cpu_s - self._cpu_s) / (at_s - self._at_s)
            self.share += (share - self.share) * _SMOOTHING
            self.given = 0
        self._cpu_s, self._at_s = cpu_s, at_s


@dataclass(frozen=True, slots=True)
class Candidate:
    """A worker that a recording may go to."""

    is_alive: bool
    load: Load
    recordings: int


def least_loaded(candidates: Sequence[Candidate]) -> int:
    """The index of the one for the next recording: of those that are alive the one with the least load, to a
    hundredth of a core; of those that are alike the one with the fewest recordings.

    What has been given to a worker since its load was measured counts as much as recordings cost on the
    whole, so that many that come at once are spread.
    """
    measured = sum(one.recordings - one.load.given for one in candidates)
    total = sum(one.load.share for one in candidates)
    each = total / measured if measured > 0 and total > 0 else _SHARE_GUESS

    def key(index: int) -> tuple[bool, float, int]:
        one = candidates[index]
        return not one.is_alive, round(one.load.share + one.load.given * each, 2), one.recordings

    return min(range(len(candidates)), key=key)

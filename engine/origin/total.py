"""What peers hold together, and the bound on it."""

from __future__ import annotations

from typing import Protocol


class Holder(Protocol):
    """Something that holds memory and can let it go."""

    @property
    def held_bytes(self) -> int:
        """What it holds now."""
        ...

    def let_go(self) -> None:
        """Hold nothing any more. Must not call back into the total."""
        ...


class Total:
    """Sums up what holders hold. Beyond the bound the one that holds the most lets go, until the sum fits.

    A holder's share is known from its last `note`: holders note what grows, and what has shrunk meanwhile is
    looked at before anybody has to let go.
    """

    def __init__(self, limit_bytes: int) -> None:
        self._limit_bytes = limit_bytes
        self._held: dict[Holder, int] = {}
        self.held_bytes = 0

    def note(self, holder: Holder) -> None:
        """The holder's share has changed."""
        self._set(holder, holder.held_bytes)
        if self.held_bytes <= self._limit_bytes:
            return
        for other in tuple(self._held):
            self._set(other, other.held_bytes)
        while self.held_bytes > self._limit_bytes:
            largest = max(self._held, key=self._held.__getitem__)
            largest.let_go()
            self._set(largest, 0)

    def leave(self, holder: Holder) -> None:
        """The holder is gone; one that never noted anything is no error."""
        self._set(holder, 0)

    def _set(self, holder: Holder, held_bytes: int) -> None:
        self.held_bytes += held_bytes - self._held.pop(holder, 0)
        if held_bytes:
            self._held[holder] = held_bytes

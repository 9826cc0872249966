"""What the origin tells of its publishers, to whoever decides what is recorded."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Protocol


class PushEnd(IntEnum):
    """Why a push ended: the codes of Tencent's event 0."""

    DELETE_STREAM = 1
    CLOSE_STREAM = 2
    PEER_CLOSED = 3
    CONNECTION_LOST = 4
    MALFORMED = 7
    CUT = 8
    """By us: silent for too long, too much memory, or an order to drop it."""


@dataclass(frozen=True, slots=True)
class Push:
    """One continuous publish."""

    path: str
    """`app/name`."""
    host: str = ""
    """The host name that the publisher dialled, as it says itself: its push domain, or an address."""
    params: str = ""
    """The query string of its URL."""
    client_ip: str = ""


class PushWatch(Protocol):
    """Hears of pushes, in order. Called on the event loop; must not block or raise."""

    def began(self, push: Push) -> None:
        """The publisher was accepted: its stream can be played."""
        ...

    def ended(self, push: Push, end: PushEnd) -> None:
        """Its stream is over, and its players know."""
        ...


class Unwatched:
    """Nobody wants to know."""

    def began(self, push: Push) -> None:
        """A push began."""

    def ended(self, push: Push, end: PushEnd) -> None:
        """A push ended."""

"""The states of a recording, and every transition between them."""

from __future__ import annotations

from enum import StrEnum


class State(StrEnum):
    """Where a recording is."""

    CONNECTING = "connecting"
    OPENING = "opening"  # connected, before the first cut point
    LIVE = "live"
    WAITING = "waiting"  # for a stream that ended, or has not begun
    ENDING = "ending"  # files are being finalized
    ENDED = "ended"


TRANSITIONS: dict[State, frozenset[State]] = {
    State.CONNECTING: frozenset({State.OPENING, State.WAITING, State.ENDING}),
    State.OPENING: frozenset({State.LIVE, State.WAITING, State.ENDING}),
    State.LIVE: frozenset({State.WAITING, State.ENDING}),
    State.WAITING: frozenset({State.CONNECTING, State.ENDING}),
    State.ENDING: frozenset({State.ENDED}),
    State.ENDED: frozenset(),
}

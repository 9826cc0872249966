"""The states of a recording, and every transition between them."""

from __future__ import annotations

from dataclasses import dataclass
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


@dataclass(slots=True)
class Status:
    """A recording at a glance."""

    state: State = State.CONNECTING
    recorded_ms: int = 0
    media_bytes: int = 0
    packets: int = 0
    files: int = 0
    gaps: int = 0
    reason: str = ""
    """Why the last connection ended, until the stream is live again."""
    last_frame_s: float | None = None
    """When media was read last, on the event loop's clock."""

    def enter(self, state: State) -> None:
        """Go over to another state."""
        assert state in TRANSITIONS[self.state], f"{self.state} -> {state}"
        self.state = state

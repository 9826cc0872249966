"""What one peer may cost the origin. Each bound has its reason."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class OriginLimits:
    """Bounds of an `Origin`; the defaults suit a machine that also records."""

    gop_bytes: int = 16 << 20
    """Media kept of each stream since its last keyframe: 6 s at 20 Mb/s. Beyond it nothing is kept, and a
    new reader waits for the next keyframe."""

    backlog_bytes: int = 8 << 20
    """Bytes a reader may leave unread, beyond those it was sent to begin with: 20 s at 3 Mb/s."""

    stall_s: float = 10.0
    """A reader that takes nothing for so long while bytes wait for it is gone."""

    handshake_s: float = 10.0
    """From the connection to the request for a stream; slow drips hold no connection for longer."""

    publisher_idle_s: float = 30.0
    """A publisher that sends nothing for so long has vanished without a word; its name is free again."""

    connections: int = 4096
    """Connections of each protocol; those beyond are closed at once."""

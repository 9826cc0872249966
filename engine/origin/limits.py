"""What one peer, and all of them together, may cost the origin. Each bound has its reason."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class OriginLimits:
    """Bounds of an `Origin`; the defaults suit a machine that also records."""

    gop_bytes: int = 16 << 20
    """Media kept of each stream since its last keyframe: 6 s at 20 Mb/s. Beyond it nothing is kept, and a
    new reader waits for the next keyframe."""

    head_bytes: int = 1 << 20
    """onMetaData and decoder configurations kept of each stream. Real ones take a few KiB a track, and there
    are at most 256 tracks. Beyond it new ones are passed on and not kept."""

    kept_bytes: int = 512 << 20
    """What is kept over all streams: a thousand at 4 Mb/s with a keyframe a second. Beyond it the stream that
    keeps the most keeps nothing until its next keyframe."""

    incoming_bytes: int = 512 << 20
    """Memory for messages that are not whole yet, over all RTMP connections: 128 KiB for each of 4,096.
    Beyond it the connection that takes the most is cut."""

    backlog_bytes: int = 8 << 20
    """Bytes a reader may leave unread, beyond those it was sent to begin with: 20 s at 3 Mb/s."""

    backlogs_bytes: int = 1 << 30
    """What all readers together leave unread, their beginnings included: two thousand that join at once and
    are sent 512 KiB each. Beyond it the one furthest behind is cut."""

    stall_s: float = 10.0
    """A reader that takes nothing for so long while bytes wait for it is gone."""

    handshake_s: float = 10.0
    """From the connection to the request for a stream; slow drips hold no connection for longer."""

    publisher_idle_s: float = 30.0
    """A publisher that sends nothing for so long has vanished without a word; its name is free again."""

    connections: int = 4096
    """Connections of each protocol; those beyond are closed at once."""

"""MPEG transport stream packets (ISO 13818-1) that go on from segment to segment."""

from __future__ import annotations

import numpy as np

from engine.errors import MuxError

PACKET_BYTES = 188
_PIDS = 1 << 13


class Continuity:
    """Continuity counters carried over: each segment comes from a muxer that starts them at 0."""

    def __init__(self) -> None:
        self._shift = np.zeros(_PIDS, dtype=np.uint8)
        self._last = np.full(_PIDS, 15, dtype=np.uint8)

    def carry(self, data: bytes) -> bytes:
        """The same packets, counted on from the segment before.

        Raises:
            MuxError: `data` is not whole packets.
        """
        if len(data) % PACKET_BYTES:
            raise MuxError(f"{len(data)} bytes are not whole transport stream packets")
        packets = np.frombuffer(bytearray(data), dtype=np.uint8).reshape(-1, PACKET_BYTES)
        pids = (packets[:, 1].astype(np.intp) & 0x1F) << 8 | packets[:, 2]
        counters = (packets[:, 3] + self._shift[pids]) & 0x0F
        packets[:, 3] = packets[:, 3] & 0xF0 | counters
        self._last[pids] = counters  # of equal indices the last one stays
        return packets.tobytes()

    def next_segment(self) -> None:
        """A new muxer starts: its 0 is the counter after the last one written."""
        self._shift = (self._last + np.uint8(1)) & np.uint8(0x0F)

"""What was recorded last, as digests: enough to recognise it when it comes again. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
import numpy.typing as npt

from engine import _native
from engine.media.batch import Batch, Kind, Role
from engine.media.limits import JUMP_AHEAD_MS, REMEMBERED_MS, REMEMBERED_PACKETS


@dataclass(frozen=True, slots=True, eq=False)
class Recorded:
    """The last frames of one kind, oldest first."""

    digests: npt.NDArray[np.uint64]
    dts: npt.NDArray[np.int64]
    keys: npt.NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.digests)

    def slice(self, start: int, end: int) -> Recorded:
        """Some of the frames."""
        return Recorded(self.digests[start:end], self.dts[start:end], self.keys[start:end])

    @property
    def longest_step_ms(self) -> int:
        """The longest distance between neighbours that is no jump."""
        return int(_progress(self.dts).max(initial=0))


class Memory:
    """The frames of the last `REMEMBERED_MS` of one recording, through any number of connections.

    It is of one size from the start: a ring of `REMEMBERED_PACKETS` digests with their times.
    """

    def __init__(self) -> None:
        self._ring = _native.FrameRing(REMEMBERED_PACKETS)
        self._headers: dict[int, bytes] = {}

    def remember(self, batch: Batch) -> None:
        """Take in recorded rows, which have their place on the recording's clock."""
        self._ring.push(batch.digests, batch.table)
        if batch.survey is None:
            for row in np.flatnonzero(batch.tags["role"] == int(Role.CONFIG)).tolist():
                self._headers[int(batch.tags["kind"][row])] = header_digest(batch, row)

    def recorded(self) -> dict[int, Recorded]:
        """kind -> its frames, without the kinds that have none."""
        columns = self._ring.columns()
        digests = np.frombuffer(columns[0], dtype=np.uint64)
        dts = np.frombuffer(columns[1], dtype=np.int64)
        kinds = np.frombuffer(columns[2], dtype=np.uint8)
        keys = np.frombuffer(columns[3], dtype=np.bool_)
        begin = max(
            (_first_recent(dts, np.flatnonzero(kinds == kind)) for kind in set(kinds.tolist())), default=0
        )
        recent = np.arange(len(kinds)) >= begin
        recorded = {}
        for kind in (Kind.VIDEO, Kind.AUDIO):
            rows = np.flatnonzero(recent & (kinds == int(kind)))
            if len(rows):
                recorded[int(kind)] = Recorded(digests[rows], dts[rows], keys[rows])
        return recorded

    @property
    def is_empty(self) -> bool:
        """Nothing was ever remembered."""
        return self._ring.count == 0

    @property
    def headers(self) -> dict[int, bytes]:
        """kind -> digest of the last decoder configuration."""
        return dict(self._headers)


def frame_digests(batch: Batch) -> npt.NDArray[np.uint64]:
    """A digest for each frame of the batch, 0 for every other row."""
    return np.frombuffer(batch.digests, dtype=np.uint64)


def header_digest(batch: Batch, row: int) -> bytes:
    """A digest of a decoder configuration."""
    codec = int(batch.tags["codec"][row])
    return blake2b(batch.media(row), digest_size=16, salt=bytes([codec])).digest()


def _first_recent(dts: npt.NDArray[np.int64], rows: npt.NDArray[np.intp]) -> int:
    """The row from which on less than `REMEMBERED_MS` of a kind's media came. Jumps are no media."""
    before_end = np.cumsum(_progress(dts[rows])[::-1])[::-1]
    old = np.flatnonzero(before_end > REMEMBERED_MS)
    return int(rows[old[-1]]) + 1 if len(old) else 0


def _progress(dts: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """The media between neighbours, in ms."""
    steps = np.diff(dts)
    return np.where((steps > 0) & (steps <= JUMP_AHEAD_MS), steps, 0)

"""What was recorded last, as digests: enough to recognise it when it comes again. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
import numpy.typing as npt

from engine import _native
from engine.media.batch import Batch, Flag, Kind, Role
from engine.media.limits import JUMP_AHEAD_MS, REMEMBERED_MS, REMEMBERED_PACKETS

_KEY_FLAG = np.uint8(Flag.KEY)
_KEY_SHIFT = np.uint8(7)
_KEY = np.uint8(0x80)  # in a mark, beside the kind


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
        self._digests = np.zeros(REMEMBERED_PACKETS, dtype=np.uint64)
        self._dts = np.zeros(REMEMBERED_PACKETS, dtype=np.int64)
        self._marks = np.zeros(REMEMBERED_PACKETS, dtype=np.uint8)
        self._count = 0  # of all frames ever
        self._headers: dict[int, bytes] = {}

    def remember(self, batch: Batch) -> None:
        """Take in recorded rows, which have their place on the recording's clock."""
        tags, digests = batch.tags, frame_digests(batch)
        if batch.survey is None and tags["role"].any():
            for row in np.flatnonzero(tags["role"] == int(Role.CONFIG)).tolist():
                self._headers[int(tags["kind"][row])] = header_digest(batch, row)
            frames = np.flatnonzero(digests)
            tags, digests = tags[frames], digests[frames]
        tags, digests = tags[-REMEMBERED_PACKETS:], digests[-REMEMBERED_PACKETS:]
        marks = tags["kind"] | (tags["flags"] & _KEY_FLAG) << _KEY_SHIFT
        begin = self._count % REMEMBERED_PACKETS
        before_end = min(len(tags), REMEMBERED_PACKETS - begin)
        for ring, column in ((self._digests, digests), (self._dts, tags["dts"]), (self._marks, marks)):
            ring[begin : begin + before_end] = column[:before_end]
            ring[: len(tags) - before_end] = column[before_end:]
        self._count += len(tags)

    def recorded(self) -> dict[int, Recorded]:
        """kind -> its frames, without the kinds that have none."""
        at = np.arange(max(0, self._count - REMEMBERED_PACKETS), self._count) % REMEMBERED_PACKETS
        digests, dts, marks = self._digests[at], self._dts[at], self._marks[at]
        kinds = marks & ~_KEY
        begin = max(
            (_first_recent(dts, np.flatnonzero(kinds == kind)) for kind in set(kinds.tolist())), default=0
        )
        recent = np.arange(len(kinds)) >= begin
        recorded = {}
        for kind in (Kind.VIDEO, Kind.AUDIO):
            rows = np.flatnonzero(recent & (kinds == int(kind)))
            if len(rows):
                recorded[int(kind)] = Recorded(digests[rows], dts[rows], marks[rows] >= _KEY)
        return recorded

    @property
    def is_empty(self) -> bool:
        """Nothing was ever remembered."""
        return self._count == 0

    @property
    def headers(self) -> dict[int, bytes]:
        """kind -> digest of the last decoder configuration."""
        return dict(self._headers)

    @property
    def size_bytes(self) -> int:
        """What the ring occupies."""
        return self._digests.nbytes + self._dts.nbytes + self._marks.nbytes


def frame_digests(batch: Batch) -> npt.NDArray[np.uint64]:
    """A digest for each frame of the batch, 0 for every other row."""
    return np.frombuffer(_native.frame_digests(batch.arena, batch.tags.tobytes()), dtype=np.uint64)


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

"""A batch: what one tick read of one stream.

`arena` holds tag bodies; a native reader's holds them as FLV tags back to back, header and PreviousTagSize
included; what HTTP puts between chunks may stand between them. `tags` is a numpy structured array of dtype
`TAG` whose rows point at the bodies. Rows are in the order received. Stages pass batches on and slice them;
the arena is never copied.
"""

from __future__ import annotations

from enum import IntEnum, IntFlag

import numpy as np
import numpy.typing as npt

from engine import _native

TAG = np.dtype(
    [
        ("dts", "i8"),  # media time in ms: the wire timestamp until the timeline has unwrapped it
        ("timestamp", "u4"),  # wire timestamp in ms
        ("cts", "i4"),  # composition time offset in ms
        ("offset", "u4"),  # the tag body in the arena
        ("size", "u4"),
        ("media_offset", "u4"),  # the coded payload or configuration record in the arena
        ("media_size", "u4"),
        ("kind", "u1"),
        ("role", "u1"),
        ("codec", "u1"),
        ("flags", "u1"),
        ("track", "u1"),
        ("framed", "u1"),  # 1: the arena holds the whole FLV tag around the body, with `timestamp`
        ("reserved", "u1", (2,)),
    ]
)
assert TAG.itemsize == _native.TAG_BYTES


class Kind(IntEnum):
    """Tag types of FLV, message types of RTMP."""

    AUDIO = 8
    VIDEO = 9
    SCRIPT = 18


class Role(IntEnum):
    """What a tag carries."""

    FRAME = 0
    CONFIG = 1
    END = 2
    METADATA = 3
    OTHER = 4
    SCRIPT = 5


class Flag(IntFlag):
    """Bits of the `flags` column."""

    KEY = 1
    ENHANCED = 2
    MULTITRACK = 4
    DISCONTINUITY = 8


class Batch:
    """An arena and the rows that point into it.

    The rows of a native reader stay as it gave them, in `table`, until somebody looks at them: of a running
    stream nobody does.
    """

    __slots__ = ("_digests", "_table", "_tags", "arena", "survey")

    def __init__(self, arena: bytes, tags: npt.NDArray[np.void]) -> None:
        self.arena = arena
        self.survey: _native.Survey | None = None
        """What its rows hold, when they are plain and the timeline has placed them: so that stages that have
        no more to ask do not look at the rows."""
        self._table: bytes | None = None  # while there are no `_tags`, which may be written to
        self._tags: npt.NDArray[np.void] | None = tags
        self._digests: bytes | None = None

    @classmethod
    def from_native(cls, taken: tuple[bytes, bytes]) -> Batch:
        """The batch of a native reader's `take()`; its rows are writable."""
        batch = cls.__new__(cls)
        batch.arena, batch._table = taken
        batch.survey = batch._tags = batch._digests = None
        return batch

    @property
    def tags(self) -> npt.NDArray[np.void]:
        """The rows."""
        if self._tags is None:
            assert self._table is not None
            self._tags, self._table = np.frombuffer(bytearray(self._table), dtype=TAG), None
        return self._tags

    @property
    def table(self) -> bytes:
        """The rows as native functions read them."""
        if self._table is not None:
            return self._table
        assert self._tags is not None
        return self._tags.tobytes()

    @property
    def digests(self) -> bytes:
        """What its frames are recognised by (`_native.frame_digests`). They cost a fraction when they are
        asked for while the processor's cache still holds the bytes."""
        if self._digests is None:
            self._digests = _native.frame_digests(self.arena, self.table)
        return self._digests

    def place(self, survey: _native.Survey) -> None:
        """The rows have the times of their survey."""
        self._table, self._tags, self.survey = survey.table, None, survey

    @classmethod
    def empty(cls) -> Batch:
        """A batch of no rows."""
        return cls(b"", np.empty(0, dtype=TAG))

    def __len__(self) -> int:
        return len(self.tags) if self._table is None else len(self._table) // _native.TAG_BYTES

    def last_dts(self) -> dict[int, int]:
        """kind -> dts of its last row."""
        kinds = self.tags["kind"].tolist()
        backwards = kinds[::-1]
        return {kind: int(self.tags["dts"][-1 - backwards.index(kind)]) for kind in set(kinds)}

    @property
    def size_bytes(self) -> int:
        """Bytes of the tag bodies its rows point at."""
        if self.survey is not None:
            return self.survey.size_bytes
        return int(self.tags["size"].sum())

    def rows(self, selection: slice | npt.NDArray[np.bool_] | npt.NDArray[np.intp]) -> Batch:
        """Some of the rows, over the same arena."""
        return Batch(self.arena, self.tags[selection])

    def part(self, start: int, end: int) -> Batch:
        """As `rows` of these, and with a survey where it has one."""
        survey = None if self.survey is None else self.survey.part(start, end)
        if survey is None:
            return self.rows(slice(start, end))
        part = Batch.from_native((self.arena, survey.table))
        part.survey = survey
        return part

    def alone(self, row: int) -> Batch:
        """One row over an arena of its own, which is its body: it does not hold the batch's."""
        tags = self.tags[row : row + 1].copy()
        tags["media_offset"] -= tags["offset"]
        tags["offset"] = tags["framed"] = 0
        return Batch(self.body(row), tags)

    def body(self, row: int) -> bytes:
        """The tag body of a row."""
        tag = self.tags[row]
        start = int(tag["offset"])
        return self.arena[start : start + int(tag["size"])]

    def media(self, row: int) -> bytes:
        """The coded payload or configuration record of a row."""
        tag = self.tags[row]
        start = int(tag["media_offset"])
        return self.arena[start : start + int(tag["media_size"])]

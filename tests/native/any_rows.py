"""Tables that no reader gave, for writers that must take or refuse whatever they are handed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from hypothesis import strategies as st

from engine.media.batch import TAG


class Row(NamedTuple):
    """What a writer looks at."""

    dts: int
    cts: int
    offset: int
    size: int
    codec: int
    flags: int
    role: int

    @property
    def is_frame(self) -> bool:
        """It is a frame, and says that it carries something."""
        return self.role == 0 and self.size > 0


def any_rows(*codecs: int) -> st.SearchStrategy[list[Row]]:
    """A few rows of these codecs, most of them frames."""
    times = st.integers(-(1 << 63), (1 << 63) - 1) | st.integers(-100, 10_000)
    return st.lists(
        st.builds(
            Row,
            times,
            st.integers(-(1 << 31), (1 << 31) - 1),
            st.integers(0, 420),
            st.integers(0, 420),
            st.sampled_from(codecs),
            st.integers(0, 255),
            st.sampled_from([0, 0, 0, 1, 4, 9]),
        ),
        max_size=12,
    )


def table_of(rows: Sequence[Row]) -> bytes:
    """The rows as a table."""
    tags = np.zeros(len(rows), dtype=TAG)
    for place, (dts, cts, offset, size, codec, flags, role) in enumerate(rows):
        tags[place] = (dts, 0, cts, 0, 0, offset, size, 9, role, codec, flags, 0, 0, (0, 0))
    return tags.tobytes()


def points_outside(rows: Sequence[Row], arena: bytes) -> bool:
    """A frame's payload is not in the arena."""
    return any(row.is_frame and row.offset + row.size > len(arena) for row in rows)

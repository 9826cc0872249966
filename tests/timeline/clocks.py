"""What the timeline makes of hand-made tags and of sample streams."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from batches import Tag, batch, dts

from engine import _native
from engine.media.batch import Batch, Flag
from engine.timeline import Repair, Timeline

Jumps = Literal["discontinuity", "repair"]


def placed(*tags: Tag, jump: Jumps = "discontinuity") -> tuple[list[int], list[Repair]]:
    """The dts of tags placed as one batch, and the repairs."""
    piece = batch(*tags)
    repairs = Timeline(jump=jump).place(piece)
    return dts(piece), repairs


def flagged(piece: Batch) -> list[int]:
    """The rows with a discontinuity."""
    return [row for row, flags in enumerate(piece.tags["flags"]) if flags & Flag.DISCONTINUITY]


def read_sample(path: Path) -> Batch:
    """A whole sample stream as one batch."""
    reader = _native.FlvReader()
    reader.feed(path.read_bytes())
    taken = reader.take()
    assert taken is not None
    return Batch.from_native(taken)

"""A push that goes on in a file of a container without discontinuities. Pure.

Its clock says nothing beside that of the push before: it is moved so that its first frame stands where what
is written ends, and the distances within it stay (F2).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from engine import _native
from engine.media.batch import Batch, Kind, Role
from engine.mux import Stats


def shift_behind(written: Stats, batch: Batch, begins_ms: int) -> int:
    """What to add to the times of a push that begins at `begins_ms` with this batch.

    The first picture is not shown before the last one that is written has been, either.
    """
    tags = batch.tags
    pictures = np.flatnonzero((tags["role"] == int(Role.FRAME)) & (tags["kind"] == int(Kind.VIDEO)))
    lead_ms = int(tags["cts"][pictures[0]]) if len(pictures) else 0
    return max(written.end_ms or 0, (written.shown_to_ms or 0) - lead_ms) - begins_ms


def shifted(batch: Batch, shift_ms: int) -> Batch:
    """The rows at other times, over the same arena."""
    if not shift_ms or not len(batch):
        return batch
    tags = batch.tags.copy()
    tags["dts"] += shift_ms
    if batch.survey is None:
        return Batch(batch.arena, tags)
    first = tags[0]
    survey = _native.survey(tags.tobytes(), int(first["timestamp"]), int(first["dts"]))
    return replace(batch, tags=tags, survey=survey)

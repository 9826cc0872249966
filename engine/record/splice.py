"""A push that goes on in a file of a container without discontinuities. Pure.

Its clock says nothing beside that of the push before: it is moved so that its first frame stands where what
is written ends, and the distances within it stay (F2).
"""

from __future__ import annotations

import numpy as np

from engine import _native
from engine.media.batch import Batch, Kind, Role
from engine.mux import Stats

_ANY_STEP_MS = 1 << 40, 1 << 40  # the timeline has passed them already


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
    moved = Batch(batch.arena, tags)
    if batch.survey is not None:
        begins_ms, wire = int(tags["dts"][0]), int(tags["timestamp"][0])
        survey = _native.survey(moved.table, wire, begins_ms, begins_ms, begins_ms, _ANY_STEP_MS)
        if survey is not None:
            moved.place(survey)
    return moved

"""What the segment stage says to the outputs.

A *section* is a run of media with one set of tracks that every format but HLS writes as one file. Two
sections overlap for a moment at a cut: audio follows the cut in time, not in the order of arrival (C1).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from itertools import groupby

import numpy as np

from engine.media.batch import Batch
from engine.media.track import Track


class Cause(StrEnum):
    """Why a section begins."""

    FIRST = "first"  # the first cut point of a push
    INTERVAL = "interval"  # a cut after media time: every format starts a new file
    SIZE = "size"  # a cut after bytes: every format starts a new file
    TRACKS = "tracks"  # a codec, resolution or track-set change: HLS goes on with a discontinuity
    JUMP = "jump"  # the media clock jumped: HLS goes on with a discontinuity


@dataclass(frozen=True, slots=True)
class Begin:
    """A section begins; `headers` are the source's own configuration tags, one row each."""

    section: int
    cause: Cause
    tracks: tuple[Track, ...]
    headers: tuple[Batch, ...]
    metadata: bytes  # the body of the source's last onMetaData, or empty
    dts_ms: int


@dataclass(frozen=True, slots=True)
class Media:
    """Rows of a section, in order."""

    section: int
    batch: Batch


@dataclass(frozen=True, slots=True)
class End:
    """Nothing more comes for a section."""

    section: int


@dataclass(frozen=True, slots=True)
class Note:
    """Something a user should hear of: becomes a warning event."""

    code: str
    message: str


Operation = Begin | Media | End | Note


def joined(operations: list[Operation]) -> list[Operation]:
    """Neighbouring media of one section and one arena as one operation."""
    if len(operations) < 2:
        return operations
    joined: list[Operation] = []
    for (section, _), group in groupby(operations, key=_run_of):
        run = list(group)
        if section is None or len(run) == 1:
            joined += run
            continue
        batches = [operation.batch for operation in run if isinstance(operation, Media)]
        tags = np.concatenate([batch.tags for batch in batches])
        joined.append(Media(section, Batch(batches[0].arena, tags)))
    return joined


def _run_of(operation: Operation) -> tuple[int | None, int]:
    if isinstance(operation, Media):
        return operation.section, id(operation.batch.arena)
    return None, id(operation)

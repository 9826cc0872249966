"""What the segment stage says to the outputs.

A *section* is a run of media with one set of tracks that every format but HLS writes as one file. Two
sections overlap for a moment at a cut: audio follows the cut in time, not in the order of arrival (C1).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from engine.media.batch import Batch
from engine.media.track import Track


class Cause(StrEnum):
    """Why a section begins."""

    FIRST = "first"  # the first cut point of a push
    INTERVAL = "interval"  # a cut: every format starts a new file
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

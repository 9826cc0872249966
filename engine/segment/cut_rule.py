"""When a file has grown enough: after media time, after bytes, or after whichever comes first."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from engine.media.batch import Batch
from engine.segment.operations import Cause

_TAG_OVERHEAD_BYTES = 15  # of FLV: a tag's header and the size behind it


def file_bytes(batch: Batch) -> int:
    """Bytes that rows take in an FLV file. Those of other formats differ by a few per cent."""
    return batch.size_bytes + _TAG_OVERHEAD_BYTES * len(batch)


@dataclass(frozen=True, slots=True)
class CutRule:
    """The media time and the bytes after which the next keyframe begins a new file; None sets no bound."""

    interval_ms: int | None = None
    size_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Grown:
    """Media time and bytes of a file."""

    duration_ms: int = 0
    size_bytes: int = 0


@dataclass(slots=True)
class NextCut:
    """The next cut by a rule, in a file that holds something of earlier pushes already."""

    rule: CutRule
    before: Grown = field(default_factory=Grown)
    due_ms: float = math.inf
    """Age of the section at which a cut is due."""
    due_bytes: float = math.inf
    """Size of the section at which a cut is due."""

    def __post_init__(self) -> None:
        if self.rule.interval_ms is not None:
            self.due_ms = max(self.rule.interval_ms - self.before.duration_ms, 1)
        if self.rule.size_bytes is not None:
            self.due_bytes = max(self.rule.size_bytes - self.before.size_bytes, 1)

    def cause(self, age_ms: int, size_bytes: int) -> Cause | None:
        """Why a section of this age and size is cut at a keyframe, or at audio without video."""
        if age_ms >= self.due_ms:
            return Cause.INTERVAL
        return Cause.SIZE if size_bytes >= self.due_bytes else None

    def cause_without_key(self, age_ms: int) -> Cause | None:
        """Why a section is cut in the middle of its video: no keyframe came for a whole further interval.

        Size never does that: keyframes that are far apart would make files that cannot be played alone.
        """
        return Cause.INTERVAL if age_ms >= self.due_ms + (self.rule.interval_ms or 0) else None

    def cause_without_video(self, age_ms: int, size_bytes: int) -> Cause | None:
        """Why a section is cut at audio when its video is silent: it is twice as long, or as large."""
        if size_bytes >= self.due_bytes + (self.rule.size_bytes or 0):
            return Cause.SIZE
        return self.cause_without_key(age_ms)

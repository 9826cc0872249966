"""What the timeline found wrong with a clock, and what it did about it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from engine.media.batch import Kind


class What(StrEnum):
    """The repairs. The values are codes of warnings."""

    JUMP = "timestamp_jump"  # flagged: the media clock does not go on here
    CONTINUED = "timestamp_continued"  # a jump, and the clock was made to go on
    GLUED = "glued_push"  # a second push inside one connection: flagged, or continued
    WRAPPED = "timestamp_wrap"  # the origin keeps 24 or 31 bits of a timestamp: the clock goes on


_SAID = {
    What.JUMP: "{kind} timestamps jump by {step_ms} ms",
    What.CONTINUED: "{kind} timestamps jump by {step_ms} ms: the clock was continued",
    What.GLUED: "another push begins inside the connection: {kind} timestamps step by {step_ms} ms",
    What.WRAPPED: "{kind} timestamps wrap around early, by {step_ms} ms: the clock was continued",
}


@dataclass(slots=True, frozen=True)
class Repair:
    """One repair, said of the track on which it showed first.

    `step_ms` is the step between the track's two frames as the source had it, `dts_ms` the place the later
    one got. A step of the 32-bit wire clock across its end is not a repair: the wire format is like that.
    """

    what: What
    kind: Kind
    step_ms: int
    dts_ms: int

    def __str__(self) -> str:
        return _SAID[self.what].format(kind=self.kind.name.lower(), step_ms=self.step_ms)

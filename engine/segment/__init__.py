"""Where a recording starts and is cut. Pure: batches in, operations out.

`opening` finds the tracks and the first cut point (F4), `sections` the cuts behind it (C1, C3).
"""

from engine.segment.cut_rule import CutRule, Grown, file_bytes
from engine.segment.operations import Begin, Cause, End, Media, Note, Operation
from engine.segment.segmenter import Segmenter

__all__ = [
    "Begin",
    "Cause",
    "CutRule",
    "End",
    "Grown",
    "Media",
    "Note",
    "Operation",
    "Segmenter",
    "file_bytes",
]

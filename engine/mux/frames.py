"""Rows as plain tuples.

Where rows are looked at one by one they cost less than numpy's calls do for the hundred rows of a tick.
"""

from __future__ import annotations

from collections.abc import Container

from engine._native import Survey
from engine.media.batch import Batch, Flag, Role
from engine.media.codecs import Codec

Frame = tuple[int, int, int, int, int, int, int]
"""dts and composition time in ms, where the payload starts in the arena, its size, codec, flags, role."""

KEY = int(Flag.KEY)
DISCONTINUITY = int(Flag.DISCONTINUITY)
FIRST_AUDIO_CODEC = int(Codec.PCM)
"""Codec numbers below are video's."""

_COLUMNS = ["dts", "cts", "media_offset", "media_size", "codec", "flags", "role"]
_FRAME = int(Role.FRAME)


def frames_of(batch: Batch, codecs: Container[int]) -> list[Frame]:
    """The frames of these codecs that carry something, in order."""
    return [frame for frame in rows_of(batch) if is_held(frame, codecs)]


def rows_of(batch: Batch) -> list[Frame]:
    """All rows."""
    rows: list[Frame] = batch.tags[_COLUMNS].tolist()
    return rows


def is_held(row: Frame, codecs: Container[int]) -> bool:
    """It is a frame of one of these codecs, and carries something."""
    return row[6] == _FRAME and row[3] > 0 and row[4] in codecs


def survey_of(batch: Batch, codecs: Container[int]) -> Survey | None:
    """The survey of a plain batch whose rows are all of these codecs."""
    survey = batch.survey
    if survey is not None:
        for codec in survey.codecs.values():
            if codec not in codecs:
                return None
    return survey


def earliest_ms(batch: Batch, codecs: Container[int]) -> int | None:
    """The least dts of the frames of these codecs."""
    if survey := survey_of(batch, codecs):
        return survey.first_ms
    return min((frame[0] for frame in frames_of(batch, codecs)), default=None)

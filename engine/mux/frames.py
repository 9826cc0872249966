"""Rows as plain tuples.

FFmpeg takes one packet at a time, so in this folder rows are handled one by one; for the twenty rows of a
tick that also costs less than numpy's calls do.
"""

from __future__ import annotations

from collections.abc import Container

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
    rows = batch.tags[_COLUMNS].tolist()
    return [row for row in rows if row[6] == _FRAME and row[3] and row[4] in codecs]

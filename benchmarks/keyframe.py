"""An H.264 keyframe, known again in whatever container it comes: by the digest of its slices."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from hashlib import sha256
from pathlib import Path

import av

from benchmarks.flv import first_keyframe_body

_SLICES = (1, 5)
_LENGTH_BYTES = 4
_START_CODE = re.compile(rb"\x00{2,}\x01")


def sent_first(data: bytes) -> str | None:
    """The first keyframe of the beginning of an FLV stream; None when there is none."""
    body = first_keyframe_body(data)
    return None if body is None else _digest(_length_prefixed(body))


def first_in_file(path: Path) -> str | None:
    """The frame that the video of an FLV, MP4 or TS file begins with; None when it has no video."""
    with av.open(path) as container:
        if not container.streams.video:
            return None
        frame = bytes(next(container.demux(video=0)))
    return _digest(_START_CODE.split(frame) if path.suffix == ".ts" else _length_prefixed(frame))


def _digest(units: Iterable[bytes]) -> str:
    slices = (unit for unit in units if unit and unit[0] & 0x1F in _SLICES)
    return sha256(b"".join(slices)).hexdigest()


def _length_prefixed(frame: bytes) -> Iterator[bytes]:
    at = 0
    while at < len(frame):
        end = at + _LENGTH_BYTES + int.from_bytes(frame[at : at + _LENGTH_BYTES], "big")
        yield frame[at + _LENGTH_BYTES : end]
        at = end

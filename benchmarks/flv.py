"""As much of FLV as the benchmarks look at, apart from the engine's own reader."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

_FILE_HEAD_BYTES, _TAG_HEAD_BYTES, _BACK_BYTES = 13, 11, 4
_VIDEO, _H264_KEYFRAME, _SEQUENCE_HEADER = 9, 0x17, 0


def tags(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    """(type, timestamp in ms, body) of the whole tags of an FLV file, or of the beginning of one."""
    at = _FILE_HEAD_BYTES
    while at + _TAG_HEAD_BYTES <= len(data):
        size = int.from_bytes(data[at + 1 : at + 4], "big")
        timestamp_ms = data[at + 7] << 24 | int.from_bytes(data[at + 4 : at + 7], "big")
        body_at = at + _TAG_HEAD_BYTES
        if body_at + size > len(data):
            return
        yield data[at] & 0x1F, timestamp_ms, data[body_at : body_at + size]
        at = body_at + size + _BACK_BYTES


def first_keyframe_body(data: bytes) -> bytes | None:
    """The length-prefixed NAL units of the first H.264 keyframe in legacy signalling; None: there is none."""
    for kind, _, body in tags(data):
        if kind == _VIDEO and body[:1] == bytes([_H264_KEYFRAME]) and body[1] != _SEQUENCE_HEADER:
            return body[5:]
    return None


def last_timestamp_ms(path: Path) -> int:
    """The timestamp of the last tag, 0 when there is none."""
    if path.stat().st_size < _FILE_HEAD_BYTES + _TAG_HEAD_BYTES:
        return 0
    with path.open("rb") as file:
        file.seek(-_BACK_BYTES, 2)
        back = int.from_bytes(file.read(_BACK_BYTES), "big")
        if not _TAG_HEAD_BYTES <= back <= file.tell() - _BACK_BYTES:
            return 0
        file.seek(-_BACK_BYTES - back, 2)
        head = file.read(_TAG_HEAD_BYTES)
    return head[7] << 24 | int.from_bytes(head[4:7], "big")

"""FLV bytes for tests, made and parsed in plain Python: nothing here calls the native code."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

AUDIO, VIDEO, SCRIPT = 8, 9, 18
START = b"FLV\x01\x05\x00\x00\x00\x09\x00\x00\x00\x00"

_REPOSITORY = Path(__file__).resolve().parents[2]
_SHARED = Path(os.environ.get("REEL_SHARED", _REPOSITORY.parent / "shared"))
CAPTURES = sorted((_SHARED / "media").glob("*.flv"))
"""Real captures; empty where the folder beside the repository is absent."""


class PlainTag(NamedTuple):
    """A tag as FLV annex E describes it."""

    kind: int
    timestamp: int
    body: bytes


def tag_bytes(tag: PlainTag, previous_tag_size: int | None = None, stream_id: int = 0) -> bytes:
    """A tag and the PreviousTagSize behind it."""
    kind, timestamp, body = tag
    header = (
        bytes([kind])
        + len(body).to_bytes(3, "big")
        + (timestamp & 0xFFFFFF).to_bytes(3, "big")
        + bytes([timestamp >> 24 & 0xFF])
        + stream_id.to_bytes(3, "big")
    )
    after = 11 + len(body) if previous_tag_size is None else previous_tag_size
    return header + body + after.to_bytes(4, "big")


def flv_bytes(tags: Iterable[PlainTag]) -> bytes:
    """A whole FLV file."""
    return START + b"".join(tag_bytes(tag) for tag in tags)


def parse_flv(data: bytes) -> list[PlainTag]:
    """The tags of a well-formed file, read the slow and obvious way."""
    assert data[:4] == b"FLV\x01"
    (at,) = struct.unpack_from(">I", data, 5)
    assert data[at : at + 4] == bytes(4)
    at += 4
    tags = []
    while at < len(data):
        kind = data[at]
        size = int.from_bytes(data[at + 1 : at + 4], "big")
        timestamp = int.from_bytes(data[at + 4 : at + 7], "big") | data[at + 7] << 24
        body = data[at + 11 : at + 11 + size]
        assert len(body) == size
        at += 11 + size
        assert struct.unpack_from(">I", data, at)[0] == 11 + size
        at += 4
        tags.append(PlainTag(kind, timestamp, body))
    return tags


def plain_media(tag: PlainTag) -> tuple[str, int, bool, int, bytes]:
    """(role, codec number, keyframe, composition time, payload) of H.264, AAC and script tags."""
    body = tag.body
    if tag.kind == SCRIPT:
        return "SCRIPT", 0, False, 0, body
    if tag.kind == AUDIO:
        assert body[0] >> 4 == 10, "the captures hold AAC"
        return ("CONFIG", "FRAME")[body[1]], 110, True, 0, body[2:]
    assert body[0] & 0x8F == 7, "the captures hold H.264"
    if body[1] == 2:
        return "END", 7, False, 0, body[5:]
    cts = int.from_bytes(body[2:5], "big", signed=True)
    return ("CONFIG", "FRAME")[body[1]], 7, body[0] >> 4 == 1, cts if body[1] else 0, body[5:]


EXAMPLE = [
    PlainTag(SCRIPT, 0, b"\x02\x00\x0aonMetaData\x08\x00\x00\x00\x00\x00\x00\x09"),
    PlainTag(VIDEO, 0, bytes.fromhex("1700000000014d401f")),
    PlainTag(AUDIO, 0, bytes.fromhex("af001210")),
    PlainTag(VIDEO, 0x00FFFFFF, bytes.fromhex("1701000050") + b"key" * 50),
    PlainTag(AUDIO, 0x01000002, bytes.fromhex("af01") + b"raw" * 9),
    PlainTag(VIDEO, 0x7FFFFFFF, bytes.fromhex("2701ffffd8") + b"inter" * 30),
    PlainTag(VIDEO, 0x80000000, bytes.fromhex("2701000000")),
    PlainTag(AUDIO, 0xFFFFFFFF, b""),
    PlainTag(VIDEO, 5, bytes.fromhex("1702000000")),
]
"""Every kind of tag a stream usually has, with timestamps at the borders of 24, 31 and 32 bits."""

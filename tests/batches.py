"""Batches for tests of the pure stages, built by the real FLV reader from hand-made tags."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from itertools import pairwise

import numpy as np

from engine import _native
from engine.media.batch import Batch

AVC_CONFIG = bytes.fromhex(  # 320x180, made by x264
    "0164000cffe1001a6764000cacd941419f9f011000000300100000030320f142996001000668ebe0a4b22cfdf8f800"
)
AAC_CONFIG = bytes.fromhex("1210")  # LC, 44.1 kHz, stereo

Tag = tuple[int, int, bytes]  # kind, timestamp in ms, body


def video(timestamp: int, *, key: bool = False, payload: bytes = b"\0\0\0\1e", cts: int = 0) -> Tag:
    """An H.264 frame."""
    head = bytes([0x17 if key else 0x27, 1]) + struct.pack(">i", cts)[1:]
    return 9, timestamp, head + payload


def video_config(timestamp: int = 0, config: bytes = AVC_CONFIG) -> Tag:
    """An H.264 sequence header."""
    return 9, timestamp, b"\x17\0\0\0\0" + config


def audio(timestamp: int, payload: bytes = b"\x21\x10") -> Tag:
    """An AAC frame."""
    return 8, timestamp, b"\xaf\1" + payload


def audio_config(timestamp: int = 0, config: bytes = AAC_CONFIG) -> Tag:
    """An AAC sequence header."""
    return 8, timestamp, b"\xaf\0" + config


def batch(*tags: Tag) -> Batch:
    """The batch a reader makes of these tags."""
    reader = _native.FlvReader()
    reader.feed(b"FLV\1\5\0\0\0\x09\0\0\0\0")
    for kind, timestamp, body in tags:
        wire = timestamp & 0xFFFFFFFF
        size = len(body).to_bytes(3, "big")
        time = (wire & 0xFFFFFF).to_bytes(3, "big") + bytes([wire >> 24])
        reader.feed(bytes([kind]) + size + time + b"\0\0\0" + body + (11 + len(body)).to_bytes(4, "big"))
    assert reader.fault is None, reader.fault
    taken = reader.take()
    return Batch.empty() if taken is None else Batch.from_native(taken)


def split(whole: Batch, at: Iterable[int]) -> list[Batch]:
    """A batch cut into several at these rows, each with rows of its own."""
    borders = [0, *sorted(set(at)), len(whole)]
    pieces = pairwise(borders)
    return [Batch(whole.arena, whole.tags[start:end].copy()) for start, end in pieces if end > start]


def joined_rows(batches: Iterable[Batch]) -> list[tuple[int, int, bytes]]:
    """(kind, dts, body) of every row, for comparing batches that were split differently."""
    return [
        (int(piece.tags["kind"][row]), int(piece.tags["dts"][row]), piece.body(row))
        for piece in batches
        for row in range(len(piece))
    ]


def dts(piece: Batch) -> list[int]:
    """The dts column."""
    return list(np.asarray(piece.tags["dts"], dtype=int))

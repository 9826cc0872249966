"""Fragmented MP4 segments: their whole fragments (ISO 14496-12 section 8.8)."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from engine.media.codecs import Codec
from engine.mux.frames import KEY, Frame
from engine.mux.libav import av

_BESIDE_FRAGMENTS = (b"styp", b"sidx", b"free", b"prft", b"emsg", b"moof", b"mdat")
_LARGEST_INIT_BYTES = 1 << 20
_PIECE_FRAMES = 4096


def whole_fragments(file: BinaryIO, end: int) -> int:
    """Where the last `mdat` that lies whole before `end` ends, `moof` and all in front of it being whole."""
    at = whole = 0
    has_moof = False
    while at + 8 <= end:
        head = os.pread(file.fileno(), 16, at)
        size, kind = int.from_bytes(head[:4], "big"), head[4:8]
        if size == 1:
            size = int.from_bytes(head[8:16], "big")
        if kind not in _BESIDE_FRAGMENTS or size < 8 or at + size > end:
            break
        at += size
        has_moof |= kind == b"moof"
        if kind == b"mdat" and has_moof:
            whole, has_moof = at, False
    return whole


def initialization(path: Path) -> bytes:
    """An initialization section.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        return file.read(_LARGEST_INIT_BYTES)


class Joined:
    """An initialization section and the first bytes of a segment as one stream."""

    def __init__(self, header: bytes, file: BinaryIO, size: int) -> None:
        self._header = io.BytesIO(header)
        self._file = file
        self._left = size

    def read(self, size: int) -> bytes:
        """At most `size` bytes; none at the end."""
        data = self._header.read(size)
        if not data:
            data = self._file.read(min(size, self._left))
            self._left -= len(data)
        return data


def fragment_frames(header: bytes, file: BinaryIO, size: int, origin_ms: int) -> Iterator[list[Frame]]:
    """The frames of the whole fragments in a segment's first `size` bytes, some at a time, on the source's
    clock.

    Raises:
        ValueError: FFmpeg does not read it.
    """
    file.seek(0)
    if not size:
        return
    try:
        with av.open(Joined(header, file, size), "r", format="mp4") as container:
            frames: list[Frame] = []
            for packet in container.demux():
                if packet.size and packet.dts is not None and packet.stream.type in ("video", "audio"):
                    frames.append(_frame(packet, origin_ms))
                if len(frames) == _PIECE_FRAMES:
                    yield frames
                    frames = []
            yield frames
    except av.error.FFmpegError as error:
        raise ValueError(getattr(error, "strerror", None) or str(error)) from error


def _frame(packet: Any, origin_ms: int) -> Frame:
    time_base = packet.time_base
    dts_ms = (2000 * packet.dts * time_base.numerator + time_base.denominator) // (2 * time_base.denominator)
    codec = Codec.UNKNOWN_VIDEO if packet.stream.type == "video" else Codec.UNKNOWN_AUDIO
    return dts_ms + origin_ms, 0, 0, packet.size, int(codec), KEY * bool(packet.is_keyframe), 0

"""Where a crash tore a file: reading it up to there, and cutting it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

PIECE_BYTES = 1 << 20
_BLOCK_BYTES = 4096
"""File systems give or lose blocks of this size, or multiples of it."""


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """A file to be recovered. When all went well it is on disk at the end.

    Raises:
        OSError: it cannot be opened, read or written.
    """
    with path.open("r+b", buffering=0) as file:
        yield file
        os.fsync(file.fileno())


def size_of(file: BinaryIO) -> int:
    """Bytes of an open file."""
    return os.fstat(file.fileno()).st_size


def pieces(file: BinaryIO, end: int, start: int = 0) -> Iterator[bytes]:
    """The bytes of a file from `start` to `end`, a piece at a time."""
    while start < end:
        piece = os.pread(file.fileno(), min(PIECE_BYTES, end - start), start)
        if not piece:
            return
        start += len(piece)
        yield piece


def data_end(file: BinaryIO) -> int:
    """Where the data of a file end: at its end, or at the first of the blocks behind which all is zeros.

    A power cut leaves those when the file's size reached the disk and its data did not. Zeros that begin
    inside a block are data.
    """
    end = zeros_from = size_of(file)
    if any(os.pread(file.fileno(), _BLOCK_BYTES, max(0, end - _BLOCK_BYTES))):
        return end
    while zeros_from:
        start = max(0, zeros_from - PIECE_BYTES) // _BLOCK_BYTES * _BLOCK_BYTES
        rest = b"".join(pieces(file, zeros_from, start)).rstrip(b"\0")
        if rest:
            zeros_from = start + -(-len(rest) // _BLOCK_BYTES) * _BLOCK_BYTES
            break
        zeros_from = start
    return zeros_from if end - zeros_from >= _BLOCK_BYTES else end


def cut(file: BinaryIO, end: int) -> int:
    """Cuts a file to `end` bytes; says how many are gone."""
    gone = size_of(file) - end
    if gone > 0:
        os.ftruncate(file.fileno(), end)
    return max(gone, 0)


def patch(file: BinaryIO, offset: int, data: bytes) -> None:
    """Overwrites bytes of a file where they are others."""
    if os.pread(file.fileno(), len(data), offset) == data:
        return
    written = 0
    while written < len(data):
        written += os.pwrite(file.fileno(), data[written:], offset + written)

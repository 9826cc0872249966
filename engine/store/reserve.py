"""A little space kept beside each growing file, so that a full disk has room to end it.

`NAME.reserve` is written when the file is begun and removed before it ends: its playlist and its manifest
find room where it was.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from engine.media.limits import RESERVE_BYTES
from engine.store.file import StorageErrors

ENDING = ".reserve"


def _reserve_of(final: Path) -> Path:
    return final.with_name(final.name + ENDING)


def hold_reserve(final: Path) -> None:
    """Take the space.

    Raises:
        StorageError: there is none, or the disk refuses otherwise; nothing is left behind.
    """
    path = _reserve_of(final)
    with StorageErrors(path):
        try:
            path.write_bytes(bytes(RESERVE_BYTES))
        except OSError:
            release_reserve(final)
            raise


def release_reserve(final: Path) -> None:
    """Give it back; it may be gone."""
    with suppress(OSError):
        _reserve_of(final).unlink()

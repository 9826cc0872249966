"""Free space: a floor below which no file is begun, so that a disk is never filled to its last byte (S4)."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from engine.errors import StorageError, StorageFull
from engine.media.limits import (
    FREE_FLOOR_BYTES,
    FREE_FLOOR_SHARE,
    FREE_RETURN_BYTES,
    FREE_RETURN_SHARE,
)
from engine.media.quantities import size_text
from engine.store.file import StorageErrors


@dataclass(slots=True)
class Space:
    """The file system below a recording root.

    Args:
        root: The recording root; it may not be there yet.
        floor_bytes: Free space to leave; None: 1 %, and 256 MiB at the most.
    """

    root: Path
    floor_bytes: int | None = None
    _device: int | None = None  # the file system that files go to
    _below: int | None = None  # the one that it is mounted on

    def check(self, *, after_failure: bool = False) -> None:
        """Whether a file may be begun. After a failure some space above the floor is wanted.

        Raises:
            StorageFull: too little is free.
            StorageError: the file system is the one that it was mounted on: it is not mounted any more.
        """
        folder = _existing(self.root)
        with StorageErrors(folder):
            found = os.statvfs(folder)
            device = os.stat(folder).st_dev
        if device != self._device and device == self._below:
            raise StorageError(f"{self.root}: its file system is gone: mount it again")
        total_bytes = found.f_blocks * found.f_frsize
        wanted_bytes = self.floor_bytes
        if wanted_bytes is None:
            wanted_bytes = min(FREE_FLOOR_BYTES, int(total_bytes * FREE_FLOOR_SHARE))
        if after_failure:
            wanted_bytes += min(FREE_RETURN_BYTES, int(total_bytes * FREE_RETURN_SHARE))
        free_bytes = found.f_bavail * found.f_frsize
        if free_bytes < wanted_bytes:
            raise StorageFull(
                f"{self.root}: {size_text(free_bytes)} are free, and {size_text(wanted_bytes)} must be to "
                "begin a file: the disk is full: free space or choose another folder "
                "(--output or storage.root)"
            )

    def remember(self) -> None:
        """A file was begun: this is the file system to record to. One that is mounted again may have another
        number."""
        with StorageErrors(self.root):
            folder = _existing(self.root)
            device = os.stat(folder).st_dev
            if device != self._device:
                above = (os.stat(parent).st_dev for parent in folder.parents)
                self._device, self._below = device, next((other for other in above if other != device), None)


def device_of(root: Path) -> int:
    """The number of the file system that a recording root is on; the root may not be there yet. 0 where that
    cannot be known."""
    try:
        return os.stat(_existing(root)).st_dev
    except OSError:
        return 0


def _existing(path: Path) -> Path:
    """The path, or the nearest folder above it that is there."""
    return next(folder for folder in (path.absolute(), *path.absolute().parents) if folder.exists())

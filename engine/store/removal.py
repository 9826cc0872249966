"""A finished file that is kept no longer."""

from __future__ import annotations

from pathlib import Path

from engine.store.file import StorageErrors
from engine.store.folder import remove_folder
from engine.store.manifest import manifest_of


def remove_recorded(final: Path) -> None:
    """Remove a file, or a playlist with its segments, and the manifest beside it; what is gone already is no
    error.

    Raises:
        StorageError: the disk refuses.
    """
    if final.suffix == ".m3u8":
        remove_folder(final)
    with StorageErrors(final):
        final.unlink(missing_ok=True)
        manifest_of(final).unlink(missing_ok=True)

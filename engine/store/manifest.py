"""The manifest beside a finished file, on disk: replaced by rename, so that nobody reads half of one."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from pydantic import ValidationError

from engine.errors import MalformedManifest
from engine.media.limits import MANIFEST_BYTES
from engine.media.manifest import Manifest
from engine.store.file import StorageErrors, sync_directory
from engine.validation import first_problem

ENDING = ".json"


def manifest_of(final: Path) -> Path:
    """The manifest of a file."""
    return final.with_name(final.name + ENDING)


def write_manifest(final: Path, manifest: Manifest) -> None:
    """Write or replace a file's manifest, durably.

    Raises:
        StorageError: whatever the disk refuses; the old one is still there.
    """
    path = manifest_of(final)
    growing = path.with_name(path.name + ".tmp")
    with StorageErrors(path):
        try:
            with growing.open("w", encoding="utf-8") as file:
                file.write(manifest.model_dump_json(indent=1) + "\n")
                file.flush()
                os.fsync(file.fileno())
            os.replace(growing, path)
        except OSError:
            with suppress(OSError):
                growing.unlink()
            raise
        sync_directory(path.parent)


def read_manifest(final: Path) -> Manifest | None:
    """A file's manifest; None when it has none.

    Raises:
        MalformedManifest: it is none of ours.
        OSError: it cannot be read.
    """
    path = manifest_of(final)
    try:
        with path.open("rb") as file:
            data = file.read(MANIFEST_BYTES + 1)
    except FileNotFoundError:
        return None
    if len(data) > MANIFEST_BYTES:
        raise MalformedManifest(f"{path}: more than {MANIFEST_BYTES} bytes are no manifest")
    try:
        return Manifest.model_validate_json(data)
    except ValidationError as error:
        raise MalformedManifest(f"{path}: {first_problem(error, Manifest)}") from None

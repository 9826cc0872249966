"""Bytes to durable files: names, growing files, finalizing. A file is final only when it is flushed, renamed
and its directory synced (S1, S3)."""

from engine.store.file import PART, GrowingFile, check_root, take_name
from engine.store.folder import SegmentFolder, remove_folder
from engine.store.journal import Journal
from engine.store.manifest import read_manifest, write_manifest
from engine.store.naming import NameTemplate, StreamName
from engine.store.removal import remove_recorded
from engine.store.reserve import hold_reserve, release_reserve
from engine.store.space import Space, device_of

__all__ = [
    "PART",
    "GrowingFile",
    "Journal",
    "NameTemplate",
    "SegmentFolder",
    "Space",
    "StreamName",
    "check_root",
    "device_of",
    "hold_reserve",
    "read_manifest",
    "release_reserve",
    "remove_folder",
    "remove_recorded",
    "take_name",
    "write_manifest",
]

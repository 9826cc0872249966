"""Bytes to durable files: names, growing files, finalizing. A file is final only when it is flushed, renamed
and its directory synced (S1, S3)."""

from engine.store.file import GrowingFile
from engine.store.folder import SegmentFolder
from engine.store.naming import NameTemplate, StreamName

__all__ = ["GrowingFile", "NameTemplate", "SegmentFolder", "StreamName"]

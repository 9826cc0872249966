"""The journal beside a growing file: JSON lines, append only, locked while its writer lives.

`NAME.journal` is created exclusively before `NAME`'s bytes are, and removed when all that must be known of
the file is known elsewhere. A journal that nobody locks was left by a process that is gone.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from engine.errors import MalformedJournal
from engine.media.limits import JOURNAL_BYTES
from engine.store.file import StorageErrors, make_folder, write_all

ENDING = ".journal"
_JSON = json.JSONEncoder(separators=(",", ":"))

Line = Mapping[str, object]


def journal_of(final: Path) -> Path:
    """The journal of a file by the file's final name."""
    return final.with_name(final.name + ENDING)


def final_of(journal: Path) -> Path:
    """The final name of a journal's file."""
    return journal.with_name(journal.name.removesuffix(ENDING))


class Journal:
    """A journal that this process holds.

    Raises:
        NameTaken: there is one (`create`).
        StorageError: whatever the disk refuses.
    """

    def __init__(self, path: Path, fd: int) -> None:
        self.path = path
        self._fd = fd

    @classmethod
    def create(cls, final: Path) -> Journal:
        """A new journal for a file, locked."""
        path = journal_of(final)
        with StorageErrors(path):
            make_folder(path.parent)
            fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o644)
        journal = cls(path, fd)
        if not journal._lock():  # a recovery was quicker, and takes it for an empty one
            journal.close()
            return cls.create(final)
        return journal

    @classmethod
    def adopt(cls, path: Path) -> Journal | None:
        """The journal that a dead process left, locked; None when its writer lives, or it is gone."""
        with StorageErrors(path):
            try:
                fd = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW)
            except FileNotFoundError:
                return None
        journal = cls(path, fd)
        if journal._lock() and path.exists():
            return journal
        journal.close()
        return None

    def _lock(self) -> bool:
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def append(self, line: Line) -> None:
        """Add a line, or nothing of it: half of one would spoil the next. It survives the process; it
        survives a power cut once the kernel has written it."""
        with StorageErrors(self.path):
            size = os.fstat(self._fd).st_size
            try:
                write_all(self._fd, _JSON.encode(line).encode() + b"\n")
            except OSError:
                with suppress(OSError):
                    os.ftruncate(self._fd, size)
                raise

    def touch(self) -> None:
        """Leave a sign of life: the time of its last change."""
        with suppress(OSError):
            os.utime(self._fd)

    @property
    def touched_s(self) -> float:
        """Seconds since the epoch of the last sign of life."""
        return os.fstat(self._fd).st_mtime

    def lines(self) -> list[Line]:
        """Its whole lines; the last one may have been cut by a crash, and is left out.

        Raises:
            MalformedJournal: it is none, or too large.
        """
        with StorageErrors(self.path):
            size = os.fstat(self._fd).st_size
            if size > JOURNAL_BYTES:
                raise MalformedJournal(f"{self.path}: {size} bytes are no journal")
            data = os.pread(self._fd, size, 0)
        *whole, _ = data.split(b"\n")
        return [self._parsed(line) for line in whole if line.strip(b"\0")]

    def _parsed(self, text: bytes) -> Line:
        try:
            line = json.loads(text)
        except (ValueError, RecursionError):
            line = None
        if not isinstance(line, dict):
            raise MalformedJournal(f"{self.path}: a line is no JSON object")
        return line

    def close(self) -> None:
        """Let go of it; it stays for recovery."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)

    def remove(self) -> None:
        """All is known elsewhere."""
        with suppress(OSError):
            self.path.unlink()
        self.close()

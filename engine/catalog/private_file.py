"""The file of the database, kept from other users: it holds the keys that sign callbacks."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import structlog

_log = structlog.get_logger()

_PRIVATE = 0o600
_BESIDE = ("", "-wal", "-shm", "-journal")
"""Files that SQLite writes. Those beside the database get the permissions of the database."""


def make_private(database: Path) -> None:
    """Create the file when there is none, and take it from everybody but its owner, whatever the umask.

    A file of another user is left as it is, with a warning when others can read it.

    Raises:
        OSError: it can be neither opened nor created.
    """
    os.close(os.open(database, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _PRIVATE))
    for ending in _BESIDE:
        path = Path(f"{database}{ending}")
        try:
            mode = path.stat().st_mode
        except FileNotFoundError:
            continue
        if stat.S_ISREG(mode) and stat.S_IMODE(mode) != _PRIVATE:
            _tighten(path, stat.S_IMODE(mode))


def _tighten(path: Path, mode: int) -> None:
    try:
        path.chmod(_PRIVATE)
    except PermissionError as error:
        _log.warning("catalog.chmod_failed", path=str(path), mode=f"{mode:04o}", error=error.strerror)
    else:
        _log.warning("catalog.made_private", path=str(path), mode=f"{mode:04o}")

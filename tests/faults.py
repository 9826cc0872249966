"""A disk that refuses, stalls or is watched: in place of the module `os` in the parts that write files."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from engine._native import AppendFile, Pieces

PARTS = ("file", "folder", "journal", "manifest")
_BY_DESCRIPTOR = ("write", "pwrite", "fsync", "ftruncate")
_BY_PATH = ("open", "link", "rename", "replace", "unlink")


@dataclass(frozen=True, slots=True)
class Call:
    """One call of the operating system."""

    name: str
    path: str


@dataclass
class Disk:
    """Every call passes `before`, which may raise or wait, and is remembered."""

    before: Callable[[Call], None] = lambda call: None
    calls: list[Call] = field(default_factory=list)

    def __getattr__(self, name: str) -> Any:
        real = getattr(os, name)
        if name not in (*_BY_DESCRIPTOR, *_BY_PATH):
            return real

        def call(first: Any, *rest: Any, **named: Any) -> Any:
            self._make(Call(name, _path_of(first) if name in _BY_DESCRIPTOR else str(first)))
            return real(first, *rest, **named)

        return call

    def append_file(self, path: Path) -> WatchedFile:
        """In place of `AppendFile`."""
        self._make(Call("open", str(path)))
        return WatchedFile(self, path)

    def _make(self, made: Call) -> None:
        self.before(made)
        self.calls.append(made)

    def refuse(self, error: int | Callable[[Call], int], when: Callable[[Call], bool]) -> None:
        """From now on such calls fail with this error, or with that of the call."""

        def refuse(call: Call) -> None:
            if when(call):
                number = error if isinstance(error, int) else error(call)
                raise OSError(number, os.strerror(number))

        self.before = refuse

    def relent(self) -> None:
        """It is well again."""
        self.before = lambda call: None


class WatchedFile:
    """An `AppendFile` whose writes pass the disk's `before`."""

    def __init__(self, disk: Disk, path: Path) -> None:
        self._disk = disk
        self._file = AppendFile(path)
        self.fileno, self.close = self._file.fileno, self._file.close

    def write(self, data: bytes | Pieces) -> None:
        self._disk._make(Call("write", _path_of(self.fileno())))
        self._file.write(data)


def _path_of(descriptor: int) -> str:
    with suppress(OSError):
        return os.readlink(f"/proc/self/fd/{descriptor}").removesuffix(" (deleted)")
    return ""


@dataclass
class Stall:
    """Writes below a folder wait until `end`."""

    below: str
    waiting: threading.Event = field(default_factory=threading.Event)
    over: threading.Event = field(default_factory=threading.Event)

    def __call__(self, call: Call) -> None:
        if call.name == "write" and call.path.startswith(self.below) and not self.over.is_set():
            self.waiting.set()
            self.over.wait()


def instead_of_os(monkeypatch: pytest.MonkeyPatch) -> Disk:
    """The disk that recordings of this process write to."""
    disk = Disk()
    for part in PARTS:
        monkeypatch.setattr(f"engine.store.{part}.os", disk)
    monkeypatch.setattr("engine.store.file.AppendFile", disk.append_file)
    return disk


READ_ONLY, BROKEN = errno.EROFS, errno.EIO

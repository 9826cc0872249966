"""A growing file: created exclusively under a temporary name, final by flush, rename and directory sync."""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryFile

from engine._native import AppendFile, Pieces
from engine.errors import OUT_OF_FILES, NameTaken, StorageError, StorageFull, StorageRefused

PART = ".part"  # what a growing file's name ends in


class GrowingFile:
    """One file while it grows. Append only; `patch` overwrites bytes written before.

    The final name is reserved by the temporary one (`NAME.part`, created exclusively) and never overwrites.

    Raises:
        StorageError: whatever the disk refuses, with the path and what to do.
    """

    def __init__(self, final: Path) -> None:
        self.final = final
        self.growing = final.with_name(final.name + PART)
        self.size = 0
        self._refused: OSError | None = None
        with StorageErrors(self.growing):
            try:
                self._file = AppendFile(self.growing)
            except FileNotFoundError:
                make_folder(self.growing.parent)
                self._file = AppendFile(self.growing)
            if final.exists():  # asked after the creation: a file that is being finished has either name
                self.discard()
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(final))

    def write(self, data: bytes | Pieces) -> int:
        """Append all of `data`, or nothing: what the disk refuses leaves no half of it behind, and nothing is
        appended after it."""
        if self._refused is not None:
            raise storage_error(self._refused, self.growing) from self._refused
        try:
            self._file.write(data)
        except OSError as error:
            self._refused = error
            with suppress(OSError):
                os.ftruncate(self._fd, self.size)
                os.lseek(self._fd, self.size, os.SEEK_SET)
            raise storage_error(error, self.growing) from error
        self.size += len(data)
        return len(data)

    @property
    def _fd(self) -> int:
        return self._file.fileno()

    def patch(self, offset: int, data: bytes) -> None:
        """Overwrite bytes that were written before."""
        with StorageErrors(self.growing):
            written = 0
            while written < len(data):
                written += os.pwrite(self._fd, data[written:], offset + written)

    def check(self) -> None:
        """Look after it.

        Raises:
            StorageError: it is not where it was begun, because somebody removed or moved it, a folder above
                it or its file system: what is written would never be found.
        """
        with StorageErrors(self.growing):
            if not os.path.samestat(os.stat(self.growing), os.fstat(self._fd)):
                raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(self.growing))

    def sync(self) -> None:
        """Make what is written so far durable."""
        with StorageErrors(self.growing):
            os.fsync(self._fd)

    def finish(self) -> None:
        """Make it final: flush, rename without overwriting, sync the directory (S3)."""
        with StorageErrors(self.growing):
            try:
                os.fsync(self._fd)
            finally:
                self._close()
        take_name(self.growing, self.final)

    def rename_unsynced(self) -> None:
        """Rename without a sync: for media segments, which are synced together when their file ends."""
        with StorageErrors(self.growing):
            self._close()
            rename_exclusive(self.growing, self.final)

    def discard(self) -> None:
        """Remove it: nothing worth keeping was written."""
        self._close()
        with suppress(OSError):
            self.growing.unlink()

    def abandon(self) -> None:
        """Close it and leave what was written under its temporary name, for recovery."""
        self._close()

    def _close(self) -> None:
        self._file.close()


def write_all(fd: int, data: bytes) -> None:
    """Write all of it, however often the system takes a part only.

    Raises:
        OSError: whatever the disk refuses; part of it may be written.
    """
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def rename_exclusive(source: Path, target: Path) -> None:
    """Rename that fails where the target exists; a plain rename would replace it.

    Raises:
        OSError: EEXIST where it does, and whatever else the disk refuses.
    """
    try:
        os.link(source, target)
    except OSError as error:
        if error.errno not in (errno.EPERM, errno.EOPNOTSUPP, errno.EMLINK, errno.ENOSYS):
            raise
        if target.exists():
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target)) from None
        os.rename(source, target)  # a file system without hard links
    else:
        os.unlink(source)


def take_name(growing: Path, final: Path) -> None:
    """Give a file that is whole and synced its final name, durably.

    Raises:
        StorageError: whatever the disk refuses.
    """
    with StorageErrors(growing):
        rename_exclusive(growing, final)
        sync_directory(final.parent)


def make_folder(path: Path) -> None:
    """Make a folder and those above it; it may be there.

    Raises:
        OSError: ENOTDIR where a file stands in its place.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except FileExistsError:
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(path)) from None


def check_root(root: Path) -> None:
    """Find out whether files can be made in a folder, before anything is dialled. Nothing is left behind.

    A folder that is not there is made and removed again. A disk that is full, or fails, may be well again
    when there is something to write, and is no matter here.

    Raises:
        StorageRefused: the folder cannot be made, or takes no files.
    """
    made: list[Path] = []
    try:
        for folder in (*reversed(root.absolute().parents), root.absolute()):
            try:
                folder.mkdir()
                made.append(folder)
            except OSError as error:
                if not isinstance(error, FileExistsError) and not folder.is_dir():
                    raise
        if not stat.S_ISDIR(os.stat(root).st_mode):
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(root))
        with TemporaryFile(dir=root):
            pass
    except OSError as error:
        if error.errno == errno.ENOENT:
            raise StorageRefused(
                f"{root}: no folder can be made there: choose another folder (--output or storage.root)"
            ) from None
        if error.errno in _REFUSED:
            raise storage_error(error, root) from None
    finally:
        for folder in reversed(made):
            with suppress(OSError):  # somebody records into it by now
                folder.rmdir()


def sync_directory(path: Path) -> None:
    """Make the names in a directory durable."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


_ADVICE = {
    errno.ENOSPC: "the disk is full: free space or choose another folder (--output or storage.root)",
    errno.EDQUOT: "the quota is used up: free space or choose another folder (--output or storage.root)",
    errno.EROFS: "the file system is read-only: choose another folder (--output or storage.root)",
    errno.EACCES: "permission denied: choose another folder (--output or storage.root)",
    errno.ENOTDIR: "a file stands where a folder is needed: choose another folder (--output or storage.root)",
    **dict.fromkeys(OUT_OF_FILES, "too many files are open: raise the limit (ulimit -n)"),
    errno.ELOOP: "symbolic links lead in a circle: choose another folder (--output or storage.root)",
    errno.ENAMETOOLONG: "the name is too long: choose another folder, name or title",
    errno.EPERM: "the system permits it to nobody: choose another folder (--output or storage.root)",
    errno.EFBIG: "the system allows no larger file: use --interval",
    errno.EEXIST: "it exists already and is never overwritten",
    errno.EIO: "the disk reports an error",
    errno.ENOENT: "it is gone: somebody removed it, or a folder above it",
}
_FULL = (errno.ENOSPC, errno.EDQUOT)
_REFUSED = (
    errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG, errno.ELOOP
)  # fmt: skip
_KINDS: dict[int, type[StorageError]] = {
    errno.EEXIST: NameTaken,
    **dict.fromkeys(_FULL, StorageFull),
    **dict.fromkeys(_REFUSED, StorageRefused),
}


def storage_error(error: OSError, path: Path) -> StorageError:
    """What the disk refused, with the path and what to do."""
    advice = _ADVICE.get(error.errno or 0, error.strerror or str(error))
    return _KINDS.get(error.errno or 0, StorageError)(f"{path}: {advice}")


class StorageErrors:
    """Turns OSError in a `with` block into StorageError with the path and what to do."""

    __slots__ = ("_path",)

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> None:
        """Nothing to begin."""

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, OSError):
            raise storage_error(error, self._path) from error

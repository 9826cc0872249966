"""An HLS file on disk: a playlist and, in a folder of the same name beside it, its media segments."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from engine.store.file import GrowingFile, StorageErrors, make_folder, sync_directory, write_all


class SegmentFolder:
    """`NAME.m3u8` and `NAME/`. Segments appear by rename when whole; the playlist is replaced by rename.

    Both names are created exclusively, so two recordings never share one. `on_note` is given what a recovery
    will need to know of each segment: before it is created, and when it is whole. With `sync_segments` each
    segment is synced when it is whole; otherwise all are when the playlist ends.

    Raises:
        StorageError: whatever the disk refuses.
    """

    def __init__(
        self,
        playlist: Path,
        on_note: Callable[[Mapping[str, object]], None] | None = None,
        *,
        sync_segments: bool = False,
    ) -> None:
        self.on_note = on_note
        self._sync_segments = sync_segments
        self.final = playlist
        self.folder = playlist.with_suffix("")
        self.size = 0  # bytes of the committed segments
        self._growing: list[GrowingFile] = []  # a segment, and beside it the initialization of fMP4
        with StorageErrors(playlist):
            make_folder(playlist.parent)
            if playlist.exists():
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(playlist))
            self.folder.mkdir()

    def open(self, name: str, note: Mapping[str, object] | None = None) -> GrowingFile:
        """A segment, growing under a temporary name."""
        self._keep(note)
        segment = GrowingFile(self.folder / name)
        self._growing.append(segment)
        return segment

    def _keep(self, note: Mapping[str, object] | None) -> None:
        if note is not None and self.on_note is not None:
            self.on_note(note)

    def commit(self, sink: object, note: Mapping[str, object] | None = None) -> str:
        """A growing segment is whole: rename it. Returns its URI, relative to the playlist."""
        segment = next(growing for growing in self._growing if growing is sink)
        if self._sync_segments:
            segment.sync()
        segment.rename_unsynced()
        self._growing.remove(segment)
        self.size += segment.size
        self._keep(note)
        return f"{self.folder.name}/{segment.final.name}"  # names need no encoding

    def check(self) -> None:
        """Look after what grows.

        Raises:
            StorageError: somebody removed it.
        """
        for segment in self._growing:
            segment.check()

    def sync(self) -> None:
        """Make what grows durable."""
        for segment in self._growing:
            segment.sync()

    def publish(self, playlist: str) -> None:
        """Replace the playlist; a reader never sees half of one."""
        growing = self.final.with_name(self.final.name + ".tmp")
        with StorageErrors(growing):
            try:
                fd = os.open(growing, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
                try:
                    write_all(fd, playlist.encode())
                finally:
                    os.close(fd)
                os.replace(growing, self.final)
            except OSError:
                with suppress(OSError):
                    growing.unlink()
                raise

    def finish(self) -> None:
        """Make all of it final: every segment, the playlist and both directories are synced (S3)."""
        while self._growing:
            self._growing.pop().discard()  # what was not committed is not listed
        with StorageErrors(self.final):
            for path in (*self._segments(), self.final):
                fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
                try:
                    os.fsync(fd)
                finally:
                    os.close(fd)
            sync_directory(self.folder)
            sync_directory(self.final.parent)

    def _segments(self) -> Iterator[Path]:
        """What was committed. The folder is this recording's alone, and remembers its names on disk."""
        with suppress(FileNotFoundError), os.scandir(self.folder) as entries:
            yield from (self.folder / entry.name for entry in entries)

    def discard(self) -> None:
        """Remove it: nothing worth keeping was written."""
        for segment in self._growing:
            segment.discard()
        for path in (*self._segments(), self.final):
            with suppress(OSError):
                path.unlink()
        with suppress(OSError):
            self.folder.rmdir()

    def abandon(self) -> None:
        """Close what grows and leave everything as it is, for recovery."""
        for segment in self._growing:
            segment.abandon()


def remove_folder(playlist: Path) -> None:
    """Remove a playlist and its segments.

    Raises:
        StorageError: the disk refuses.
    """
    folder = playlist.with_suffix("")
    with StorageErrors(folder):
        playlist.unlink(missing_ok=True)
        if folder.is_dir() and not folder.is_symlink():
            for segment in folder.iterdir():
                segment.unlink()
            folder.rmdir()

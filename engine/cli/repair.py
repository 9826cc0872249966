"""`reel repair`: make final what a crash left, by hand."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from engine.errors import ReelError, StorageError, UsageError
from engine.record.recovery import Revived, bare_leftovers, leftovers, revive_bare, settle
from engine.store import PART, Journal
from engine.store.journal import ENDING, journal_of


def repair_command(
    paths: Annotated[
        list[Path],
        typer.Argument(
            metavar="PATH...", help="Folders of recordings, growing files (.part), or damaged files."
        ),
    ],
    as_json: Annotated[
        bool, typer.Option("--json", help="Print file_finished events, one JSON object a line.")
    ] = False,
) -> None:
    """Make final what a crash left: FLV, AAC and MP3 are cut to whole packets, MP4 gets its tables, playlists
    are closed.

    Files that a recorder is still writing are left alone. Exits with 0 when everything is whole, 1 when
    something cannot be repaired, 2 for a path that cannot be, 5 when the disk refuses.
    """
    repair = _Repair(as_json)
    for path in paths:
        repair.path(path)
    raise typer.Exit(repair.code)


@dataclass(slots=True)
class _Repair:
    as_json: bool
    code: int = 0

    def path(self, path: Path) -> None:
        """A folder, or a file under any of its names."""
        if path.is_dir():
            for journal in leftovers(path):
                self.journal(journal)
            for part in bare_leftovers(path):
                self.bare(part)
            return
        final = path.with_name(path.name.removesuffix(PART).removesuffix(ENDING))
        if journal_of(final).exists():
            self.journal(journal_of(final))
        elif path.exists():
            self.bare(path)
        else:
            self._complain(UsageError(f"{path}: no such file or folder"))

    def journal(self, path: Path) -> None:
        try:
            journal = Journal.adopt(path)
            if journal is None:
                typer.echo(f"{path.name.removesuffix(ENDING)}: is being recorded: left alone", err=True)
            else:
                settle(journal, self._tell)
        except ReelError as error:
            self._complain(error)

    def bare(self, path: Path) -> None:
        """A file without a journal: one that was whole is nothing to tell of, an empty one to keep."""
        try:
            before = path.stat()
            if path.name.endswith(PART) and not before.st_size:
                path.unlink()
                return
            revived = revive_bare(path)
            after = revived.path.stat()
            if (before.st_ino, before.st_mtime_ns) != (
                after.st_ino,
                after.st_mtime_ns,
            ) or path != revived.path:
                self._tell(revived)
        except OSError as error:
            self._complain(StorageError(f"{path}: {error.strerror or error}"))
        except ReelError as error:
            self._complain(error)

    def _tell(self, revived: Revived) -> None:
        manifest = revived.manifest
        if self.as_json:
            typer.echo(revived.event(datetime.now(UTC)).model_dump_json())
            return
        seconds, megabytes = manifest.duration_ms / 1000, manifest.size_bytes / 1e6
        typer.echo(f"repaired {revived.path} ({seconds:.1f} s, {megabytes:.1f} MB)")
        for note in manifest.notes:
            typer.echo(f"  {note}")

    def _complain(self, error: ReelError) -> None:
        print("reel: " + " ".join(str(error).split()), file=sys.stderr)
        self.code = max(self.code, error.exit_code)

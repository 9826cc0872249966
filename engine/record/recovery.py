"""What a process that is gone left unfinished: made final, described, and told of once (S2).

A file whose writer cannot go on, because its disk refuses, is revived in the same way while the recording
lives.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import structlog

from engine.errors import MalformedJournal, NothingRecorded, ReelError, StorageError, UsageError
from engine.media.codecs import Format
from engine.media.events import FileFinished
from engine.media.manifest import Interval, Manifest
from engine.mux.playlist import SegmentNote
from engine.mux.recover import Recovered, recover, recover_playlist
from engine.record.diary import ANNOUNCED, Diary, Header, read_diary
from engine.record.ledger import join, tile
from engine.store import (
    PART,
    Journal,
    read_manifest,
    release_reserve,
    remove_folder,
    take_name,
    write_manifest,
)
from engine.store.file import StorageErrors
from engine.store.journal import ENDING, final_of, journal_of
from engine.store.manifest import manifest_of

_log = structlog.get_logger()

_SUFFIXES = (".flv", ".mp4", ".aac", ".mp3")  # the growing segments of HLS belong to their playlists

STATE = ".reel"
"""The folder below a recording root where recordings keep their own journals."""


@dataclass(frozen=True, slots=True)
class Revived:
    """A file that is final now."""

    path: Path
    manifest: Manifest
    is_described: bool = True
    """Its manifest is on disk, or nobody knows whose it is."""
    announced: bool = False
    """Its event was sent by the process that recorded it."""

    def event(self, at: datetime) -> FileFinished:
        """What the process that recorded it would have said."""
        return self.manifest.event(str(self.path), at).model_copy(update={"recovered": True})


Tell = Callable[[Revived], bool | None]
"""Hears of a file that was revived; False: nobody was told, and its journal stays."""


def revive(journal: Journal, *, recovered: bool = True) -> Revived | None:
    """Make a journal's file final and write its manifest; the journal stays until its event is out.

    None when there was nothing worth keeping: the journal is gone too then.

    Raises:
        ProtocolError: the journal or the file cannot be read.
        StorageError: the disk refuses.
    """
    final = final_of(journal.path)
    release_reserve(final)
    diary = read_diary(journal)
    try:
        if diary is None:  # its writer died before it wrote a byte, or a power cut took the journal
            return revive_bare(final)
        with StorageErrors(manifest_of(final)):
            manifest = read_manifest(final)
        if manifest is None:
            notes = [SegmentNote.of(note) for note in diary.segments]
            header = diary.header
            if header.format is not format_of(final):
                raise MalformedJournal(f"{journal.path}: it is the journal of {header.format.value}")
            found = _recover(final, header.format, notes, header.clock.dts_ms)
            try:
                manifest = _describe(final, diary, found, recovered)
            except OverflowError:
                raise MalformedJournal(f"{journal.path}: its clock is out of range") from None
            try:
                write_manifest(final, manifest)
            except StorageError as error:  # the file is final all the same
                _log.info("manifest.write_failed", path=str(final), error=str(error))
                return Revived(final, manifest, is_described=False, announced=diary.announced)
    except NothingRecorded:
        _discard(final)
        journal.remove()
        return None
    return Revived(final, manifest, announced=diary.announced)


def revive_bare(path: Path) -> Revived:
    """Repair a file of which there is no journal: `NAME.part`, or one under its final name. Whose it is
    nobody knows, so that no manifest is written.

    Raises:
        UsageError: its name does not say what it is.
        NothingRecorded: not one packet of it is whole.
        ProtocolError: the file cannot be read.
        StorageError: the disk refuses.
    """
    final = path.with_name(path.name.removesuffix(PART))
    format = format_of(final)
    found = _recover(final, format, [])
    made_at = datetime.fromtimestamp(final.stat().st_mtime, UTC)
    started_at = made_at - timedelta(milliseconds=found.stats.duration_ms)
    header = Header.unknown(format, started_at)
    covers = Interval(start=started_at, end=made_at)
    manifest = header.manifest(final, found.stats, found.size_bytes, tile(covers, []), found.problems, True)
    return Revived(final, manifest)


def format_of(final: Path) -> Format:
    """What a file is by the ending of its name.

    Raises:
        UsageError: none that is recorded here.
    """
    suffix = final.suffix.lower().removeprefix(".")
    try:
        return Format.HLS if suffix == "m3u8" else Format(suffix)
    except ValueError:
        raise UsageError(f"{final}: only .flv, .m3u8, .mp4, .aac and .mp3 files can be repaired") from None


def _recover(
    final: Path, format: Format, notes: list[SegmentNote], first_dts_ms: int | None = None
) -> Recovered:
    """Under whichever name it is: a crash may have come before or after the renaming."""
    with StorageErrors(final):
        if format is Format.HLS:
            return recover_playlist(final, notes)
        growing = final.with_name(final.name + PART)
        if not growing.exists():
            if not final.exists():
                raise NothingRecorded(f"{final}: it is gone")
            return recover(format, final, first_dts_ms=first_dts_ms, grown=False)
        found = recover(format, growing, first_dts_ms=first_dts_ms)
    take_name(growing, final)
    return found


def _discard(final: Path) -> None:
    """Remove what holds nothing."""
    final.with_name(final.name + PART).unlink(missing_ok=True)
    if final.suffix == ".m3u8":
        remove_folder(final)


def _describe(final: Path, diary: Diary, found: Recovered, recovered: bool) -> Manifest:
    header, stats = diary.header, found.stats
    behind_ms = max((stats.last_dts_ms or 0) - diary.clock.dts_ms, 0)
    start = header.before.covers.end
    end = max(diary.clock.at + timedelta(milliseconds=behind_ms), start)
    part = join(header.before, tile(Interval(start=start, end=end), diary.gaps))
    notes = [*diary.notes, *found.problems]
    return header.manifest(final, stats, found.size_bytes, part, notes, recovered)


# Leftovers of a folder


def leftovers(root: Path) -> Iterator[Path]:
    """The journals below a folder, of dead processes and of living ones."""
    yield from sorted(
        path for path in root.rglob("*" + ENDING) if path.is_file() and path.parent.name != STATE
    )


def bare_leftovers(root: Path) -> Iterator[Path]:
    """Growing files without a journal: nobody knows whose they are."""
    for path in sorted(root.rglob("*" + PART)):
        final = path.with_name(path.name.removesuffix(PART))
        if path.is_file() and final.suffix.lower() in _SUFFIXES and not journal_of(final).exists():
            yield path


Complain = Callable[[Path, ReelError], None]


def revive_all(root: Path, tell: Tell, complain: Complain) -> list[Path]:
    """Revive whatever dead processes left below a folder. Each is told of once, then its journal is removed;
    one that cannot be revived stays for the next time. The journals of processes that live."""
    return revive_each(leftovers(root), tell, complain)


def revive_each(journals: Iterable[Path], tell: Tell, complain: Complain) -> list[Path]:
    """Revive the files of these journals, as `revive_all`."""
    held: list[Path] = []
    for path in journals:
        try:
            journal = Journal.adopt(path)
            if journal is not None:
                settle(journal, tell)
            elif path.exists():
                held.append(path)
        except ReelError as error:
            complain(final_of(path), error)
    return held


def settle(journal: Journal, tell: Tell) -> None:
    """Revive one, tell of it, and remove its journal.

    Raises:
        ProtocolError, StorageError: as `revive`; the journal stays.
    """
    try:
        revived = revive(journal)
        if revived is not None:
            if not revived.announced and tell(revived) is False:
                return
            if revived.is_described:
                journal.remove()
            else:
                journal.append(ANNOUNCED)
    finally:
        journal.close()

"""What a recording with an id leaves for a process after it: when its window began, its files, its gaps.

`.reel/ID.journal` below the recording root is a journal as those beside growing files are; it is removed when
the recording ends. Its first line is the `Beginning`; each line behind it has one key: `file` (a file was
begun), `missing` (from a moment on nothing is recorded, of one format or any, for a reason), `live` (from
here on there is).
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path, PurePosixPath
from threading import Event
from typing import Literal

import structlog
from pydantic import AwareDatetime, BaseModel, ConfigDict, TypeAdapter, ValidationError

from engine.errors import IdTaken, MalformedJournal, NameTaken, ReelError, StorageError
from engine.media.codecs import Format
from engine.media.events import GapReason
from engine.media.manifest import Manifest
from engine.record.past import Missing, Past
from engine.record.recovery import STATE, Tell, settle
from engine.store import Journal, read_manifest
from engine.store.journal import Line, journal_of
from engine.validation import first_problem


class Beginning(BaseModel):
    """The first line."""

    model_config = ConfigDict(frozen=True)

    chronicle: Literal[1] = 1
    recording: str
    start: AwareDatetime


_log = structlog.get_logger()

_MISSING = TypeAdapter(Missing)

_REVIVING_S = 60.0  # a large MP4 on a slow disk takes seconds
_PAUSE_S = 0.02


@dataclass(slots=True)
class Chronicle:
    """The chronicle of a recording under way. All writing is for the writer thread."""

    journal: Journal
    root: Path

    @classmethod
    def open(cls, root: Path, recording: str, tell: Tell) -> tuple[Chronicle, Past]:
        """A new chronicle, or that of a process that is gone, whose files are revived and told of.

        Raises:
            IdTaken: another process records under this id.
            StorageError: the disk refuses.
            ProtocolError: what is there is no chronicle.
        """
        final = root / STATE / recording
        now = datetime.now(UTC)
        journal = Journal.adopt(journal_of(final))
        if journal is None:
            try:
                journal = Journal.create(final)
            except NameTaken:
                raise IdTaken(f"id: {recording} is being recorded by another process") from None
        chronicle = cls(journal, root)
        try:
            lines = journal.lines()
            if not lines:
                beginning = Beginning(recording=recording, start=now)
                journal.append(beginning.model_dump(mode="json"))
                return chronicle, Past.none(now)
            return chronicle, chronicle._past(Beginning.model_validate(lines[0]).start, lines[1:], tell)
        except ValidationError as error:
            journal.close()
            raise MalformedJournal(f"{journal.path}: {first_problem(error, Beginning)}") from None
        except ReelError:
            journal.close()
            raise

    def _past(self, start: datetime, lines: Sequence[Line], tell: Tell) -> Past:
        missing: list[Missing] = []
        manifests: list[Manifest] = []
        for line in lines:
            if "file" in line:
                manifest = self._revived(self._inside(str(line["file"])), tell)
                if manifest is not None:
                    manifests.append(manifest)
            elif "missing" in line:
                missing.append(_MISSING.validate_python(line["missing"]))
            elif "live" in line:
                missing.clear()
        covered: dict[Format, datetime] = {}
        recorded: dict[Format, timedelta] = {}
        for manifest in manifests:
            covered[manifest.format] = max(covered.get(manifest.format, start), manifest.covers.end)
            lasted = sum((one.end - one.start for one in manifest.recorded), timedelta())
            recorded[manifest.format] = recorded.get(manifest.format, timedelta()) + lasted
        died = datetime.fromtimestamp(self.journal.touched_s, UTC)
        recorded_ms = round(max(recorded.values(), default=timedelta()) / timedelta(milliseconds=1))
        return Past(start, recorded_ms, max(died, *covered.values(), start), covered, tuple(missing))

    def _inside(self, name: str) -> Path:
        """A file of the recording by its line."""
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts or "\0" in name:
            raise MalformedJournal(f"{self.journal.path}: {name!r} is not below {self.root}")
        return self.root / path

    def _revived(self, final: Path, tell: Tell) -> Manifest | None:
        """The manifest of a file that the process before began, which may be unfinished. Somebody who looks
        for such files may be at it."""
        path, paused = journal_of(final), Event()
        deadline_s = time.monotonic() + _REVIVING_S
        while (journal := Journal.adopt(path)) is None and path.exists() and time.monotonic() < deadline_s:
            paused.wait(_PAUSE_S)
        if journal is not None:
            settle(journal, tell)
        try:
            return read_manifest(final)
        except OSError as error:
            raise StorageError(f"{final}: its manifest cannot be read: {error.strerror}") from error

    def began(self, path: Path) -> None:
        """A file was begun. Said before it holds a frame: what of it is covered would be covered again."""
        self._append({"file": str(path.relative_to(self.root))})

    def missing(self, reason: GapReason, at: datetime, format: Format | None = None) -> None:
        """From a moment on nothing is recorded."""
        line = Missing(reason=reason, at=at, format=format)
        self._append({"missing": line.model_dump(mode="json")})

    def live(self) -> None:
        """Media is recorded again."""
        self._append({"live": True})

    def _append(self, line: Line) -> None:
        """A disk that refuses is told of by the files."""
        try:
            self.journal.append(line)
        except StorageError as error:
            _log.info("recording_journal.write_failed", path=str(self.journal.path), error=str(error))

    def leave(self) -> None:
        """The process ends, and the recording does not."""
        self.journal.touch()
        self.journal.close()

    def end(self) -> None:
        """The recording ended, and nothing is left to say."""
        self.journal.remove()
        with suppress(OSError):
            self.journal.path.parent.rmdir()

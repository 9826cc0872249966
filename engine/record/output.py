"""One format of a recording: which file its media goes to, and what happens when that cannot be written.

Runs on a writer thread.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Literal

import structlog

from engine import _native
from engine.errors import ReelError, StorageError, UnsupportedCodec
from engine.media.batch import Kind
from engine.media.codecs import Format, refusal
from engine.media.events import GapReason
from engine.media.limits import OPENING_BYTES, STORAGE_RETRY_FIRST_S, STORAGE_RETRY_LAST_S
from engine.media.manifest import Gap, Interval, Manifest, Part
from engine.mux import MuxOptions
from engine.record.ledger import Ledger, join, tile
from engine.record.output_file import Identity, OutputFile, Place, Settings
from engine.record.wall_clock import Span, WallClock
from engine.segment import Begin, Cause, Media

_log = structlog.get_logger()

_GOES_ON = (Cause.TRACKS, Cause.JUMP)  # what HLS continues after EXT-X-DISCONTINUITY (C3)


@dataclass(frozen=True, slots=True)
class OutputReport:
    """What a writer thread tells its recording."""

    what: Literal["opened", "closed", "finished", "failed", "suspended", "resumed", "warning"]
    format: Format
    path: Path
    manifest: Manifest | None = None
    settle: Callable[[bool], None] | None = None
    """To be called when the event of the finished file is out, or nobody could be told; it may block."""
    error: ReelError | None = None
    gaps: Sequence[Gap] = ()
    message: str = ""


@dataclass(slots=True)
class _Waiting:
    """A section that goes on in the open file once the section before it, which overlaps it, has ended: its
    media stands behind the discontinuity, none of the other's does."""

    begin: Begin
    at: datetime
    media: list[Media] = field(default_factory=list)
    held_bytes: int = 0


@dataclass(slots=True)
class _Trouble:
    """Why nothing is written now, and when to try again."""

    error: ReelError
    reason: GapReason
    wait_s: float
    retry_s: float


class Output:
    """One format. Sections that a change or a jump begins go on in the same HLS file, and in a new file of
    every other format; a push that returns in time goes on in the file that waits for it (C4): an HLS file,
    or with `splice_all` one of any format whose tracks the push has."""

    def __init__(
        self,
        format: Format,
        identity: Identity,
        settings: Settings,
        ledger: Ledger,
        report: Callable[[OutputReport], None],
    ) -> None:
        self.format = format
        self._audio_only = format.audio_only
        self.has_files = False
        """One is final."""
        self.has_begun = False
        """One could be begun."""
        self._identity = identity
        self._settings = settings
        self._ledger = ledger
        self._report = report
        self._files: dict[int, OutputFile] = {}  # section -> the file it is written to
        self._parked: OutputFile | None = None  # between two pushes
        self._waiting: _Waiting | None = None
        self._trouble: _Trouble | None = None
        self._wait_s = STORAGE_RETRY_FIRST_S
        self._newest_begun: OutputFile | None = None
        self._last: OutputFile | None = None  # that is final
        self._unsalvaged: list[tuple[OutputFile, ReelError]] = []  # cut short, and not final yet
        self._undescribed: list[OutputFile] = []  # final, and the disk had no room for their manifests

    @property
    def trouble(self) -> ReelError | None:
        """What keeps this format from being written now."""
        return self._trouble.error if self._trouble else None

    @property
    def may_begin(self) -> bool:
        """Nothing speaks against a new file, or enough time has passed since something did."""
        return self._trouble is None or time.monotonic() >= self._trouble.retry_s

    def account(self, spans: Sequence[Span]) -> None:
        """Media of these spans is about to be written."""
        if not self._files or self._trouble is not None:
            return
        for span in spans:
            gaps = self._ledger.record(span.start, span.end)
            if gaps:
                self._files[max(self._files)].note_gaps(gaps)

    def correct_clock(self, wall: WallClock) -> None:
        """It is better known when the media of the newest section was made."""
        if (waiting := self._waiting) is not None:
            waiting.at = min(waiting.at, wall.at(waiting.begin.dts_ms))
        elif (file := self._newest) is not None:
            file.correct_clock(wall)

    def note(self, text: str) -> None:
        """Something was repaired in the media that is about to be written."""
        if (file := self._newest) is not None:
            file.note(text)

    def mark(self, reason: GapReason, at: datetime | None) -> None:
        """What is not recorded from here on is missing for this reason."""
        if self._trouble is None:
            self._ledger.mark(reason, at)

    # Sections

    def check(self, begin: Begin) -> None:
        """Ask the matrix, before a byte is written.

        Raises:
            UnsupportedCodec: this format cannot hold the section's tracks.
        """
        reason = refusal([track.codec for track in begin.tracks], self.format)
        if reason is not None:
            raise UnsupportedCodec(reason)
        if self._trouble is not None and self._trouble.reason == "unsupported":
            self._trouble.retry_s = 0

    def needs_file(self, begin: Begin) -> bool:
        """Whether a section starts a new file."""
        if begin.cause in _GOES_ON and self.format is Format.HLS and self._files:
            return False
        return not (begin.cause is Cause.FIRST and self._parked and self._parked.may_take(begin))

    def begin(self, begin: Begin, place: Place, at: datetime, until: datetime) -> None:
        """A section begins in a new file; media up to `until` is about to be written."""
        self._end_parked()
        self._salvage_again()
        ledger, open_file = self._ledger, self._newest
        missing_since = ledger.missing_since
        if open_file is None:
            ledger.record(at, max(at, until))
        before = ledger.split(at)
        if open_file is not None:
            open_file.part = before
            before = ledger.split(at)
        options = MuxOptions(
            timestamps=self._settings.timestamps,
            flv_signalling=self._settings.flv_signalling,
            hls_segment=self._settings.hls_segment,
            hls_time_s=self._settings.hls_time_s,
            expected_duration_s=self._settings.expected_duration_s,
            metadata=_metadata(begin.metadata),
            headers=begin.headers,
            started_at=at,
        )
        try:
            file = OutputFile(self.format, place, begin, at, before, self._identity, self._settings, options)
        except BaseException:
            ledger.lose(at, "storage")
            ledger.give_back(before)
            raise
        if self._newest_begun is not None:
            self._newest_begun.following = file
        self._newest_begun = file
        self.has_begun = True
        self._files[begin.section] = file
        self._describe()
        self._report(OutputReport("opened", self.format, file.path))
        if self._trouble is not None:
            gap = Gap(start=missing_since, end=max(at, missing_since), reason=self._trouble.reason)
            self._trouble = None
            self._report(OutputReport("resumed", self.format, file.path, gaps=(gap,)))

    @property
    def _newest(self) -> OutputFile | None:
        return self._files[max(self._files)] if self._files else None

    def go_on(self, begin: Begin, at: datetime, until: datetime) -> None:
        """A section goes on in the file that is open, after a discontinuity."""
        if self._parked is not None:
            file, self._parked = self._parked, None
            self._files[begin.section] = file
            file.note_gaps(self._ledger.record(at, max(at, until)))
            file.restart(begin, at, wall_goes_on=False)
            return
        self._stop_waiting()
        self._files[begin.section] = self._files[max(self._files)]
        self._waiting = _Waiting(begin, at)

    def _stop_waiting(self) -> None:
        """Write the discontinuity and what stands behind it. The wall clock goes on with the media."""
        waiting, self._waiting = self._waiting, None
        if waiting is None:
            return
        file = self._files[waiting.begin.section]
        file.restart(waiting.begin, waiting.at, wall_goes_on=True)
        for media in waiting.media:
            file.write(media.batch)

    def media(self, media: Media) -> None:
        """Write rows of a section."""
        file = self._files.get(media.section)
        if file is None:
            return
        waiting = self._waiting
        if waiting is not None and media.section == waiting.begin.section:
            waiting.media.append(media)
            waiting.held_bytes += len(media.batch.arena)
            if waiting.held_bytes > OPENING_BYTES:
                self._stop_waiting()
            return
        batch = media.batch
        if self._audio_only:
            batch = batch.rows(batch.tags["kind"] == int(Kind.AUDIO))
        if batch.survey is not None or len(batch):
            file.write(batch)
            if file.look_after():
                self._wait_s = STORAGE_RETRY_FIRST_S  # it is well

    def end(self, section: int) -> None:
        """Nothing more comes for a section: its file is finished unless another section goes on in it, or a
        push that returns may."""
        file = self._files.pop(section, None)
        if file is None:
            return
        if file in self._files.values():
            if self._waiting is not None and set(self._files) == {self._waiting.begin.section}:
                self._stop_waiting()
        elif self._settings.splices(self.format) and not self._files:
            self._parked = file
            file.pause()
        elif self._files:
            self._finish_behind(file)
        else:
            self._finish(file)

    def _finish_behind(self, file: OutputFile) -> None:
        """Make a file final while the one behind it grows; that one goes on as long as it can itself."""
        try:
            self._finish(file)
        except StorageError as error:
            self._report(OutputReport("warning", self.format, file.path, error=error, message=str(error)))

    def expire(self) -> None:
        """No push returned in time."""
        self._end_parked()

    def _end_parked(self) -> None:
        file, self._parked = self._parked, None
        if file is not None:
            self._finish(file)

    def close(self) -> None:
        """Finish whatever is open."""
        self._stop_waiting()
        files = dict.fromkeys(self._files.values())
        self._files.clear()
        for file in files:
            self._finish(file)
        self._end_parked()

    def complete(self, end: datetime) -> None:
        """The window ends: the last manifest says what is missing behind its file."""
        self._salvage_again()
        self._ledger.miss(end)
        part, last = self._ledger.split(), self._last
        known = last.manifest if last else None
        if last and known and known.covers.end == part.covers.start < part.covers.end:
            last.account(join(known, part))
        self._describe()

    def _describe(self) -> None:
        """Write the manifests that the disk had no room for."""
        self._undescribed = [
            file for file in self._undescribed if not file.is_described and not file.describe()
        ]

    def release(self) -> None:
        """The recording is over: what it could not make final is for recovery."""
        for file in (*(file for file, _ in self._unsalvaged), *self._undescribed):
            file.place.journal.close()

    # The end of a file

    def _finish(self, file: OutputFile) -> None:
        """Make a file final; one that resists is salvaged.

        Raises:
            ReelError: what went wrong; whatever is written is kept.
        """
        part = file.part = file.part or self._ledger.split()
        try:
            ended = file.finish(join(file.before, part))
        except ReelError as error:
            self._salvage(file, error)
            raise
        if ended.manifest is None:
            self._hand_on(file, join(file.before, part))
        else:
            self._tell(file, ended.manifest)
        if ended.problem is not None:
            raise ended.problem

    def _salvage(self, file: OutputFile, error: ReelError) -> None:
        """Keep what is written of a file. What the disk has no room for now is tried again when it has."""
        part = file.part = file.part or self._ledger.split()
        ended = file.salvage(error)
        if ended.problem is not None:
            self._unsalvaged.append((file, error))
            return
        reason: GapReason = "unsupported" if isinstance(error, UnsupportedCodec) else "storage"
        start, until = part.covers.start, part.covers.end
        if ended.manifest is None:
            self._hand_on(file, join(file.before, _lost(start, until, reason)))
            return
        end = max(min(ended.manifest.covers.end, until), start)
        kept, lost = tile(Interval(start=start, end=end), part.gaps), _lost(end, until, reason)
        if file.following is None:
            self._ledger.give_back(lost)
        else:  # which covers what lies behind the part
            kept = join(kept, lost)
        file.account(join(file.before, kept))
        assert file.manifest is not None
        self._tell(file, file.manifest)

    def _hand_on(self, file: OutputFile, part: Part) -> None:
        """There is no such file: the one behind it covers this part of the window."""
        file.is_void = True
        following = file.following
        while following is not None and following.is_void:
            following = following.following
        if following is None:
            self._ledger.give_back(part)
        else:
            following.follow(part)

    def _salvage_again(self) -> None:
        unsalvaged, self._unsalvaged = self._unsalvaged, []
        for file, error in unsalvaged:
            self._salvage(file, error)
        for file, error in self._unsalvaged:
            _log.info("file.left_unfinished", path=str(file.path), error=str(error))

    def _tell(self, file: OutputFile, manifest: Manifest) -> None:
        self.has_files = True
        known = self._last.manifest if self._last else None
        if known is None or known.covers.end <= manifest.covers.start:
            self._last = file
        if not file.is_described:
            self._undescribed.append(file)
        for complaint in file.complaints:
            message = f"{file.path}: {complaint}"
            self._report(OutputReport("warning", self.format, file.path, message=message))
        self._report(OutputReport("closed", self.format, file.path))
        self._report(OutputReport("finished", self.format, file.path, manifest=manifest, settle=file.settle))

    # Trouble

    def suspend(self, error: ReelError) -> None:
        """Nothing can be written for now: what is written is kept, and a new file begins when it can."""
        reason: GapReason = "unsupported" if isinstance(error, UnsupportedCodec) else "storage"
        again = self._trouble is not None
        self._trouble = _Trouble(error, reason, self._wait_s, time.monotonic() + self._wait_s)
        self._wait_s = min(self._wait_s * 2, STORAGE_RETRY_LAST_S)
        self._end_files(error)
        self._ledger.mark(reason)
        if not again:
            since = self._ledger.missing_since
            gap = Gap(start=since, end=since, reason=reason)
            self._report(OutputReport("suspended", self.format, Path(), error=error, gaps=(gap,)))

    def fail(self, error: ReelError) -> None:
        """This output ends with an error; what is written is finished where the disk still allows it."""
        self._end_files(error)
        self._report(OutputReport("failed", self.format, Path(), error=error))

    def _end_files(self, error: ReelError) -> None:
        files = dict.fromkeys(self._files.values())
        if self._parked is not None:
            files[self._parked] = None
        self._files.clear()
        self._parked = self._waiting = None
        for file in files:
            try:
                if isinstance(error, StorageError):
                    self._salvage(file, error)
                else:
                    self._finish(file)
            except ReelError as second:  # the first error is the one to report
                _log.info("file.left_unfinished", path=str(file.path), error=str(second))
            except Exception:
                _log.exception("file.crashed", path=str(file.path))


def _lost(start: datetime, end: datetime, reason: GapReason) -> Part:
    """A part of which nothing is recorded."""
    gaps = [Gap(start=start, end=end, reason=reason)] if end > start else []
    return Part(covers=Interval(start=start, end=end), recorded=[], gaps=gaps)


def _metadata(body: bytes) -> dict[str, _native.AmfValue]:
    """The source's onMetaData object; empty when there is none or it cannot be read."""
    try:
        values = _native.amf0_decode(body)
    except ValueError:
        return {}
    return values[1] if len(values) >= 2 and isinstance(values[1], dict) else {}


def title_of(begin: Begin) -> str:
    """The title that the source's onMetaData gives the stream; empty when it gives none."""
    title = _metadata(begin.metadata).get("title")
    return title.strip() if isinstance(title, str) else ""

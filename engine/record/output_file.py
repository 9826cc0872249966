"""One file of a format: its bytes, its journal while it grows, its manifest when it is done.

Runs on a writer thread.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal, cast

import structlog

from engine import _native
from engine.errors import MuxError, ReelError, StorageError
from engine.media.batch import Batch
from engine.media.codecs import Format
from engine.media.events import TrackInfo
from engine.media.limits import CHECK_S, CLOCK_SLIP_MS, MOST_NOTES, TICK_LAST_S
from engine.media.manifest import Gap, Manifest, Part
from engine.media.track import Track
from engine.mux import Muxer, MuxOptions, RestartableMuxer, Stats, open_muxer
from engine.record.diary import ANNOUNCED, Clock, Header, clock_line, gap_lines, note_line
from engine.record.ledger import join
from engine.record.recovery import revive
from engine.record.splice import shift_behind, shifted
from engine.record.wall_clock import WallClock
from engine.segment import Begin
from engine.store import (
    GrowingFile,
    Journal,
    SegmentFolder,
    hold_reserve,
    release_reserve,
    write_manifest,
)

_log = structlog.get_logger()

_ENDING = {
    Format.FLV: ".flv",
    Format.HLS: ".m3u8",
    Format.MP4: ".mp4",
    Format.AAC: ".aac",
    Format.MP3: ".mp3",
}
_SLIP = timedelta(milliseconds=CLOCK_SLIP_MS)
Store = GrowingFile | SegmentFolder


@dataclass(frozen=True, slots=True)
class Identity:
    """Whose files they are."""

    recording: str
    url: str  # without its secrets
    stream: str


@dataclass(frozen=True, slots=True)
class Settings:
    """What every file of a recording is written with."""

    timestamps: Literal["original", "zero"]
    flv_signalling: Literal["source", "enhanced", "legacy"]
    hls_segment: Literal["ts", "fmp4", "auto"]
    hls_time_s: float
    expected_duration_s: float | None
    splice_s: float
    splice_all: bool
    sync_s: float | None  # how often growing files are synced; None: when they are final

    def splices(self, format: Format) -> bool:
        """A file of this format waits for a push that returns."""
        return self.splice_s > 0 and (self.splice_all or format is Format.HLS)


def path_of(base: Path, format: Format) -> Path:
    """The path of a format's file of this base name."""
    return base.with_name(base.name + _ENDING[format])


@dataclass(frozen=True, slots=True)
class Place:
    """A name that is ours, with the journal and the file that keep it."""

    journal: Journal
    store: Store

    @classmethod
    def reserve(cls, base: Path, format: Format, *, sync_segments: bool) -> Place:
        """A new file of this base name.

        Raises:
            NameTaken: there is one.
            StorageError: the disk refuses.
        """
        path = path_of(base, format)
        journal = Journal.create(path)
        store: Store
        try:
            if format is Format.HLS:
                store = SegmentFolder(
                    path, lambda note: journal.append({"segment": note}), sync_segments=sync_segments
                )
            else:
                store = GrowingFile(path)
        except BaseException:
            journal.remove()
            raise
        place = cls(journal, store)
        try:
            hold_reserve(path)
        except BaseException:
            place.discard()
            raise
        return place

    def discard(self) -> None:
        """Give the name back: nothing worth keeping was written."""
        self.store.discard()
        release_reserve(self.store.final)
        self.journal.remove()


@dataclass(frozen=True, slots=True)
class Ended:
    """How a file ended."""

    manifest: Manifest | None  # None: nothing was worth keeping
    problem: ReelError | None = None


class OutputFile:
    """A file that grows.

    Raises:
        UnsupportedCodec, MuxError: the container refuses the tracks; the place is given back.
        StorageError: the disk refuses; likewise.
    """

    def __init__(
        self,
        format: Format,
        place: Place,
        begin: Begin,
        at: datetime,
        before: Part,
        identity: Identity,
        settings: Settings,
        options: MuxOptions,
    ) -> None:
        self.format = format
        self.place = place
        self.started_at = at
        self.before = before
        """The part of the window between the file before and this one."""
        self.part: Part | None = None
        """The part that it covers itself, once it ends or another file has begun behind it."""
        self.following: OutputFile | None = None
        """The file that was begun behind it."""
        self.is_void = False
        """Nothing of it was worth keeping."""
        self.complaints: list[str] = []
        """What its container could not hold as it came, once it is final."""
        self._notes: list[str] = []
        self.manifest: Manifest | None = None
        """Once it is final."""
        self._is_described = False  # its manifest is on disk
        self._is_announced = False  # everybody was told of it
        self._is_cut_short = False  # its journal says so
        self._sync_s = settings.sync_s
        self._looked_s = self._synced_s = time.monotonic()
        from_zero = settings.timestamps == "zero" or format not in (Format.FLV, Format.HLS)
        self._header = Header(
            recording=identity.recording,
            url=identity.url,
            stream=identity.stream,
            format=format,
            started_at=at,
            from_zero=from_zero,
            clock=Clock(dts_ms=begin.dts_ms, at=at),
            before=before,
            tracks=[],
        )
        self._clock = self._header.clock  # the last that the journal was told
        self._tracks = self._held(begin)  # of the newest section
        self._spliced: tuple[Begin, datetime] | None = None  # a push whose first media comes next
        self._shift_ms = 0
        try:
            place.journal.append(self._header.model_dump(mode="json"))
            self._muxer: Muxer = open_muxer(format, self._tracks, place.store, options)
        except BaseException:
            place.discard()
            raise

    def _held(self, begin: Begin) -> list[Track]:
        """The tracks of a section that the file holds; remembered for its manifest."""
        tracks = self._wanted(begin)
        known = self._header.tracks
        known += [info for track in tracks if (info := TrackInfo.of(track)) not in known]
        return tracks

    def _wanted(self, begin: Begin) -> list[Track]:
        return [track for track in begin.tracks if not (self.format.audio_only and track.is_video)]

    def may_take(self, begin: Begin) -> bool:
        """Whether the media of another push can stand behind what is written."""
        return self.format is Format.HLS or self._wanted(begin) == self._tracks

    @property
    def is_described(self) -> bool:
        """Its manifest is on disk."""
        return self._is_described

    @property
    def path(self) -> Path:
        """Its final name."""
        return self.place.store.final

    def write(self, batch: Batch) -> None:
        """Add rows.

        Raises:
            MuxError, StorageError: as `Muxer.write`.
        """
        if self._spliced is not None:
            (begin, at), self._spliced = self._spliced, None
            self._shift_ms = shift_behind(self._muxer.stats, batch, begin.dts_ms)
            self._set_clock(begin.dts_ms + self._shift_ms, at)
        self._muxer.write(shifted(batch, self._shift_ms))

    def correct_clock(self, wall: WallClock) -> None:
        """A packet that was delayed less tells better when the media of the newest section was made."""
        if self._spliced is not None:
            begin, at = self._spliced
            self._spliced = begin, min(at, wall.at(begin.dts_ms))
            return
        at = wall.made_at(self._clock.dts_ms - self._shift_ms)
        if self._clock.at - at > _SLIP:
            self._set_clock(self._clock.dts_ms, at)

    def _set_clock(self, dts_ms: int, at: datetime) -> None:
        self._clock = Clock(dts_ms=dts_ms, at=at)
        self.place.journal.append(clock_line(self._clock))

    def restart(self, begin: Begin, at: datetime, *, wall_goes_on: bool) -> None:
        """Go on with another section: behind a discontinuity (HLS), or where what is written ends."""
        self._tracks = self._held(begin)
        if self.format is not Format.HLS:
            self._spliced = begin, at
            return
        cast("RestartableMuxer", self._muxer).restart(self._tracks, None if wall_goes_on else at)
        self._set_clock(begin.dts_ms, at)

    def pause(self) -> None:
        """Nothing may come for a while: what there is can be played."""
        self._muxer.pause()

    def note(self, text: str) -> None:
        """Something was repaired: it goes into the manifest."""
        if len(self._notes) > MOST_NOTES:
            return
        text = text if len(self._notes) < MOST_NOTES else "... and more"
        self._notes.append(text)
        self.place.journal.append(note_line(text))

    def note_gaps(self, gaps: Sequence[Gap]) -> None:
        """Gaps inside the file, for recovery."""
        for line in gap_lines(gaps):
            self.place.journal.append(line)

    def look_after(self) -> bool:
        """Sync it when a setting says so, and see every few seconds that it is still there. True when that
        was seen.

        Raises:
            StorageError: it is gone, or cannot be synced.
        """
        now_s = time.monotonic()
        # Media comes by ticks: a little early rather than a tick late.
        if self._sync_s is not None and now_s - self._synced_s >= self._sync_s - TICK_LAST_S / 2:
            self._synced_s = now_s
            self.place.store.sync()
        if now_s - self._looked_s < CHECK_S:
            return False
        self._looked_s = now_s
        self.place.store.check()
        return True

    # The end

    def finish(self, part: Part) -> Ended:
        """Make it final.

        Raises:
            MuxError, StorageError: it could not be; `salvage` keeps what is written.
        """
        release_reserve(self.path)
        self._muxer.close()
        stats, store = self._muxer.stats, self.place.store
        if not (stats.video_packets or stats.audio_packets):
            self.place.discard()
            return Ended(None)
        size_bytes, problem = store.size, None
        if isinstance(store, GrowingFile) and self.format is Format.MP4:
            size_bytes, problem = self._finalize_mp4(store)
        if not size_bytes:
            self.place.discard()
            return Ended(None, problem)
        store.finish()
        self._note_counts(stats)
        notes = [*self._notes, *self.complaints]
        self.manifest = self._header.manifest(self.path, stats, size_bytes, part, notes, False)
        self.describe()
        return Ended(self.manifest, problem)

    def account(self, part: Part) -> None:
        """It is final, and this is the part of the window that it covers."""
        assert self.manifest is not None
        pieces = {"covers": part.covers, "recorded": part.recorded, "gaps": part.gaps}
        if any(getattr(self.manifest, name) != value for name, value in pieces.items()):
            self.manifest = self.manifest.model_copy(update=pieces)
            self._is_described = False
            self.describe()

    def follow(self, part: Part) -> None:
        """No other file covers this part, which lies before its own."""
        self.before = join(part, self.before)
        if self.manifest is not None:
            self.account(join(part, self.manifest))

    def describe(self) -> bool:
        """Write its manifest, or write it anew; false while the disk refuses."""
        assert self.manifest is not None
        try:
            write_manifest(self.path, self.manifest)
        except StorageError as error:
            _log.info("manifest.write_failed", path=str(self.path), error=str(error))
            return False
        self._is_described = True
        if self._is_announced:
            self.place.journal.remove()
        return True

    def settle(self, told: bool) -> None:
        """Everybody was told of the finished file. While it has no manifest its journal stays, for a recovery
        to write one; and when nobody was told, for a recovery to tell of it."""
        if not told:
            self.place.journal.close()
            return
        self._is_announced = True
        if self._is_described:
            self.place.journal.remove()
            return
        try:
            self.place.journal.append(ANNOUNCED)
        except StorageError:
            _log.info("journal.write_failed", path=str(self.place.journal.path))

    def _finalize_mp4(self, store: GrowingFile) -> tuple[int, ReelError | None]:
        """Fragmented to regular, in place (design decision 5): the size, and what went wrong. A file that
        resists stays fragmented, and plays as that; 0 is the size of one whose first fragment never reached
        the disk."""
        left = f"{store.final}: left as a fragmented MP4"
        try:
            return _native.finalize_mp4(str(store.growing))["bytes"], None
        except ValueError as error:
            boxes = cast("list[tuple[str, int, int]]", _native.scan_mp4(str(store.growing))["boxes"])
            has_media = any(kind == "moof" for kind, _, _ in boxes)
            return store.size if has_media else 0, MuxError(f"{left}: {error}")
        except OSError as error:
            return store.size, StorageError(f"{left}: {error.strerror or error}")

    def salvage(self, why: ReelError) -> Ended:
        """Keep what is written of a file that cannot be written on, as recovery after a crash would. May be
        tried again when there was a problem."""
        journal = self.place.journal
        self.place.store.abandon()
        if not self._is_cut_short:
            try:
                journal.append(note_line(f"cut short: {why}"))
                self._is_cut_short = True
            except StorageError:  # a disk that is full has no room for words either
                _log.info("journal.write_failed", path=str(journal.path))
        try:
            revived = revive(journal, recovered=False)
        except (ReelError, OSError) as error:
            _log.info("file.salvage_failed", path=str(self.path), error=str(error))
            return Ended(None, StorageError(f"{self.path}: left unfinished: {error}"))
        if revived is None:
            return Ended(None)
        self.manifest, self._is_described = revived.manifest, revived.is_described
        return Ended(self.manifest)

    def _note_counts(self, stats: Stats) -> None:
        for count, what in (
            (stats.refused, "packets are left out: FFmpeg cannot read them"),
            (stats.adjusted, "packets are moved in time: the container's clock must rise"),
            (stats.late_segments, "segments are much longer than they should be: keyframes are rare"),
        ):
            if count:
                self.complaints.append(f"{count} {what}")

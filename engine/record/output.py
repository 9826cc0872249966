"""One format of a recording: its open files and the muxers that fill them. Runs on a writer thread."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Literal, cast

import structlog

from engine import _native
from engine.errors import MuxError, ReelError, StorageError, UnsupportedCodec
from engine.media.batch import Kind
from engine.media.codecs import Format, refusal
from engine.media.limits import OPENING_BYTES
from engine.mux import Muxer, MuxOptions, RestartableMuxer, Stats, open_muxer
from engine.segment import Begin, Cause, Media
from engine.store import GrowingFile, SegmentFolder

_log = structlog.get_logger()

_ENDING = {
    Format.FLV: ".flv",
    Format.HLS: ".m3u8",
    Format.MP4: ".mp4",
    Format.AAC: ".aac",
    Format.MP3: ".mp3",
}
Store = GrowingFile | SegmentFolder


def path_of(base: Path, format: Format) -> Path:
    """The path of a format's file of this base name."""
    return base.with_name(base.name + _ENDING[format])


def create(base: Path, format: Format) -> Store:
    """A new file of this base name.

    Raises:
        NameTaken: there is one.
        StorageError: the disk refuses.
    """
    path = path_of(base, format)
    return SegmentFolder(path) if format is Format.HLS else GrowingFile(path)


_GOES_ON = (Cause.TRACKS, Cause.JUMP)  # what HLS continues after EXT-X-DISCONTINUITY (C3)


@dataclass(frozen=True, slots=True)
class Settings:
    """What every file of a recording is written with."""

    timestamps: Literal["original", "zero"]
    flv_signalling: Literal["source", "enhanced", "legacy"]
    hls_segment: Literal["ts", "fmp4", "auto"]
    hls_time_s: float
    expected_duration_s: float | None


@dataclass(frozen=True, slots=True)
class OutputReport:
    """What a writer thread tells its recording."""

    what: Literal["opened", "closed", "finished", "failed", "warning"]
    format: Format
    path: Path
    stats: Stats | None = None
    started_at: datetime | None = None
    size_bytes: int = 0
    error: ReelError | None = None
    message: str = ""


@dataclass(slots=True)
class _OpenFile:
    store: Store
    muxer: Muxer
    started_at: datetime


@dataclass(slots=True)
class _Waiting:
    """A section that goes on in the open file once the section before it, which overlaps it, has ended: its
    media stands behind the discontinuity, none of the other's does."""

    begin: Begin
    media: list[Media] = field(default_factory=list)
    held_bytes: int = 0


class Output:
    """One format. Sections that a change or a jump begins go on in the same HLS file, and in a new file of
    every other format."""

    def __init__(self, format: Format, settings: Settings, report: Callable[[OutputReport], None]) -> None:
        self.format = format
        self._settings = settings
        self._report = report
        self._files: dict[int, _OpenFile] = {}  # section -> the file it is written to
        self._waiting: _Waiting | None = None

    def check(self, begin: Begin) -> None:
        """Ask the matrix, before a byte is written.

        Raises:
            UnsupportedCodec: this format cannot hold the section's tracks.
        """
        reason = refusal([track.codec for track in begin.tracks], self.format)
        if reason is not None:
            raise UnsupportedCodec(reason)

    def needs_file(self, begin: Begin) -> bool:
        """Whether a section starts a new file."""
        return not (self.format is Format.HLS and begin.cause in _GOES_ON and self._files)

    def go_on(self, begin: Begin) -> None:
        """A section goes on in the file that is open, after a discontinuity."""
        self._stop_waiting()
        self._files[begin.section] = self._files[max(self._files)]
        self._waiting = _Waiting(begin)

    def _stop_waiting(self) -> None:
        """Write the discontinuity and what stands behind it. The wall clock goes on with the media."""
        waiting, self._waiting = self._waiting, None
        if waiting is None:
            return
        file = self._files[waiting.begin.section]
        cast("RestartableMuxer", file.muxer).restart(waiting.begin.tracks)
        for media in waiting.media:
            file.muxer.write(media.batch)

    def begin(self, begin: Begin, store: Store, at: datetime) -> None:
        """A section begins in a new file."""
        tracks = [track for track in begin.tracks if not (self.format.audio_only and track.is_video)]
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
            muxer = open_muxer(self.format, tracks, store, options)
        except BaseException:
            store.discard()
            raise
        self._files[begin.section] = _OpenFile(store, muxer, at)
        self._report(OutputReport("opened", self.format, store.final))

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
        if self.format.audio_only:
            batch = batch.rows(batch.tags["kind"] == int(Kind.AUDIO))
        if len(batch):
            file.muxer.write(batch)

    def end(self, section: int) -> None:
        """Nothing more comes for a section: its file is finished unless another section goes on in it."""
        file = self._files.pop(section, None)
        if file is None:
            return
        if file not in self._files.values():
            self._finish(file)
        elif self._waiting is not None and set(self._files) == {self._waiting.begin.section}:
            self._stop_waiting()

    def close(self) -> None:
        """Finish whatever is open."""
        for section in tuple(self._files):
            self.end(section)

    def fail(self, error: ReelError) -> None:
        """This output ends with an error; what is written is finished where the disk still allows it."""
        files = {id(file): file for file in self._files.values()}
        self._files.clear()
        self._waiting = None
        for file in files.values():
            try:
                self._finish(file)
            except ReelError as second:  # the first error is the one to report
                _log.info("output.unfinished", path=str(file.store.final), error=str(second))
            except Exception:
                _log.exception("output.defect", path=str(file.store.final))
        self._report(OutputReport("failed", self.format, Path(), error=error))

    def _finish(self, file: _OpenFile) -> None:
        """Make what is written final, also when the muxer cannot write its last bytes."""
        try:
            file.muxer.close()
        finally:
            self._keep(file)

    def _keep(self, file: _OpenFile) -> None:
        stats, store = file.muxer.stats, file.store
        if not (stats.video_packets or stats.audio_packets):
            store.discard()
            return
        size_bytes, problem = store.size, None
        if self.format is Format.MP4 and isinstance(store, GrowingFile):
            size_bytes, problem = self._finalize_mp4(store)
        if not size_bytes:
            store.discard()
            return
        try:
            store.finish()
        except ReelError as error:
            store.abandon()
            self._warn(store, f"left unfinished: {error}")
            raise
        for count, what in (
            (stats.refused, "packets are left out: FFmpeg cannot read them"),
            (stats.adjusted, "packets are moved in time: the container's clock must rise"),
            (stats.late_segments, "segments are much longer than they should be: keyframes are rare"),
        ):
            if count:
                self._warn(store, f"{count} {what}")
        self._report(OutputReport("closed", self.format, store.final))
        self._report(OutputReport("finished", self.format, store.final, stats, file.started_at, size_bytes))
        if problem is not None:
            raise problem

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

    def _warn(self, store: Store, message: str) -> None:
        path = store.final
        self._report(OutputReport("warning", self.format, path, message=f"{path}: {message}"))


def _metadata(body: bytes) -> dict[str, _native.AmfValue]:
    """The source's onMetaData object; empty when there is none or it cannot be read."""
    with suppress(ValueError):
        values = _native.amf0_decode(body)
        if len(values) >= 2 and isinstance(values[1], dict):
            return values[1]
    return {}

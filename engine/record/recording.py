"""One recording: a stream pulled through every stage into files, through any number of pushes."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal, Protocol
from uuid import uuid4

import structlog

from engine.errors import (
    AccessDenied,
    InternalError,
    NotFlv,
    ProtocolError,
    ReelError,
    SourceError,
    Stalled,
    StorageError,
    UnsupportedCodec,
)
from engine.ingest import ReadBuffer, Source, SourceOptions, open_source, stream_name
from engine.ingest.source import masked
from engine.ingest.tick import Backoff
from engine.media import events
from engine.media.batch import Batch
from engine.media.limits import QUEUED_BYTES
from engine.record.ledger import Ledger
from engine.record.limit import MediaLimit
from engine.record.output import OutputReport, Settings
from engine.record.outputs import Outputs, Stamped
from engine.record.spec import RecordSpec
from engine.record.state import TRANSITIONS, State
from engine.segment import Begin, Cause, Media, Note, Operation, Segmenter
from engine.store import NameTemplate, StreamName
from engine.timeline import Timeline

_log = structlog.get_logger()

_WALL_GRACE_S = 2.0  # a live stream reaches its media time a little after the wall clock does
_PERMANENT = (AccessDenied, NotFlv)  # waiting does not mend these


class Lane(Protocol):
    """A recording's place on a writer thread: work is done in the order it is put."""

    @property
    def pending_bytes(self) -> int:
        """Bytes put and not yet written."""

    def put(self, work: Callable[[], None], size_bytes: int = 0) -> None:
        """Have `work` done on the writer thread."""

    async def drain(self) -> None:
        """Wait until everything put so far is done."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a recording ended; `error` is None when it did what it was asked."""

    error: ReelError | None
    files: int

    @property
    def exit_code(self) -> int:
        """What `reel record` exits with for it."""
        return 0 if self.error is None else self.error.exit_code


@dataclass(slots=True)
class Status:
    """A recording at a glance."""

    state: State = State.CONNECTING
    recorded_ms: int = 0
    media_bytes: int = 0
    packets: int = 0
    files: int = 0
    gaps: int = 0


class Recording:
    """Records one stream as a `RecordSpec` says. `run` is called once; `stop` may be called at any time."""

    def __init__(
        self,
        spec: RecordSpec,
        url: str,
        *,
        buffer: ReadBuffer,
        lane: Lane,
        emit: Callable[[events.Event], None],
        id: str | None = None,
    ) -> None:
        self.id = id or uuid4().hex[:12]
        self.url = url
        self.name = stream_name(url)
        self.status = Status()
        self.ledger = Ledger()
        self._spec = spec
        self._buffer = buffer
        self._lane = lane
        self._emit = emit
        self._options = SourceOptions(headers=spec.headers, insecure=spec.insecure)
        self._backoff = Backoff(self._options.random)
        self._limit = MediaLimit(None if spec.duration is None else round(spec.duration * 1000))
        self._loop = asyncio.get_running_loop()
        self._stopping = asyncio.Event()
        self._next_section = 0
        self._attempt = 0
        self._live_since_s: float | None = None
        expected_s = min(filter(None, (spec.interval, spec.duration)), default=None)
        self._outputs = Outputs(
            spec.format,
            spec.output,
            NameTemplate(spec.name),
            StreamName(*self.name),
            Settings(spec.timestamps, spec.flv_signalling, spec.hls_segment, spec.hls_time, expected_s),
            self._report,
        )
        open_source(url, self._options, buffer)  # a wrong URL is a usage error now, not a failure later

    def stop(self) -> None:
        """End the recording: every file is finalized."""
        self._stopping.set()

    async def run(self) -> Outcome:
        """Record until the duration, the stream's end or `stop`. Files are final when it returns."""
        self._open_gap("not_live")
        try:
            error = await self._record()
        except Exception as defect:  # of ours: it must not cost the files
            _log.exception("recording.defect", recording=self.id)
            error = InternalError.of(defect)
        self._enter(State.ENDING)
        self._lane.put(self._outputs.flush)
        await self._lane.drain()
        self._close_gap()
        error = self._verdict(error)
        self._enter(State.ENDED)
        self._announce(error)
        return Outcome(error, self.status.files)

    # Pushes

    async def _record(self) -> ReelError | None:
        """Pushes one after the other; what the last one ended with."""
        deadline_s = self._loop.time() + self._spec.reconnect
        while True:
            source = open_source(self._url_once(), self._options, self._buffer)
            was_live, error = await self._push(source)
            if was_live:
                deadline_s = self._loop.time() + self._spec.reconnect
                self._backoff.reset()
            if not self._may_return(source, error):
                return error
            self._enter(State.WAITING)
            if was_live:
                self._open_gap("stalled" if isinstance(error, Stalled) else "interrupted")
                if error is not None:
                    self._warn(error.code, str(error))
            now_s = self._loop.time()
            wait_s = min(self._backoff.next_s(), deadline_s - now_s)  # the last try is at the deadline
            if wait_s <= 0 or now_s + wait_s >= self._window_end_s():
                return error
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), wait_s)
            if self._stopping.is_set():
                return error
            self._enter(State.CONNECTING)

    def _url_once(self) -> str:
        self._attempt += 1
        self._emit(
            events.Connecting(at=_now(), recording=self.id, url=masked(self.url), attempt=self._attempt)
        )
        return self.url

    def _may_return(self, source: Source, error: ReelError | None) -> bool:
        if self._is_over() or not source.is_live or self._spec.reconnect == 0:
            return False
        return not (isinstance(error, _PERMANENT) and self._live_since_s is None)

    def _window_end_s(self) -> float:
        """When the duration is over, on the wall clock: it runs from the first cut point on."""
        if self._spec.duration is None or self._live_since_s is None:
            return math.inf
        return self._live_since_s + self._spec.duration

    async def _push(self, source: Source) -> tuple[bool, ReelError | None]:
        """One connection, from dialling to its end: whether it was live, and what ended it."""
        segmenter = Segmenter(
            interval_ms=None if self._spec.interval is None else round(self._spec.interval * 1000),
            audio_only=self._spec.type == "audio",
            first_section=self._next_section,
        )
        error: ReelError | None = None
        try:
            if await self._unless_stopped(source.open()):
                self._enter(State.OPENING)
                await self._read(source, segmenter)
        except (SourceError, ProtocolError) as caught:
            error = caught
        finally:
            source.close()
        self._hand_over(segmenter.finish())
        self._next_section = segmenter.next_section
        was_live = segmenter.started
        if not was_live and error is None and not self._stopping.is_set():
            reason = segmenter.why_not_started()
            error = type(reason)(f"{masked(self.url)}: {reason}")
        return was_live, error

    async def _read(self, source: Source, segmenter: Segmenter) -> None:
        timeline = Timeline()
        while not self._is_over():
            batch = await source.read()
            if batch is None:
                return
            if len(batch):
                self._take(batch, timeline, segmenter)
            if self._lane.pending_bytes > QUEUED_BYTES:
                await self._lane.drain()  # the disk is slow: TCP holds the origin

    async def _unless_stopped(self, work: Coroutine[Any, Any, None]) -> bool:
        """Run `work` to its end, or until `stop`; false when stopped."""
        task = asyncio.ensure_future(work)
        stopped = asyncio.ensure_future(self._stopping.wait())
        try:
            await asyncio.wait({task, stopped}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            stopped.cancel()
            if not task.done():
                task.cancel()
        with suppress(asyncio.CancelledError):
            await task
            return True
        return False

    def _is_over(self) -> bool:
        if self._stopping.is_set() or self._limit.reached or self._outputs.all_failed:
            return True
        return self._loop.time() > self._window_end_s() + _WALL_GRACE_S

    # Media

    def _take(self, batch: Batch, timeline: Timeline, segmenter: Segmenter) -> None:
        for repair in timeline.place(batch):
            self._warn(repair.what.value, str(repair))
        self._hand_over(segmenter.feed(batch))

    def _hand_over(self, operations: Sequence[Operation]) -> None:
        """Give operations to the writer thread, counting what passes."""
        now = _now()
        stamped: list[Stamped] = []
        size_bytes = 0
        for operation in self._limit.pass_through(operations):
            if isinstance(operation, Note):
                self._warn(operation.code, operation.message)
                continue
            if isinstance(operation, Begin):
                self._note_begin(operation)
            elif isinstance(operation, Media):
                size_bytes += operation.batch.size_bytes
                self.status.packets += len(operation.batch)
            stamped.append(Stamped(operation, now))
        self.status.media_bytes += size_bytes
        self.status.recorded_ms = self._limit.recorded_ms
        if stamped:
            self._lane.put(lambda: self._outputs.apply(stamped), size_bytes)

    def _note_begin(self, begin: Begin) -> None:
        tracks = [events.TrackInfo.of(track) for track in begin.tracks]
        if begin.cause is Cause.FIRST:
            self._enter(State.LIVE)
            if self._live_since_s is None:
                self._live_since_s = self._loop.time()
            self._close_gap()
            self._emit(events.Live(at=_now(), recording=self.id, tracks=tracks, first_dts_ms=begin.dts_ms))
        elif begin.cause is Cause.TRACKS:
            self._emit(events.CodecChanged(at=_now(), recording=self.id, tracks=tracks))

    # What writer threads say

    def _report(self, report: OutputReport) -> None:
        """Called on a writer thread."""
        self._loop.call_soon_threadsafe(self._on_report, report)

    def _on_report(self, report: OutputReport) -> None:
        at, path = _now(), str(report.path)
        if report.what == "opened":
            self._emit(events.SegmentOpened(at=at, recording=self.id, format=report.format, path=path))
        elif report.what == "closed":
            self._emit(events.SegmentClosed(at=at, recording=self.id, format=report.format, path=path))
        elif report.what == "finished":
            self._on_finished(report)
        elif report.what == "warning":
            self._warn("mux", report.message, report)
        elif report.error is not None:
            self._warn(report.error.code, str(report.error), report)

    def _on_finished(self, report: OutputReport) -> None:
        stats = report.stats
        assert stats is not None
        assert report.started_at is not None
        self.status.files += 1
        self._emit(
            events.FileFinished(
                at=_now(),
                recording=self.id,
                format=report.format,
                path=str(report.path),
                size_bytes=report.size_bytes,
                duration_ms=stats.duration_ms,
                video_packets=stats.video_packets,
                audio_packets=stats.audio_packets,
                first_dts_ms=stats.first_dts_ms or 0,
                last_dts_ms=stats.last_dts_ms or 0,
                started_at=report.started_at,
            )
        )

    # The end

    def _verdict(self, error: ReelError | None) -> ReelError | None:
        """What the recording failed with, if it failed."""
        failures = self._outputs.failures.values()
        lost = [failure for failure in failures if not isinstance(failure, UnsupportedCodec)]
        lost.sort(key=lambda failure: not isinstance(failure, StorageError))
        if lost:
            return lost[0]
        if self._outputs.all_failed:
            return UnsupportedCodec("; ".join(str(failure) for failure in failures))
        if self._stopping.is_set() or self._limit.reached:
            return None
        was_live = self._live_since_s is not None
        return None if was_live and not isinstance(error, ProtocolError | InternalError) else error

    def _announce(self, error: ReelError | None) -> None:
        at, files, gaps = _now(), self.status.files, self.status.gaps
        if error is not None:
            self._emit(
                events.Failed(
                    at=at,
                    recording=self.id,
                    code=error.code,
                    message=str(error),
                    exit_code=error.exit_code,
                    files=files,
                )
            )
            return
        reason: Literal["stopped", "duration", "stream_ended"] = "stream_ended"
        if self._stopping.is_set():
            reason = "stopped"
        elif self._is_over():
            reason = "duration"
        self._emit(events.Finished(at=at, recording=self.id, reason=reason, files=files, gaps=gaps))

    # Gaps, states, warnings

    def _open_gap(self, reason: events.GapReason) -> None:
        start = _now()
        self.ledger.open(reason, start)
        self._emit(events.GapOpened(at=start, recording=self.id, reason=reason, start=start))

    def _close_gap(self) -> None:
        gap = self.ledger.close(_now())
        if gap is not None:
            self.status.gaps = len(self.ledger.gaps)
            self._emit(
                events.GapClosed(
                    at=gap.end, recording=self.id, reason=gap.reason, start=gap.start, end=gap.end
                )
            )

    def _enter(self, state: State) -> None:
        assert state in TRANSITIONS[self.status.state], f"{self.status.state} -> {state}"
        self.status.state = state

    def _warn(self, code: str, message: str, report: OutputReport | None = None) -> None:
        format = None if report is None else report.format
        self._emit(events.Warned(at=_now(), recording=self.id, code=code, message=message, format=format))


def _now() -> datetime:
    return datetime.now(UTC)

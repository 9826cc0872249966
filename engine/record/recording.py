"""One recording: a stream pulled through every stage into files, through any number of pushes."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Coroutine, Iterable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import uuid4

import structlog

from engine.clock import SteadyClock
from engine.errors import (
    AccessDenied,
    NotAStream,
    NotFlv,
    ProtocolError,
    ReelError,
    SourceError,
    Stalled,
    no_stream,
    unexpected,
)
from engine.ingest import Slot, Source, open_source, stream_name
from engine.ingest.tick import Backoff
from engine.masking import masked
from engine.media import events
from engine.media.limits import FINISH_S, HEARTBEAT_S, HOLE_MS, JOIN_WAIT_S
from engine.record.announcer import Announcer, Emit
from engine.record.chronicle import Chronicle
from engine.record.intake import Intake, Taken, notes_of
from engine.record.lane import Lane
from engine.record.limit import MediaLimit
from engine.record.outcome import Outcome, choose_error
from engine.record.output import OutputReport
from engine.record.output_file import Identity, Settings
from engine.record.outputs import Handed, Outputs
from engine.record.past import Past
from engine.record.spec import RecordSpec
from engine.record.state import State, Status
from engine.segment import Begin, Cause, Media
from engine.store import Space, StreamName

_log = structlog.get_logger()

_WALL_GRACE_S = 2.0  # a live stream reaches its media time a little after the wall clock does
_PERMANENT = (AccessDenied, NotAStream, NotFlv)  # waiting does not mend these
_HOLE = timedelta(milliseconds=HOLE_MS)


class Recording:
    """Records one stream as a `RecordSpec` says. `run` is called once; what tells it to end or to pause may
    be called at any time.

    Args:
        past: What an earlier process recorded under the same id, and what is left for a later one.
    """

    def __init__(
        self,
        spec: RecordSpec,
        url: str,
        *,
        lane: Lane,
        emit: Emit,
        past: tuple[Chronicle, Past] | None = None,
    ) -> None:
        self.id = spec.id or uuid4().hex[:12]
        self.url = url
        self.name = stream_name(url)
        self.status = Status()
        self._spec = spec
        self._lane = lane
        self._options = spec.source_options()
        self._backoff = Backoff(self._options.random)
        self._loop = asyncio.get_running_loop()
        self._now = SteadyClock().now
        self._stopping = asyncio.Event()
        self._halting = asyncio.Event()  # set while it is to have no connection: stopping, or paused
        self._called = asyncio.Event()  # set by whoever wants a wait for the stream to be over
        self._going_on = asyncio.Event()  # set while it is not paused
        self._going_on.set()
        self._finishing = False  # the connection is the last one
        self._leaving = False  # the window does not end with the process
        self._attempt = 0
        self._live_since_s: float | None = None
        self._interrupted_s = -math.inf  # when the last push broke off or ended
        self._tracks: list[events.TrackInfo] = []  # of the newest section
        self._broke_off = False  # the last connection did not end by the origin's word
        self._held_back = False  # reading waited for the disk, and has not caught up since
        self._ran_out = False  # the duration was over while there was no stream
        self._timers: list[asyncio.TimerHandle] = []
        self._chronicle: Chronicle | None
        self._chronicle, before = past or (None, Past.none(self._now()))
        self._left_s = math.inf if spec.duration is None else spec.duration - before.recorded_ms / 1000
        self._limit = MediaLimit(
            None if spec.duration is None else round(spec.duration * 1000), used_ms=before.recorded_ms
        )
        self._intake = Intake(
            before.until,
            self._limit,
            rule=spec.cut_rule,
            audio_only=spec.type == "audio",
            jump=spec.jump,
            splices=spec.splice > 0,
        )
        self._announcer = Announcer(
            self.id, self.status, before.ledger(), emit, lane.put, self._now, self._chronicle
        )
        self._outputs = Outputs(
            {format: before.ledger_of(format) for format in spec.format},
            spec.output,
            spec.name_template,
            StreamName(*self.name),
            Identity(self.id, masked(url), "/".join(self.name)),
            Settings(
                timestamps=spec.timestamps,
                flv_signalling=spec.flv_signalling,
                hls_segment=spec.hls_segment,
                hls_time_s=spec.hls_time,
                expected_duration_s=min(filter(None, (spec.interval, spec.duration)), default=None),
                splice_s=spec.splice,
                splice_all=spec.splice_all,
                sync_s=spec.sync,
            ),
            Space(spec.output, None if spec.min_free is None else int(spec.min_free * (1 << 20))),
            self._report,
        )
        open_source(url, self._options)  # a wrong URL is a usage error now, not a failure later

    # Orders

    def stop(self) -> None:
        """End the recording: every file is finalized."""
        self._stopping.set()
        self._halting.set()
        self._called.set()
        self._going_on.set()

    def leave(self) -> None:
        """End this process's part of the recording: every file is finalized, and another process may go on
        under its id, so nobody is told that it finished. One that is ending ends."""
        self._leaving = not (self._finishing or self._stopping.is_set())
        self.stop()

    def finish(self) -> None:
        """The push is over: record what its connection still holds, then end as `stop` does."""
        self._finishing = True
        if self._is_paused or self.status.state not in (State.OPENING, State.LIVE):
            self.stop()
        else:
            self._loop.call_later(FINISH_S, self.stop)

    def pause(self) -> None:
        """Let go of the stream until `resume`. Files wait for the splice time, as at an interruption."""
        if self._is_paused or self._stopping.is_set():
            return
        self._going_on.clear()
        self._halting.set()
        self._called.set()
        if self.status.state is not State.LIVE:
            self._mark("paused", self._now())

    def resume(self) -> None:
        """Record again; or, while the stream is waited for, look for it now: it is back."""
        self._going_on.set()
        self._called.set()
        if not self._stopping.is_set():
            self._halting.clear()

    @property
    def queued_bytes(self) -> int:
        """Media that waits for the disk."""
        return self._lane.queued_bytes

    @property
    def _is_paused(self) -> bool:
        return not self._going_on.is_set()

    async def run(self, slot: Slot | None = None) -> Outcome:
        """Record until the duration, the stream's end or `stop`. Files are final when it returns.

        `slot` is when it wakes, with others of its process.
        """
        if slot is not None:
            self._options = replace(self._options, slot=slot)
        self._announcer.begin()
        heart = self._loop.create_task(self._beat()) if self._chronicle else None
        try:
            error = await self._record()
        except Exception as defect:  # of ours: it must not cost the files
            _log.exception("recording.crashed", recording=self.id)
            error = unexpected(defect)
        end = self._window_end()
        self._enter(State.ENDING)
        if heart is not None:
            heart.cancel()
        self._stop_waiting()
        self._close_sections()
        self._lane.put(partial(self._outputs.flush, end))
        await self._lane.drain()
        self._announcer.end(end)
        await self._announcer.settled()
        self._lane.put(self._outputs.release)
        await self._lane.drain()
        if self._chronicle is not None and self._leaving:
            self._chronicle.leave()
        elif self._chronicle is not None:
            self._chronicle.end()
        error = choose_error(
            error,
            self._outputs.failures,
            self._outputs.all_failed,
            ended=self._stopping.is_set() or self._limit.reached or self._ran_out,
            was_live=self._live_since_s is not None,
        )
        self._enter(State.ENDED)
        if self._leaving:
            return Outcome(error, self.status.files)
        if error is not None:
            self._announcer.failed(error)
        elif self._stopping.is_set():
            self._announcer.finished("stopped")
        else:
            self._announcer.finished("duration" if self._is_over() else "stream_ended")
        return Outcome(error, self.status.files)

    # Pushes

    async def _record(self) -> ReelError | None:
        """Connections one after the other; what the last one ended with."""
        patience_s = max(self._spec.reconnect, self._spec.splice)
        deadline_s = self._loop.time() + patience_s
        error: ReelError | None = None
        while True:
            if self._is_paused:
                await self._sit_out_pause()
                if self._is_over():
                    return error
                deadline_s = self._loop.time() + patience_s
                self._backoff.reset()
                self._enter(State.CONNECTING)
            if not self._stopping.is_set():
                self._called.clear()  # what is called for from here on comes before the next wait
            source = open_source(self.url, self._options)
            was_live, error = await self._connect(source)
            if was_live:
                deadline_s = self._loop.time() + patience_s
                self._backoff.reset()
            if not self._may_return(source, error, patience_s):
                return error
            self._enter(State.WAITING)
            self.status.reason = "the stream ended" if error is None else str(error)
            if was_live:
                self._interrupted(error)
            if self._is_paused:
                continue
            if self._announcer.ledger.reason == "paused":
                self._mark("not_live" if self._live_since_s is None else "interrupted", self._now())
            now_s = self._loop.time()
            wait_s = min(self._backoff.next_s(), deadline_s - now_s)  # the last try is at the deadline
            if wait_s <= 0:
                return error
            self._announcer.waiting(wait_s, deadline_s - now_s)
            if await self._wait(self._called, wait_s):
                self._backoff.reset()
            if self._is_over():
                return error
            if not self._is_paused:
                self._enter(State.CONNECTING)

    async def _sit_out_pause(self) -> None:
        if self.status.state is not State.WAITING:
            self._enter(State.WAITING)
        await self._wait(self._going_on, math.inf)

    async def _wait(self, wanted: asyncio.Event, wait_s: float) -> bool:
        """Wait for something, while the duration is not over: whether it came."""
        left_s = self._window_end_s() - self._loop.time()
        longest_s = min(wait_s, left_s)
        try:
            await asyncio.wait_for(wanted.wait(), None if math.isinf(longest_s) else longest_s)
        except TimeoutError:
            self._ran_out = wait_s >= left_s
            return False
        return True

    def _may_return(self, source: Source, error: ReelError | None, patience_s: float) -> bool:
        if self._is_over() or not source.is_live:
            return False
        if self._is_paused:
            return True
        if patience_s == 0:
            return False
        return not (isinstance(error, _PERMANENT) and self._live_since_s is None)

    def _window_end_s(self) -> float:
        """When the duration is over, on the wall clock: it runs from the first cut point on."""
        return math.inf if self._live_since_s is None else self._live_since_s + self._left_s

    async def _connect(self, source: Source) -> tuple[bool, ReelError | None]:
        """One connection, from dialling to its end: whether it was live, and what ended it."""
        self._attempt += 1
        self._announcer.connecting(masked(self.url), self._attempt)
        error: ReelError | None = None
        was_open = False
        try:
            if await self._unless_halted(source.open()):
                was_open = True
                self._enter(State.OPENING)
                made_since = None if source.is_live else self._now()  # a file is played from now on
                self._intake.connect(may_repeat=self._broke_off, made_since=made_since)
                # A task of its own: at each wake the whole chain of callers would be entered down to it.
                await self._loop.create_task(self._read(source))
        except (SourceError, ProtocolError) as caught:
            error = caught
        finally:
            source.close()
        if self._finishing:
            self.stop()
        was_live = False
        if was_open:
            was_live, error = self._disconnected(source, error)
        if error is not None and self._live_since_s is None:
            error = no_stream(error)
        return was_live, error

    def _disconnected(self, source: Source, error: ReelError | None) -> tuple[bool, ReelError | None]:
        self._broke_off = not (source.ended or self._is_over())
        if self._broke_off and not self._is_paused:
            self._hand_over(self._intake.break_off(self._now()))
        else:
            self._hand_over(self._intake.finish(self._now()))
        was_live = self._intake.was_live
        if not was_live and error is None and not self._halting.is_set():
            reason = self._intake.why_not_started()
            error = type(reason)(f"{masked(self.url)}: {reason}")
        return was_live, error

    async def _read(self, source: Source) -> None:
        while not (self._is_over() or self._is_paused):
            batch = await source.read()
            if batch is None:
                return
            if len(batch):
                self._hand_over(self._intake.feed(batch, self._now()))
            del batch  # not to be kept through the next sleep: it is the largest thing a recording has
            if self._lane.is_full:
                self._held_back = True
                self._mark("storage")  # if the origin does not wait for us, it is the disk's fault
                await self._lane.drain()  # TCP holds the origin
            elif self._held_back and self._now() - self._announcer.ledger.until < _HOLE:
                self._held_back = False  # what came while nobody read is read

    async def _unless_halted(self, work: Coroutine[Any, Any, None]) -> bool:
        """Do `work` unless `stop` or `pause` comes first; true when it was done."""
        task = asyncio.ensure_future(work)
        stopped = asyncio.ensure_future(self._halting.wait())
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
        if self._stopping.is_set() or self._limit.reached or self._ran_out or self._outputs.all_failed:
            return True
        return self._left_s < math.inf and self._loop.time() > self._window_end_s() + _WALL_GRACE_S

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(HEARTBEAT_S)
            self._announcer.heartbeat()

    # Interruptions

    def _interrupted(self, error: ReelError | None) -> None:
        """The stream broke off, or ended: its files wait a little for a connection that goes on in them, and
        an HLS file for a push to splice."""
        self._stop_waiting()
        self._interrupted_s = self._loop.time()
        if not self._is_paused:
            self._announcer.interrupted()
        if error is not None:
            self._announcer.warn(error.code, str(error))
        reason: events.GapReason = "stalled" if isinstance(error, Stalled) else "interrupted"
        if self._is_paused:
            reason = "paused"
        self._mark("storage" if self._held_back else reason)
        self._announcer.missing()
        self._held_back = False
        if self._broke_off:
            self._timers.append(self._loop.call_later(JOIN_WAIT_S, self._close_sections))
        if self._spec.splice:
            self._timers.append(self._loop.call_later(self._spec.splice, self._expire))

    def _mark(self, reason: events.GapReason, at: datetime | None = None) -> None:
        """What is not recorded from a moment on, or from now on, is missing for this reason."""
        self._announcer.mark(reason, at)
        self._lane.put(partial(self._outputs.mark, reason, at))

    def _close_sections(self) -> None:
        """Nothing goes on where the last connection broke off."""
        if self._intake.is_broken_off:
            self._hand_over(self._intake.close_sections())
            self._expire_if_due()

    def _expire(self) -> None:
        self._intake.close_files()
        self._lane.put(self._outputs.expire)

    def _expire_if_due(self) -> None:
        if self._spec.splice and self._loop.time() >= self._interrupted_s + self._spec.splice:
            self._expire()

    def _stop_waiting(self) -> None:
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()

    def _resumed(self) -> None:
        """Media flows: in new files, or in those that waited for it."""
        if self._timers:
            self._stop_waiting()
        if self.status.state is State.OPENING:
            self.status.reason = ""
            self._enter(State.LIVE)

    # Media

    def _hand_over(self, all_taken: Iterable[Taken]) -> None:
        for taken in all_taken:
            self._hand_over_one(taken)

    def _hand_over_one(self, taken: Taken) -> None:
        """Give operations to the writer thread, counting what passes."""
        notes = notes_of(taken)
        for note in notes:
            self._announcer.warn(note.code, note.message)
        if taken.spans:
            self._resumed()
        self._announcer.recorded(taken.spans)
        size_bytes = 0
        for operation in taken.operations:
            if isinstance(operation, Begin):
                self._note_begin(operation)
            elif isinstance(operation, Media):
                size_bytes += operation.batch.size_bytes
                self.status.packets += len(operation.batch)
        self.status.media_bytes += size_bytes
        self.status.recorded_ms = self._limit.recorded_ms
        if size_bytes:
            self.status.last_frame_s = self._loop.time()
        if taken.operations or taken.spans:
            messages = [note.message for note in notes] if notes else ()
            handed = Handed(taken.operations, taken.spans, taken.wall, messages)
            self._lane.put(partial(self._outputs.apply, handed), size_bytes)
        if taken.ends_broken:
            self._expire_if_due()

    def _note_begin(self, begin: Begin) -> None:
        tracks = [events.TrackInfo.of(track) for track in begin.tracks]
        if begin.cause is Cause.FIRST:
            if self._live_since_s is None:
                self._live_since_s = self._loop.time()
            self._announcer.live(tracks, begin.dts_ms)
        elif begin.cause is Cause.TRACKS or (begin.cause is Cause.JUMP and tracks != self._tracks):
            self._announcer.codec_changed(tracks)
        self._tracks = tracks

    def _window_end(self) -> datetime:
        """Where the window ends: with the media, when that goes on to the end."""
        now, until = self._now(), self._announcer.ledger.until
        goes_on = self.status.state is State.LIVE or self._limit.reached
        return until if goes_on and now - until <= _HOLE else max(now, until)

    def _report(self, report: OutputReport) -> None:
        """Called on a writer thread."""
        if report.what == "opened" and self._chronicle is not None:
            self._chronicle.began(report.path)
        self._loop.call_soon_threadsafe(self._announcer.hear, report)

    def _enter(self, state: State) -> None:
        self.status.enter(state)

"""What a recording tells the world: its events, in order, and its own account of the window.

Reports come from writer threads through the event loop; everything here runs on the loop's thread.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Literal

from engine.errors import ReelError
from engine.media import events
from engine.media.manifest import Gap
from engine.record.chronicle import Chronicle
from engine.record.ledger import Ledger
from engine.record.output import OutputReport
from engine.record.state import Status
from engine.record.wall_clock import Span

Emit = Callable[[events.Event], Awaitable[bool] | None]
"""Hears events. It may say later whether somebody was told, which decides what becomes of the journal of a
file: it stays, for recovery to tell of the file, when nobody was."""


class Announcer:
    """The voice of one recording.

    Args:
        ledger: The account of the recording's window, whatever its formats.
        put: Has work done on the writer thread.
        now: The recording's clock.
        chronicle: What is left for a process after this one.
    """

    def __init__(
        self,
        recording: str,
        status: Status,
        ledger: Ledger,
        emit: Emit,
        put: Callable[[Callable[[], None]], None],
        now: Callable[[], datetime],
        chronicle: Chronicle | None,
    ) -> None:
        self.ledger = ledger
        self._id = recording
        self._status = status
        self._emit = emit
        self._put = put
        self._now = now
        self._chronicle = chronicle
        self._settling: list[asyncio.Future[None]] = []
        self._missing: Gap | None = None  # the gap that is open, as far as it was announced

    def _note(self, write: Callable[[Chronicle], None]) -> None:
        """Leave word for a process after this one."""
        if self._chronicle is not None:
            self._put(partial(write, self._chronicle))

    # The window

    def heartbeat(self) -> None:
        """The recording is alive."""
        self._note(lambda chronicle: chronicle.journal.touch())

    def begin(self) -> None:
        """The window begins, and nothing is recorded yet."""
        self.missing()

    def missing(self) -> None:
        """Nothing is recorded from now on, for the ledger's reason."""
        if self._missing is None:
            since = self.ledger.until
            self._missing = Gap(start=since, end=since, reason=self.ledger.reason)
            self._open(self._missing)
            self._note(partial(Chronicle.missing, reason=self.ledger.reason, at=since))

    def mark(self, reason: events.GapReason, at: datetime | None = None) -> None:
        """What is not recorded from a moment on (None: from now on) is missing for this reason."""
        self.ledger.mark(reason, at)
        if self._missing is not None and at is not None:
            self._note(partial(Chronicle.missing, reason=reason, at=at))

    def recorded(self, spans: Sequence[Span]) -> None:
        """Media of these spans is recorded."""
        for span in spans:
            gaps = self.ledger.record(span.start, span.end)
            if self._missing is not None:
                open_gap, self._missing = self._missing, None
                end = gaps[-1].end if gaps else open_gap.start
                self._note(Chronicle.live)
                self._close(open_gap.model_copy(update={"end": end}))
            else:
                for gap in gaps:
                    self._open(gap)
                    self._close(gap)
        self.ledger.forget()  # files keep their own account: this one stays small

    def end(self, end: datetime) -> None:
        """The window ends."""
        gaps = self.ledger.miss(end)
        if self._missing is not None:
            open_gap, self._missing = self._missing, None
            self._close(open_gap.model_copy(update={"end": max(end, open_gap.start)}), at_end=True)
        elif gaps:
            self._open(gaps[-1])
            self._close(gaps[-1], at_end=True)

    def _open(self, gap: Gap, report: OutputReport | None = None) -> None:
        format = None if report is None else report.format
        self._emit(
            events.GapOpened(
                at=self._now(), recording=self._id, reason=gap.reason, start=gap.start, format=format
            )
        )

    def _close(self, gap: Gap, report: OutputReport | None = None, *, at_end: bool = False) -> None:
        format = None if report is None else report.format
        if gap.end > gap.start:
            self._status.gaps += 1
        self._emit(
            events.GapClosed(
                at=self._now(),
                recording=self._id,
                reason=gap.reason,
                start=gap.start,
                end=gap.end,
                format=format,
                at_end=at_end,
            )
        )

    # The stream

    def connecting(self, url: str, attempt: int) -> None:
        """Emit that the origin is dialled, and why the connection before ended."""
        reason = self._status.reason or None
        self._emit(
            events.Connecting(at=self._now(), recording=self._id, url=url, attempt=attempt, reason=reason)
        )

    def interrupted(self) -> None:
        """Emit that a live stream broke off or ended."""
        self._emit(events.Interrupted(at=self._now(), recording=self._id, reason=self._status.reason))

    def waiting(self, next_try_s: float, patience_s: float) -> None:
        """Emit that the stream is waited for: seconds until the next try, and until the last one."""
        now = self._now()
        self._emit(
            events.Waiting(
                at=now,
                recording=self._id,
                reason=self._status.reason,
                next_try_at=now + timedelta(seconds=next_try_s),
                until=now + timedelta(seconds=patience_s),
            )
        )

    def live(self, tracks: list[events.TrackInfo], first_dts_ms: int) -> None:
        """A first cut point was reached."""
        self._emit(events.Live(at=self._now(), recording=self._id, tracks=tracks, first_dts_ms=first_dts_ms))

    def codec_changed(self, tracks: list[events.TrackInfo]) -> None:
        """Tracks changed, or one appeared."""
        self._emit(events.CodecChanged(at=self._now(), recording=self._id, tracks=tracks))

    def warn(self, code: str, message: str, report: OutputReport | None = None) -> None:
        """Something was repaired, left out, or failed without ending the recording."""
        format = None if report is None else report.format
        self._emit(
            events.Warned(at=self._now(), recording=self._id, code=code, message=message, format=format)
        )

    # Its files

    def hear(self, report: OutputReport) -> None:
        """What a writer thread says."""
        path = str(report.path)
        if report.what == "opened":
            self._emit(
                events.SegmentOpened(at=self._now(), recording=self._id, format=report.format, path=path)
            )
        elif report.what == "closed":
            self._emit(
                events.SegmentClosed(at=self._now(), recording=self._id, format=report.format, path=path)
            )
        elif report.what == "finished":
            self._finished(report)
        elif report.what == "warning":
            self.warn(report.error.code if report.error else "mux", report.message, report)
        elif report.what == "resumed":
            for gap in report.gaps:
                self._close(gap, report)
        elif report.error is not None:
            self.warn(report.error.code, str(report.error), report)
            for gap in report.gaps:
                self._open(gap, report)
                self._note(partial(Chronicle.missing, reason=gap.reason, at=gap.start, format=report.format))

    def _finished(self, report: OutputReport) -> None:
        assert report.manifest is not None
        assert report.settle is not None
        self._status.files += 1
        self._settling = [future for future in self._settling if not future.done()]
        told = self._emit(report.manifest.event(str(report.path), self._now()))
        loop = asyncio.get_running_loop()
        if told is None:
            # At once, and on a thread of its own: until it is done a crash would have the event sent again.
            self._settling.append(loop.run_in_executor(None, report.settle, True))
        else:
            self._settling.append(loop.create_task(_settle(told, report.settle)))

    async def settled(self) -> None:
        """Wait until the journals of all files that were told of are gone."""
        await asyncio.gather(*self._settling)

    # The end

    def failed(self, error: ReelError) -> None:
        """The recording ended without doing what it was asked."""
        self._emit(
            events.Failed(
                at=self._now(),
                recording=self._id,
                code=error.code,
                message=str(error),
                exit_code=error.exit_code,
                files=self._status.files,
            )
        )

    def finished(self, reason: Literal["stopped", "duration", "stream_ended"]) -> None:
        """The recording ended as it should."""
        self._emit(
            events.Finished(
                at=self._now(),
                recording=self._id,
                reason=reason,
                files=self._status.files,
                gaps=self._status.gaps,
            )
        )


async def _settle(told: Awaitable[bool], settle: Callable[[bool], None]) -> None:
    await asyncio.get_running_loop().run_in_executor(None, settle, await told)

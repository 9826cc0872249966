"""How `reel record` reports: JSON lines on stdout, or a line for each change of state on stderr."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from typing import Protocol, TextIO

from engine.cli.sentences import sentence
from engine.cli.standard_streams import discard
from engine.masking import masked
from engine.media import events
from engine.record import Recording


class Reporter(Protocol):
    """Hears every event, and may watch recordings while they run."""

    def event(self, event: events.Event) -> None:
        """An event, on the event loop's thread."""

    def watching(self, recordings: Sequence[Recording]) -> AbstractContextManager[None]:
        """A block during which recordings run."""


class Printer:
    """Prints lines, each at once. When nobody reads them any more, recording goes on without."""

    def __init__(self, out: TextIO) -> None:
        self._out: TextIO | None = out

    def line(self, text: str) -> None:
        """Print a line."""
        if self._out is None:
            return
        try:
            self._out.write(text + "\n")
            self._out.flush()
        except (OSError, ValueError):  # the latter: it is closed
            out, self._out = self._out, None
            discard(out)


class ErrorLines:
    """A line on stderr for each recording that fails, when it does, and no other."""

    def __init__(self) -> None:
        self._errors = Printer(sys.stderr)
        self._sentences = Sentences()

    def event(self, event: events.Event) -> None:
        """Print a failure."""
        if isinstance(event, events.Failed):
            self._errors.line(self._sentences.complaint(event))

    @contextmanager
    def watching(self, recordings: Sequence[Recording]) -> Iterator[None]:
        """Know the names of recordings."""
        self._sentences.know(recordings)
        yield


class JsonLines(ErrorLines):
    """Prints events on stdout, one JSON object a line, and `progress` of each recording now and then.

    Args:
        progress_s: 0: never.
    """

    def __init__(self, progress_s: float) -> None:
        super().__init__()
        self._printer = Printer(sys.stdout)
        self._progress_s = progress_s

    def event(self, event: events.Event) -> None:
        """Print the event."""
        self._printer.line(event.model_dump_json())
        super().event(event)

    @contextmanager
    def watching(self, recordings: Sequence[Recording]) -> Iterator[None]:
        """Print progress while the block runs."""
        self._sentences.know(recordings)
        if not self._progress_s:
            yield
            return
        watch = ProgressWatch(recordings, asyncio.get_running_loop().time)
        task = asyncio.create_task(self._print_progress(watch))
        try:
            yield
        finally:
            task.cancel()

    async def _print_progress(self, watch: ProgressWatch) -> None:
        while True:
            await asyncio.sleep(self._progress_s)
            for progress in watch.look(datetime.now(UTC)):
                self.event(progress)


class StateLines:
    """A line on stderr for each change of a recording's state, with its cause."""

    def __init__(self) -> None:
        self._printer = Printer(sys.stderr)
        self._sentences = Sentences()

    def event(self, event: events.Event) -> None:
        """Print an event that changes the state."""
        line = self._sentences.of(event)
        if line is not None:
            self._printer.line(line)

    @contextmanager
    def watching(self, recordings: Sequence[Recording]) -> Iterator[None]:
        """Know the names of recordings."""
        self._sentences.know(recordings)
        yield


class Sentences:
    """Events as lines, each cause once."""

    def __init__(self) -> None:
        self._urls: dict[str, str] = {}
        self._said: dict[str, str] = {}  # by recording: the reason of its last interruption

    def know(self, recordings: Sequence[Recording]) -> None:
        """Name these recordings by their URLs."""
        self._urls = {recording.id: masked(recording.url) for recording in recordings}

    def of(self, event: events.Event) -> str | None:
        """The line of an event, or None."""
        if isinstance(event, events.Failed):
            return self.complaint(event)
        if isinstance(event, events.Interrupted):
            self._said[event.recording] = event.reason
        elif isinstance(event, events.Warned) and event.message == self._said.get(event.recording):
            return None  # the warning of what has just interrupted it
        return sentence(event, self._urls.get(event.recording, event.recording))

    def complaint(self, event: events.Failed) -> str:
        """The line of a failure; with several streams it names the one that failed."""
        url = self._urls.get(event.recording, event.recording)
        is_named = len(self._urls) < 2 or url in event.message
        return " ".join(f"reel: {'' if is_named else f'{url}: '}{event.message}".split())


class ProgressWatch:
    """Makes `progress` events of recordings.

    Args:
        now_s: A steady clock, that of `Status.last_frame_s`.
    """

    def __init__(self, recordings: Sequence[Recording], now_s: Callable[[], float]) -> None:
        self._recordings = recordings
        self._now_s = now_s
        self._began_s = self._looked_s = now_s()
        self._bytes: dict[str, int] = {}

    def look(self, at: datetime) -> Iterator[events.Progress]:
        """An event for each recording, dated `at`."""
        now_s = self._now_s()
        passed_s, self._looked_s = now_s - self._looked_s, now_s
        for recording in self._recordings:
            status = recording.status
            came_bytes = status.media_bytes - self._bytes.get(recording.id, 0)
            self._bytes[recording.id] = status.media_bytes
            age_s = None if status.last_frame_s is None else now_s - status.last_frame_s
            yield events.Progress(
                at=at,
                recording=recording.id,
                state=status.state.value,
                media_ms=status.recorded_ms,
                wall_ms=round((now_s - self._began_s) * 1000),
                media_bytes=status.media_bytes,
                bitrate_bps=round(came_bytes * 8 / passed_s) if passed_s > 0 else 0,
                queued_bytes=recording.queued_bytes,
                last_frame_age_ms=None if age_s is None else round(age_s * 1000),
            )

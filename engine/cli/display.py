"""What a user sees while recording: JSON lines, plain lines, or a live table on a terminal."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Protocol, TextIO

from engine.media import events
from engine.record import Recording

if TYPE_CHECKING:
    from rich.table import Table

_SHOWN_ROWS = 30  # of a table; the last row sums up the rest


class Reporter(Protocol):
    """Hears every event, and may watch recordings while they run."""

    def event(self, event: events.Event) -> None:
        """An event, on the event loop's thread."""

    def watching(self, recordings: Sequence[Recording]) -> AbstractContextManager[None]:
        """A block during which recordings run."""


class _Printer:
    """Prints lines, each at once. When nobody reads them any more, recording goes on without."""

    def __init__(self, out: TextIO) -> None:
        self._out: TextIO | None = out

    def line(self, text: str) -> None:
        if self._out is None:
            return
        try:
            self._out.write(text + "\n")
            self._out.flush()
        except OSError:
            out, self._out = self._out, None
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, out.fileno())  # or Python complains when it flushes what is left, at the exit
            os.close(nowhere)


class JsonLines:
    """One JSON object a line."""

    def __init__(self, out: TextIO) -> None:
        self._printer = _Printer(out)

    def event(self, event: events.Event) -> None:
        """Print the event."""
        self._printer.line(event.model_dump_json())

    @contextmanager
    def watching(self, recordings: Sequence[Recording]) -> Iterator[None]:
        """Nothing to show besides events."""
        yield


class Lines:
    """A line for each finished file and each warning: for logs and pipes."""

    def __init__(self, out: TextIO) -> None:
        self._printer = _Printer(out)

    def event(self, event: events.Event) -> None:
        """Print what matters without a display."""
        line = sentence(event)
        if line is not None:
            self._printer.line(line)

    @contextmanager
    def watching(self, recordings: Sequence[Recording]) -> Iterator[None]:
        """Nothing to show besides events."""
        yield


class Progress:
    """A table on the terminal: a row for each recording, redrawn a few times a second."""

    def __init__(self) -> None:
        from rich.console import Console

        self._console = Console(stderr=True)
        self._recordings: Sequence[Recording] = ()
        self._started_s = time.monotonic()

    def event(self, event: events.Event) -> None:
        """Print warnings and finished files above the table."""
        line = sentence(event)
        if line is not None:
            self._console.print(line, markup=False, highlight=False, soft_wrap=True)

    @contextmanager
    def watching(self, recordings: Sequence[Recording]) -> Iterator[None]:
        """Draw the table while the block runs."""
        from rich.live import Live

        self._recordings = recordings
        with Live(get_renderable=self._table, console=self._console, refresh_per_second=4, transient=True):
            yield

    def _table(self) -> Table:
        from rich.table import Table

        table = Table("stream", "state", "duration", "bitrate", "packets", "files", "gaps", box=None)
        for recording in self._recordings[:_SHOWN_ROWS]:
            status = recording.status
            seconds = status.recorded_ms / 1000
            bitrate = f"{status.media_bytes * 8 / seconds / 1000:.0f} kb/s" if seconds else ""
            name = "/".join(recording.name)
            cells = (f"{seconds:.1f} s", bitrate, f"{status.packets}", f"{status.files}", f"{status.gaps}")
            table.add_row(name, status.state.value, *cells)
        if len(self._recordings) > _SHOWN_ROWS:
            table.add_row(f"and {len(self._recordings) - _SHOWN_ROWS} more")
        return table


def sentence(event: events.Event) -> str | None:
    """What a person wants to hear of an event; None for those a display shows otherwise."""
    if isinstance(event, events.FileFinished):
        seconds, megabytes = event.duration_ms / 1000, event.size_bytes / 1e6
        return f"finished {event.path} ({seconds:.1f} s, {megabytes:.1f} MB)"
    if isinstance(event, events.Warned):
        what = f"{event.format.value}: " if event.format else ""
        return f"warning  {what}{event.message}"
    return None

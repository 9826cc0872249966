"""A table of recordings on a terminal, redrawn while they run, below a line for each change of state."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO, cast

from engine.cli.reporter import Sentences
from engine.cli.standard_streams import UnbrokenStream
from engine.masking import masked
from engine.media import events
from engine.record import Recording

if TYPE_CHECKING:
    from rich.table import Table

_SHOWN_ROWS = 30  # of a table; the last row sums up the rest


class ProgressTable:
    """A row for each recording, and why it waits when it does."""

    def __init__(self) -> None:
        from rich.console import Console

        self._console = Console(file=cast("TextIO", UnbrokenStream(sys.stderr)))
        self._recordings: Sequence[Recording] = ()
        self._sentences = Sentences()

    def event(self, event: events.Event) -> None:
        """Print a change of state above the table."""
        line = self._sentences.of(event)
        if line is not None:
            self._console.print(line, markup=False, highlight=False, soft_wrap=True)

    @contextmanager
    def watching(self, recordings: Sequence[Recording]) -> Iterator[None]:
        """Draw the table while the block runs."""
        from rich.live import Live

        self._recordings = recordings
        self._sentences.know(recordings)
        with Live(get_renderable=self._table, console=self._console, refresh_per_second=4, transient=True):
            yield

    def _table(self) -> Table:
        from rich.markup import escape
        from rich.table import Table

        table = Table("stream", "state", "duration", "bitrate", "packets", "files", "gaps", box=None)
        for recording in self._recordings[:_SHOWN_ROWS]:
            status = recording.status
            seconds = status.recorded_ms / 1000
            bitrate = f"{status.media_bytes * 8 / seconds / 1000:.0f} kb/s" if seconds else ""
            cells = (f"{seconds:.1f} s", bitrate, f"{status.packets}", f"{status.files}", f"{status.gaps}")
            table.add_row(escape("/".join(recording.name)), status.state.value, *cells)
            if status.reason:
                reason = status.reason.removeprefix(f"{masked(recording.url)}: ")
                table.add_row("", escape(reason))
        if len(self._recordings) > _SHOWN_ROWS:
            table.add_row(f"and {len(self._recordings) - _SHOWN_ROWS} more")
        return table

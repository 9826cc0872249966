"""A recording's outputs: operations of the segment stage become files. Runs on a writer thread.

One `Outputs` holds one `Output` per format. A format that cannot hold the stream, or whose disk fails, ends
alone; the others go on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path

from engine.errors import ReelError, StorageError
from engine.media.codecs import Format
from engine.record.output import ENDINGS, Output, OutputReport, Settings
from engine.segment import Begin, End, Media, Operation
from engine.store.naming import NameTemplate, StreamName

_MAX_SEQ = 100_000


@dataclass(frozen=True, slots=True)
class Stamped:
    """An operation and the wall-clock time it belongs to."""

    operation: Operation
    at: datetime


class Outputs:
    """All formats of one recording."""

    def __init__(
        self,
        formats: Sequence[Format],
        root: Path,
        template: NameTemplate,
        name: StreamName,
        settings: Settings,
        report: Callable[[OutputReport], None],
    ) -> None:
        self._root = root
        self._template = template
        self._name = name
        self._report = report
        self._live = [Output(format, settings, report) for format in formats]
        self._seq = 0
        self.failures: dict[Format, ReelError] = {}

    def apply(self, stamped: Sequence[Stamped]) -> None:
        """Carry out operations, in order."""
        for item in stamped:
            operation = item.operation
            if isinstance(operation, Begin):
                self._begin(operation, item.at)
            elif isinstance(operation, Media):
                self._each(partial(Output.media, media=operation))
            elif isinstance(operation, End):
                self._each(partial(Output.end, section=operation.section))

    def flush(self) -> None:
        """Hand over what is held back; called when a stream is quiet and at the end."""
        self._each(Output.close)

    @property
    def all_failed(self) -> bool:
        """No format is left."""
        return not self._live

    def _begin(self, begin: Begin, at: datetime) -> None:
        self._each(partial(Output.check, begin=begin))
        if not self._live:
            return
        new_file = any(output.needs_file(begin) for output in self._live)
        base = self._claim(at) if new_file else self._root
        self._each(partial(Output.begin, begin=begin, base=base, at=at))

    def _claim(self, at: datetime) -> Path:
        """A base path no file of any ending has: sequence numbers go up, nothing is overwritten (S1)."""
        for seq in range(self._seq + 1, _MAX_SEQ):
            base = self._root / self._template.path(self._name, at, seq)
            taken = (Path(f"{base}{ending}") for ending in ENDINGS)
            if not base.exists() and not any(path.exists() for path in taken):
                self._seq = seq
                return base
        raise StorageError(f"{self._root}: no free name for {self._name.stream} at {at:%Y%m%dT%H%M%SZ}")

    def _each(self, do: Callable[[Output], None]) -> None:
        for output in tuple(self._live):
            try:
                do(output)
            except ReelError as error:
                self._live.remove(output)
                self.failures[output.format] = error
                output.fail(error)

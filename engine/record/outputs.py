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

import structlog

from engine.errors import InternalError, NameTaken, ReelError
from engine.media.codecs import Format
from engine.record.output import Output, OutputReport, Settings, Store, create, path_of
from engine.segment import Begin, End, Media, Operation
from engine.store.file import storage_errors
from engine.store.naming import NameTemplate, StreamName

_log = structlog.get_logger()


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
        """Finish every file that is still open: the recording ends."""
        self._each(Output.close)

    @property
    def all_failed(self) -> bool:
        """No format is left."""
        return not self._live

    def _begin(self, begin: Begin, at: datetime) -> None:
        self._each(partial(Output.check, begin=begin))
        if not self._live:
            return
        new = [output for output in self._live if output.needs_file(begin)]
        try:
            stores = self._create([output.format for output in new], at) if new else {}
        except ReelError as error:
            for output in new:
                self._drop(output, error)
            stores = {}

        def enter(output: Output) -> None:
            if output.format in stores:
                output.begin(begin, stores[output.format], at)
            else:
                output.go_on(begin)

        self._each(enter)

    def _create(self, formats: Sequence[Format], at: datetime) -> dict[Format, Store]:
        """The new files of a section, all of one base name that no other file has.

        Sequence numbers go up until every file could be created exclusively, so that neither another
        recording nor another process is overwritten (S1).
        """
        while True:
            self._seq += 1
            base = self._root / self._template.path(self._name, at, self._seq)
            with storage_errors(base):
                if any(path_of(base, format).exists() for format in Format):
                    continue
            stores: dict[Format, Store] = {}
            try:
                for format in formats:
                    stores[format] = create(base, format)
            except ReelError as error:
                for store in stores.values():
                    store.discard()
                if not isinstance(error, NameTaken):
                    raise
            else:
                return stores

    def _each(self, do: Callable[[Output], None]) -> None:
        for output in tuple(self._live):
            try:
                do(output)
            except ReelError as error:
                self._drop(output, error)
            except Exception as error:  # a defect of ours: the other formats go on
                _log.exception("output.defect", format=output.format.value)
                self._drop(output, InternalError.of(error))

    def _drop(self, output: Output, error: ReelError) -> None:
        self._live.remove(output)
        self.failures[output.format] = error
        output.fail(error)

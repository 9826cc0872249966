"""A recording's outputs: operations of the segment stage become files. Runs on a writer thread.

One `Outputs` holds one `Output` per format. A format whose disk fails, or which cannot hold the
stream, waits and goes on in a new file when it can. The others go on.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Concatenate, ParamSpec

import numpy as np
import structlog

from engine.errors import NameTaken, ReelError, StorageError, StorageRefused, UnsupportedCodec, unexpected
from engine.media.batch import Flag, Kind, Role
from engine.media.codecs import Format
from engine.media.events import GapReason
from engine.mux import prepare
from engine.record.ledger import Ledger
from engine.record.output import Output, OutputReport, title_of
from engine.record.output_file import Identity, Place, Settings, path_of
from engine.record.wall_clock import Span, WallClock
from engine.segment import Begin, Cause, End, Media, Operation
from engine.store import NameTemplate, Space, StreamName
from engine.store.file import StorageErrors

_log = structlog.get_logger()
P = ParamSpec("P")


@dataclass(slots=True)
class Handed:
    """Operations of one tick, with the wall-clock time of their media."""

    operations: Sequence[Operation]
    spans: Sequence[Span]
    wall: WallClock
    notes: Sequence[str] = ()
    """What was repaired, for the manifests."""


class Outputs:
    """All formats of one recording.

    Args:
        ledgers: One for each format.
        space: The file system they are written to.
    """

    def __init__(
        self,
        ledgers: dict[Format, Ledger],
        root: Path,
        template: NameTemplate,
        name: StreamName,
        identity: Identity,
        settings: Settings,
        space: Space,
        report: Callable[[OutputReport], None],
    ) -> None:
        prepare(ledgers)
        self._root = root
        self._template = template
        self._name = name
        self._space = space
        self._sync_segments = settings.sync_s is not None
        self._live = [
            Output(format, identity, settings, ledger, report) for format, ledger in ledgers.items()
        ]
        self._all = tuple(self._live)
        self._seq = 0
        self._sections: dict[int, Begin] = {}
        self._begun_at: datetime | None = None  # when the media of the newest section was made
        self._epoch = 0  # of the wall clock that placed it
        self._zero: datetime | None = None  # of that clock, as the files know it
        self._failures: dict[Format, ReelError] = {}

    def apply(self, handed: Handed) -> None:
        """Carry out operations, in order."""
        self._each(Output.account, handed.spans)
        for note in handed.notes:
            self._each(Output.note, note)
        for operation in handed.operations:
            if isinstance(operation, Media):
                late = self._resume(operation, handed)
                for output in tuple(self._live):
                    self._try(output, Output.media, late.get(output.format, operation) if late else operation)
            elif isinstance(operation, Begin):
                self._sections[operation.section] = operation
                self._begin(operation, handed)
            elif isinstance(operation, End):
                self._sections.pop(operation.section, None)
                self._each(Output.end, operation.section)
        wall = handed.wall
        if wall.zero is not self._zero and wall.epoch == self._epoch:
            self._zero = wall.zero
            self._each(Output.correct_clock, wall)

    def mark(self, reason: GapReason, at: datetime | None = None) -> None:
        """What is not recorded from here on is missing for this reason."""
        for output in self._live:
            output.mark(reason, at)

    def expire(self) -> None:
        """No push returned in time to be spliced."""
        self._each(Output.expire)

    def flush(self, end: datetime) -> None:
        """Finish every file that is still open: the recording's window ends."""
        self._each(Output.close)
        self._each(Output.complete, end)

    def release(self) -> None:
        """Let go of what could not be made final, once everybody was told of what could."""
        for output in self._all:
            output.release()

    @property
    def all_failed(self) -> bool:
        """No format is left."""
        return not self._live

    @property
    def failures(self) -> dict[Format, ReelError]:
        """What ended or stopped formats that cannot be written now."""
        stopped = {output.format: output.trouble for output in self._live if output.trouble is not None}
        return self._failures | stopped

    def _begin(self, begin: Begin, handed: Handed) -> None:
        self._each(Output.check, begin)
        self._end_hopeless()
        at = self._in_order(handed.wall.at(begin.dts_ms))
        self._epoch = handed.wall.epoch
        new = [output for output in self._live if output.needs_file(begin) and output.may_begin]
        self._open(new, begin, at, handed.wall.until)
        for output in tuple(self._live):
            if output.trouble is None and output not in new:
                self._try(output, Output.go_on, begin, at, handed.wall.until)

    def _in_order(self, at: datetime) -> datetime:
        """No section begins before the one before it: one that was held until its clock had jumped again is
        placed by the wrong one."""
        self._begun_at = at if self._begun_at is None else max(at, self._begun_at)
        return self._begun_at

    def _open(self, outputs: Sequence[Output], begin: Begin, at: datetime, until: datetime) -> None:
        """New files of one base name for these outputs."""
        if not outputs:
            return
        try:
            self._space.check(after_failure=any(output.trouble for output in outputs))
            places = self._reserve([output.format for output in outputs], begin, at)
            self._space.remember()
        except ReelError as error:
            for output in outputs:
                self._refused(output, error)
            return
        for output in outputs:
            place = places[output.format]
            self._try(output, Output.begin, begin, place, at, until)

    def _resume(self, media: Media, handed: Handed) -> dict[Format, Media]:
        """Formats that could not be written try again where a file may begin: what is left for those that
        can."""
        stopped: list[Output] = []
        for output in self._live:
            if output.trouble is not None and isinstance(output.trouble, StorageError) and output.may_begin:
                stopped.append(output)
        begin = self._sections.get(media.section)
        if not stopped or begin is None:
            return {}
        tags = media.batch.tags
        frames = tags["role"] == int(Role.FRAME)
        if any(track.is_video for track in begin.tracks):
            frames &= (tags["kind"] == int(Kind.VIDEO)) & (tags["flags"] & int(Flag.KEY) != 0)
        starts = np.flatnonzero(frames)
        if not len(starts):
            return {}
        row = int(starts[0])
        dts_ms = int(tags["dts"][row])
        again = replace(begin, cause=Cause.FIRST, dts_ms=dts_ms)
        self._open(stopped, again, self._in_order(handed.wall.at(dts_ms)), handed.wall.until)
        rest = Media(media.section, media.batch.rows(slice(row, None)))
        return {output.format: rest for output in stopped}

    def _reserve(self, formats: Sequence[Format], begin: Begin, at: datetime) -> dict[Format, Place]:
        """The new files of a section, all of one base name that no other file has.

        Sequence numbers go up until every file could be created exclusively, so that neither another
        recording nor another process is overwritten (S1).
        """
        listed: dict[Path, set[str]] = {}
        title = title_of(begin)
        while True:
            self._seq += 1
            base = self._root / self._template.path(self._name, at, self._seq, title)
            with StorageErrors(base):
                if _is_taken(base, listed):
                    continue
            places: dict[Format, Place] = {}
            try:
                for format in formats:
                    places[format] = Place.reserve(base, format, sync_segments=self._sync_segments)
            except ReelError as error:
                for place in places.values():
                    place.discard()
                if not isinstance(error, NameTaken):
                    raise
            else:
                return places

    # What goes wrong

    def _each(self, do: Callable[Concatenate[Output, P], None], *given: P.args, **named: P.kwargs) -> None:
        for output in tuple(self._live):
            self._try(output, do, *given, **named)

    def _try(
        self, output: Output, do: Callable[Concatenate[Output, P], None], *given: P.args, **named: P.kwargs
    ) -> None:
        try:
            do(output, *given, **named)
        except ReelError as error:
            self._refused(output, error)
        except Exception as error:  # a defect of ours: the other formats go on
            _log.exception("output.crashed", format=output.format.value)
            self._refused(output, unexpected(error))

    def _refused(self, output: Output, error: ReelError) -> None:
        """An output cannot go on: it waits where waiting may mend it, and ends where not."""
        lasting = StorageRefused if not output.has_begun else ()
        if isinstance(error, StorageError | UnsupportedCodec) and not isinstance(error, lasting):
            output.suspend(error)
            return
        self._fail(output, error)

    def _end_hopeless(self) -> None:
        """Formats that cannot hold the stream wait for it to change while another is recorded. When none can
        hold it from the beginning there is nothing to wait for."""
        refused = {output: output.trouble for output in self._live}
        if any(
            output.has_begun or not isinstance(error, UnsupportedCodec) for output, error in refused.items()
        ):
            return
        for output, error in refused.items():
            if error is not None:
                self._fail(output, error)

    def _fail(self, output: Output, error: ReelError) -> None:
        self._live.remove(output)
        self._failures[output.format] = error
        output.fail(error)


def _is_taken(base: Path, listed: dict[Path, set[str]]) -> bool:
    """Whether there is a file of this base name. A folder is listed at the first that there is, and
    remembered: recordings of one name that begin together would ask for each other's numbers one by one."""
    paths = [path_of(base, format) for format in Format]
    if (names := listed.get(base.parent)) is not None:
        return any(path.name in names for path in paths)
    is_taken = any(path.exists() for path in paths)
    if is_taken:
        listed[base.parent] = set(os.listdir(base.parent))
    return is_taken

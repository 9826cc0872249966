"""What a recording writes into the journals beside its growing files, and what recovery reads from them.

The first line is the `Header`. Each line behind it is an object with one key: `gap` (a gap inside the file),
`clock` (where the media's clock is on the wall clock from here on), `segment` (an HLS segment was opened or
listed), `note` (something was repaired), `announced` (everybody was told of the finished file).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, TypeAdapter, ValidationError

from engine.errors import MalformedJournal
from engine.media.codecs import Format
from engine.media.events import TrackInfo
from engine.media.manifest import Gap, Interval, Manifest, Part
from engine.mux import Stats
from engine.store.journal import Journal, Line
from engine.validation import first_problem


class Clock(BaseModel):
    """Media of `dts_ms` was made at a time."""

    model_config = ConfigDict(frozen=True)

    dts_ms: int
    at: AwareDatetime


class Header(BaseModel):
    """Whose file it is, and what happened before it."""

    model_config = ConfigDict(frozen=True)

    journal: Literal[1] = 1
    recording: str
    url: str
    stream: str
    format: Format
    started_at: AwareDatetime
    from_zero: bool
    """The file's own clock begins at 0, where `clock` is."""
    clock: Clock
    before: Part
    """The part of the window since the file before."""
    tracks: list[TrackInfo]

    @classmethod
    def unknown(cls, format: Format, started_at: datetime) -> Header:
        """Of a file of which nobody knows whose it is."""
        nothing = Part(covers=Interval(start=started_at, end=started_at), recorded=[], gaps=[])
        clock = Clock(dts_ms=0, at=started_at)
        return cls(
            recording="",
            url="",
            stream="",
            format=format,
            started_at=started_at,
            from_zero=False,
            clock=clock,
            before=nothing,
            tracks=[],
        )

    def manifest(
        self, final: Path, stats: Stats, size_bytes: int, part: Part, notes: Sequence[str], recovered: bool
    ) -> Manifest:
        """The manifest of the file."""
        return Manifest(
            recording=self.recording,
            url=self.url,
            stream=self.stream,
            format=self.format,
            file=final.name,
            size_bytes=size_bytes,
            duration_ms=stats.duration_ms,
            video_packets=stats.video_packets,
            audio_packets=stats.audio_packets,
            keyframes=stats.keyframes,
            media_bytes=stats.media_bytes,
            first_dts_ms=stats.first_dts_ms or 0,
            last_dts_ms=stats.last_dts_ms or 0,
            started_at=self.started_at,
            tracks=self.tracks,
            notes=list(notes),
            recovered=recovered,
            covers=part.covers,
            recorded=part.recorded,
            gaps=part.gaps,
        )


@dataclass(slots=True)
class Diary:
    """A journal, read."""

    header: Header
    clock: Clock
    gaps: list[Gap] = field(default_factory=list)
    segments: list[dict[str, Any]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    announced: bool = False


ANNOUNCED: Line = {"announced": True}
"""The line that keeps recovery from telling everybody again."""

_GAP, _CLOCK = TypeAdapter(Gap), TypeAdapter(Clock)


def read_diary(journal: Journal) -> Diary | None:
    """What a journal says; None when its writer had not yet written the header.

    Raises:
        MalformedJournal: it is none of ours.
    """
    lines = journal.lines()
    if not lines:
        return None
    try:
        header = Header.model_validate(lines[0])
        diary = Diary(header, header.clock)
        for line in lines[1:]:
            _read_line(diary, line)
    except ValidationError as error:
        raise MalformedJournal(f"{journal.path}: {first_problem(error, Header)}") from None
    return diary


def _read_line(diary: Diary, line: Line) -> None:
    for key, value in line.items():
        if key == "gap":
            diary.gaps.append(_GAP.validate_python(value))
        elif key == "clock":
            diary.clock = _CLOCK.validate_python(value)
        elif key == "segment" and isinstance(value, dict):
            diary.segments.append(value)
        elif key == "note":
            diary.notes.append(str(value))
        elif key == "announced":
            diary.announced = True


def gap_lines(gaps: Sequence[Gap]) -> list[Line]:
    """The lines of gaps."""
    return [{"gap": gap.model_dump(mode="json")} for gap in gaps]


def clock_line(clock: Clock) -> Line:
    """The line of a clock."""
    return {"clock": clock.model_dump(mode="json")}


def note_line(text: str) -> Line:
    """The line of something that was repaired."""
    return {"note": text}

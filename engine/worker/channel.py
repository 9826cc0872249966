"""What a worker process and the process that started it say to each other: JSON lines on two pipes.

Commands come on stdin, reports go to stdout. A command is an object with `do`, a report one with `tell`.
The end of stdin means that nobody is there any more.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from engine.errors import MalformedCommand
from engine.media.events import Event
from engine.record import RecordSpec

LINE_BYTES = 1 << 20
"""The longest line. A command holds a specification, a report an event: a few kilobytes."""


class _Message(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Start(_Message):
    """Record a URL under the specification's id, going on where a process that is gone left it."""

    do: Literal["start"] = "start"
    spec: RecordSpec
    url: str


class Order(_Message):
    """For a recording; one that has ended is past orders."""

    do: Literal["order"] = "order"
    recording: str
    what: Literal["stop", "finish", "pause", "resume"]


class Recover(_Message):
    """Make final what processes that are gone left below a folder. `Recovered` answers."""

    do: Literal["recover"] = "recover"
    number: int
    root: Path


class Told(_Message):
    """What became of the event of a finished file."""

    do: Literal["told"] = "told"
    number: int
    told: bool


class Leave(_Message):
    """Finalize every file, tell of it, and exit; recordings go on in another process."""

    do: Literal["leave"] = "leave"


Command = Start | Order | Recover | Told | Leave


class Happened(_Message):
    """An event. One with a number waits for `Told`: until then the journal of its file stays."""

    tell: Literal["event"] = "event"
    event: Annotated[Event, Field(discriminator="event")]
    number: int | None = None


class Recovered(_Message):
    """A `Recover` is done."""

    tell: Literal["recovered"] = "recovered"
    number: int


class Load(_Message):
    """What the process has used of a core since it began, and when: seconds of its monotonic clock. Told once
    a second, so that it is also a sign of life."""

    tell: Literal["load"] = "load"
    cpu_s: float
    at_s: float


Report = Happened | Recovered | Load

_COMMAND: TypeAdapter[Command] = TypeAdapter(Annotated[Command, Field(discriminator="do")])
_REPORT: TypeAdapter[Report] = TypeAdapter(Annotated[Report, Field(discriminator="tell")])


def line_of(message: Command | Report) -> bytes:
    """A message as a line."""
    return message.model_dump_json().encode() + b"\n"


def read_command(line: bytes) -> Command:
    """The command of a line.

    Raises:
        MalformedCommand: it is none.
    """
    try:
        return _COMMAND.validate_json(line)
    except ValidationError as error:
        raise _malformed(error) from None


def read_report(line: bytes) -> Report:
    """The report of a line.

    Raises:
        MalformedCommand: it is none.
    """
    try:
        return _REPORT.validate_json(line)
    except ValidationError as error:
        raise _malformed(error) from None


def _malformed(error: ValidationError) -> MalformedCommand:
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    place = ".".join(str(part) for part in first["loc"]) or "the line"
    return MalformedCommand(f"{place}: {first['msg']}")

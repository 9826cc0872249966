"""How a process of `reel` logs: lines on stderr, for a person on a terminal and as JSON elsewhere.

Events are named `noun.verb_past` and carry the ids of what they are about as fields. What libraries log, and
Python's warnings, take the same way under the name `library.logged`, from `warning` on: at `info` they talk
about themselves, and at `debug` about SQL with the secrets in it.
"""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Callable, MutableMapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast, get_args

import structlog
from structlog.typing import EventDict, Processor

from engine.errors import UsageError

Level = Literal["debug", "info", "warning", "error"]
LogFormat = Literal["auto", "json", "console"]

LEVELS: tuple[Level, ...] = get_args(Level)
FORMATS: tuple[LogFormat, ...] = get_args(LogFormat)

STORM_LINES = 10
"""Lines of one event a second, of those that any stranger can cause."""

_KINDS = 1000  # of lines that a throttle counts at once
_LONGEST_ERROR = 200  # letters of an error that quotes a stranger

_configured: tuple[Level, LogFormat] = ("warning", "auto")


def configure(level: Level = "warning", format: LogFormat = "auto") -> None:
    """Have this process log lines of `level` and above. May be called again; the last call counts.

    `auto` is `console` while stderr is a terminal, `json` otherwise.
    """
    global _configured
    if format == "auto":
        format = "console" if sys.stderr.isatty() else "json"
    _configured = level, format
    shared: list[Processor] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    rendering = _rendering(format)
    structlog.configure(
        processors=[structlog.contextvars.merge_contextvars, *shared, *rendering],
        wrapper_class=structlog.make_filtering_bound_logger(_number(level)),
        logger_factory=lambda *_: _Stderr(),
        cache_logger_on_first_use=False,
    )
    _configure_libraries(level, shared, rendering)


def configured_arguments() -> list[str]:
    """Level and format of this process, as arguments for one that it starts: `configure(*arguments)`."""
    return list(_configured)


def level_of_environment() -> Level | None:
    """The level that REEL_LOG, or REEL_LOG__LEVEL, asks for.

    Raises:
        UsageError: it is no level.
    """
    return cast("Level | None", _choice(("REEL_LOG__LEVEL", "REEL_LOG"), LEVELS))


def format_of_environment() -> LogFormat | None:
    """The format that REEL_LOG__FORMAT asks for.

    Raises:
        UsageError: it is no format.
    """
    return cast("LogFormat | None", _choice(("REEL_LOG__FORMAT",), FORMATS))


class StormLog:
    """Logs what any stranger can cause any number of times: at most `STORM_LINES` a second of each event. The
    next line of it says in `left_out` how many there were besides."""

    def __init__(self) -> None:
        self._log: structlog.typing.FilteringBoundLogger = structlog.get_logger()
        self._throttle = Throttle(STORM_LINES)

    def info(self, event: str, **fields: Any) -> None:
        """Log a line, if there is room for it."""
        self._pass(self._log.info, event, fields)

    def warning(self, event: str, **fields: Any) -> None:
        """Log a line, if there is room for it."""
        self._pass(self._log.warning, event, fields)

    def _pass(self, log: Callable[..., Any], event: str, fields: dict[str, Any]) -> None:
        left_out = self._throttle.admit(event)
        if left_out is not None:
            log(event, **fields, **({"left_out": left_out} if left_out else {}))


class Throttle:
    """Admits so many of each kind a second, and counts the others. Pure but for its clock."""

    def __init__(self, per_s: int, now_s: Callable[[], float] = time.monotonic) -> None:
        self._per_s = per_s
        self._now_s = now_s
        self._counts: dict[str, _Count] = {}

    def admit(self, kind: str) -> int | None:
        """How many of the kind were left out since the last one that was admitted; None: so is this one."""
        now_s = self._now_s()
        if kind not in self._counts and len(self._counts) >= _KINDS:
            self._counts.clear()
        count = self._counts.setdefault(kind, _Count(now_s))
        if now_s - count.since_s >= 1:
            count.since_s, count.admitted = now_s, 0
        if count.admitted == self._per_s:
            count.left_out += 1
            return None
        count.admitted += 1
        left_out, count.left_out = count.left_out, 0
        return left_out


@dataclass(slots=True)
class _Count:
    since_s: float
    admitted: int = 0
    left_out: int = 0


class _Stderr:
    """Writes lines to the stderr of the moment, each at once. One that nobody can take is lost: what a full
    disk or a closed pipe does to the log must not be done to recordings."""

    def msg(self, line: str) -> None:
        try:
            sys.stderr.write(line + "\n")
            sys.stderr.flush()
        except (OSError, ValueError):  # ValueError: it is closed
            pass

    log = debug = info = warning = error = critical = exception = msg


def _rendering(format: LogFormat) -> Sequence[Processor]:
    if format == "json":
        return [_in_order, structlog.processors.JSONRenderer()]
    return [
        _printable,
        structlog.dev.ConsoleRenderer(
            colors="NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb",
            exception_formatter=structlog.dev.plain_traceback,
            sort_keys=False,
        ),
    ]


def _in_order(_logger: object, _method: str, line: EventDict) -> EventDict:
    """Time, level and event first: they are looked for by the eye too."""
    first = {name: line.pop(name) for name in ("timestamp", "level", "event") if name in line}
    return {**first, **line}


def _printable(_logger: object, _method: str, line: EventDict) -> EventDict:
    """Names that strangers chose may hold what moves a terminal's cursor or sets its title."""
    return {name: _escaped(value) if isinstance(value, str) else value for name, value in line.items()}


def _escaped(text: str) -> str:
    if text.isprintable():
        return text
    return "".join(
        letter if letter.isprintable() or letter == "\n" else ascii(letter)[1:-1] for letter in text
    )


def _number(level: Level) -> int:
    return {"debug": 10, "info": 20, "warning": 30, "error": 40}[level]


def _choice(names: Sequence[str], choices: Sequence[str]) -> str | None:
    for name in names:
        text = os.environ.get(name, "").strip().lower()
        if text and text not in choices:
            raise UsageError(f"{name}: {text!r} is none of {', '.join(choices)}")
        if text:
            return text
    return None


# Libraries


def _configure_libraries(level: Level, shared: Sequence[Processor], rendering: Sequence[Processor]) -> None:
    least = max(_number(level), logging.WARNING)
    handler = _LibraryHandler(least)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[_named_by_library, *shared],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *rendering],
        )
    )
    root = logging.getLogger()  # noqa: TID251
    for old in [old for old in root.handlers if isinstance(old, _LibraryHandler)]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(least)
    # It says of most malformed requests at this level only that there was one.
    logging.getLogger("aiohttp.server").setLevel(logging.DEBUG)  # noqa: TID251
    logging.captureWarnings(True)


@dataclass(slots=True)
class _Malformed:
    """What aiohttp says of bytes that are no HTTP request."""

    peer: str
    error: str


class _LibraryHandler(logging.Handler):
    """Formats records of `logging` and writes them with our own lines. Libraries repeat themselves in storms,
    so there is room for a few lines of each kind a second."""

    def __init__(self, least: int) -> None:
        super().__init__()
        self._least = least
        self._stderr = _Stderr()
        self._throttle = Throttle(STORM_LINES)

    def handle(self, record: logging.LogRecord) -> bool:
        """Write one line, or count the record when there were too many."""
        malformed = _malformed(record)
        if malformed is not None:
            record.exc_info = None
            record.levelno, record.levelname = logging.WARNING, "WARNING"
        if record.levelno < self._least:
            return False
        left_out = self._throttle.admit(f"{record.name} {record.msg}")
        if left_out is None:
            return False
        record.__dict__.update(left_out=left_out, malformed=malformed)
        return super().handle(record)

    def emit(self, record: logging.LogRecord) -> None:
        """Write one line."""
        try:
            self._stderr.msg(self.format(record))
        except Exception:
            self.handleError(record)


def _malformed(record: logging.LogRecord) -> _Malformed | None:
    """Read the record by which aiohttp reports a malformed request, as an error with a traceback."""
    error = record.exc_info[1] if isinstance(record.exc_info, tuple) else None
    if error is None or type(error).__module__ != "aiohttp.http_exceptions":
        return None
    peer = record.args[0] if isinstance(record.args, tuple) and record.args else ""
    message = str(getattr(error, "message", error)).partition("\n")[0].rstrip(":")
    return _Malformed(str(peer), f"{type(error).__name__}: {message}"[:_LONGEST_ERROR])


def _named_by_library(_logger: object, _method: str, line: EventDict) -> MutableMapping[str, Any]:
    """Name a record of `logging` as our events are named."""
    record: logging.LogRecord = line["_record"]
    left_out = {"left_out": count} if (count := record.__dict__["left_out"]) else {}
    malformed: _Malformed | None = record.__dict__["malformed"]
    kept = {name: value for name, value in line.items() if name != "event"}
    if malformed is not None:
        said = {"peer": malformed.peer, "error": malformed.error}
        return {**kept, "event": "request.malformed", **said, **left_out}
    return {**kept, "event": "library.logged", "library": record.name, "message": line["event"], **left_out}

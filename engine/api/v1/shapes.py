"""Bodies, queries and answers of `/v1`. Times are ISO 8601 in UTC; names end in their unit."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any
from unicodedata import category

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from engine.errors import UsageError
from engine.media.codecs import Format
from engine.media.fields import ANY_CASE, Formats, duration_s
from engine.store.naming import DEFAULT, NameTemplate

_LONGEST_NAME = 1024


def _name(value: str) -> str:
    if len(value) > _LONGEST_NAME or any(category(letter) in ("Cc", "Cs", "Cn") for letter in value):
        raise ValueError(f"a name of at most {_LONGEST_NAME} letters without control characters is expected")
    return value


def _template(value: str) -> str:
    try:
        return NameTemplate(value).text
    except UsageError as error:
        raise ValueError(str(error)) from None


def _read_time(value: object) -> datetime:
    try:
        return datetime.fromisoformat(str(value))
    except ValueError:
        raise ValueError(f"a time such as 2026-12-01T18:00 is expected, not {value!r}") from None


def _in_utc(value: datetime) -> datetime:
    try:
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    except OverflowError:  # 0001-01-01T00:00:00+14:00 is of the year 0 in UTC
        raise ValueError("a time of the years 1 to 9999 in UTC is expected") from None


Name = Annotated[str, AfterValidator(_name)]
Moment = Annotated[datetime, BeforeValidator(_read_time), AfterValidator(_in_utc)]
Limit = Annotated[int, Field(ge=1, le=1000)]
Cursor = Annotated[int, Field(ge=0, le=10**9)]


class _Asked(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True)


class NewRule(_Asked):
    """A rule to add: which pushes, and how they are recorded. An empty name is any; no formats: nothing."""

    domain: Annotated[Name, AfterValidator(str.lower)] = ""
    app: Name = ""
    stream: Name = ""
    formats: Formats = (Format.MP4,)
    interval_s: Annotated[int, duration_s(at_least=0, at_most=10**6)] = 3600
    splice_s: Annotated[int, duration_s(at_least=0, at_most=1800)] = 0
    audio_only: bool = False
    name: Annotated[str, AfterValidator(_template)] = DEFAULT

    @property
    def names(self) -> tuple[str, str, str]:
        """The pushes it is for."""
        return self.domain, self.app, self.stream

    @property
    def settings(self) -> dict[str, Any]:
        """The keys of `[record]`."""
        return self.model_dump(mode="json", exclude={"domain", "app", "stream"})


class Rule(_Answer):
    """A rule: of `/v1`, or a Tencent client's, whose options are its template's."""

    id: str
    made_by: str
    domain: str
    app: str
    stream: str
    formats: list[Format]
    interval_s: int | None = None
    splice_s: int | None = None
    audio_only: bool | None = None
    name: str | None = None
    template_id: int
    created_at: datetime


class FilesAsked(_Asked):
    """Which files: those that hold media between two times, of some stream, in some format."""

    domain: Name = ""
    app: Name = ""
    stream: Name = ""
    format: Annotated[Format, ANY_CASE] | None = None
    recording: Name = ""
    start: Moment | None = Field(default=None, alias="from")
    end: Moment | None = Field(default=None, alias="to")
    limit: Limit = 100
    cursor: Cursor = 0


class RecordedFile(_Answer):
    """A finished file."""

    id: str
    recording: str
    domain: str
    app: str
    stream: str
    format: str
    path: str
    """Below `storage.root`."""
    url: str
    size_bytes: int
    duration_ms: int
    started_at: datetime
    ended_at: datetime
    expires_at: datetime | None
    tracks: list[Any]


class RecordingsAsked(_Asked):
    """Which recordings."""

    domain: Name = ""
    app: Name = ""
    stream: Name = ""
    is_open: bool | None = Field(default=None, alias="open")
    """Only those that have not ended, or only those that have."""
    limit: Limit = 100
    cursor: Cursor = 0


class RecordingInfo(_Answer):
    """A recording, and the sum of its finished files."""

    id: str
    ordered_by: str
    """`settings`, `rule`, `task` or `aliyun`."""
    template_id: int | None
    task_id: int | None
    push_id: int | None
    domain: str
    app: str
    stream: str
    formats: list[str]
    state: str
    began_at: datetime
    ended_at: datetime | None
    files: int
    size_bytes: int


class PushInfo(_Answer):
    """A push that goes on, and what is recorded of it."""

    domain: str
    app: str
    stream: str
    client_ip: str
    source: str
    began_at: datetime
    recordings: list[RecordingInfo]


class WorkerInfo(_Answer):
    """A worker process."""

    number: int
    pid: int | None
    recordings: int
    load: float
    """Share of one core."""
    deaths: int


class Status(_Answer):
    """The server at a glance."""

    version: str
    started_at: datetime
    settings_file: str | None
    push_url: str | None
    origin_url: str | None
    root: str
    free_bytes: int | None
    """Free space below `root`; None: the file system does not answer."""
    workers: list[WorkerInfo]
    pushes: list[PushInfo]
    waiting: list[RecordingInfo]
    """Recordings that are held open for a push that may return."""


class Health(_Answer):
    """Whether the server can record; `problems` says what it cannot."""

    ok: bool
    problems: list[str]


class Page(_Answer):
    """A page of a list; `cursor` is what to ask the next one with, None at the end."""

    total: int
    cursor: int | None = None
    items: list[Any]


def page(items: list[Any], total: int, start: int) -> Page:
    """A page that begins `start` items behind the first one."""
    end = start + len(items)
    return Page(total=total, cursor=end if items and end < total else None, items=items)

"""The tables. One class a table; columns are in UTC, seconds and bytes, as their names say.

What a vendor calls a member is the business of `api`; what is stored is named in the words of the field. JSON
columns hold what is read and written as a whole and never searched.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, ClassVar

from sqlalchemy import JSON, BigInteger, DateTime, ForeignKey, Index, Integer, String, Text, UniqueConstraint
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import TypeDecorator

# SQLite counts rows by itself only in a column of exactly this type.
_Id = BigInteger().with_variant(Integer, "sqlite")


class UtcDateTime(TypeDecorator[datetime]):
    """A moment. SQLite keeps no time zones, so it is stored in UTC and given back aware."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """To the database."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value} has no time zone")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """From the database."""
        return value if value is None or value.tzinfo is not None else value.replace(tzinfo=UTC)


class Table(DeclarativeBase):
    """What all tables share."""

    type_annotation_map: ClassVar[dict[Any, Any]] = {
        datetime: UtcDateTime,
        str: Text,
        dict[str, Any]: JSON,
        list[Any]: JSON,
    }


class _Dated:
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class RecordTemplate(_Dated, Table):
    """How to record: Tencent's record template."""

    __tablename__ = "record_templates"

    id: Mapped[int] = mapped_column(_Id, primary_key=True, autoincrement=True)
    name: Mapped[str]
    description: Mapped[str] = mapped_column(default="")
    formats: Mapped[dict[str, Any]]
    """By format (`flv`, `hls`, ...) the members of its RecordParam, with the vendor's names."""
    is_delay_live: Mapped[bool] = mapped_column(default=False)
    splice_s: Mapped[int] = mapped_column(default=0)
    upload_in_recording: Mapped[bool] = mapped_column(default=False)
    remove_watermark: Mapped[bool] = mapped_column(default=False)
    cos_store: Mapped[bool] = mapped_column(default=False)
    settings: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    """The keys of `[record]` for a rule of /v1; they count in place of `formats`."""


class RecordRule(_Dated, Table):
    """Which template a stream is recorded by; an empty `app` or `stream` is any."""

    __tablename__ = "record_rules"
    __table_args__ = (UniqueConstraint("domain", "app", "stream"),)

    id: Mapped[int] = mapped_column(_Id, primary_key=True, autoincrement=True)
    domain: Mapped[str]
    app: Mapped[str] = mapped_column(default="")
    stream: Mapped[str] = mapped_column(default="")
    template_id: Mapped[int] = mapped_column(ForeignKey("record_templates.id"))
    request_id: Mapped[str] = mapped_column(default="")
    """RequestId of the call that made it."""


class CallbackTemplate(_Dated, Table):
    """Whom to tell: Tencent's callback template."""

    __tablename__ = "callback_templates"

    id: Mapped[int] = mapped_column(_Id, primary_key=True, autoincrement=True)
    name: Mapped[str]
    description: Mapped[str] = mapped_column(default="")
    urls: Mapped[dict[str, Any]]
    """By the vendor's member (`RecordNotifyUrl`, ...)."""
    key: Mapped[str] = mapped_column(default="")
    exception_levels: Mapped[list[Any]]


class CallbackRule(_Dated, Table):
    """Which callback template a stream's events go by; an empty `app` is any."""

    __tablename__ = "callback_rules"
    __table_args__ = (UniqueConstraint("domain", "app"),)

    id: Mapped[int] = mapped_column(_Id, primary_key=True, autoincrement=True)
    domain: Mapped[str]
    app: Mapped[str] = mapped_column(default="")
    template_id: Mapped[int] = mapped_column(ForeignKey("callback_templates.id"))


class AliyunRecordConfig(_Dated, Table):
    """Aliyun's recording configuration; `*` is any app or stream."""

    __tablename__ = "aliyun_record_configs"
    __table_args__ = (UniqueConstraint("domain", "app", "stream"),)

    id: Mapped[int] = mapped_column(_Id, primary_key=True, autoincrement=True)
    domain: Mapped[str]
    app: Mapped[str]
    stream: Mapped[str] = mapped_column(default="*")
    oss_endpoint: Mapped[str]
    oss_bucket: Mapped[str]
    on_demand: Mapped[int] = mapped_column(default=0)
    delay_s: Mapped[int] = mapped_column(default=180)
    start_at: Mapped[datetime | None]
    end_at: Mapped[datetime | None]
    formats: Mapped[list[Any]]
    """Members of each RecordFormat as the vendor names them."""
    transcode_templates: Mapped[list[Any]]
    transcode_formats: Mapped[list[Any]]
    request_id: Mapped[str] = mapped_column(default="")
    """RequestId of the call that made it."""


class AliyunNotifyConfig(_Dated, Table):
    """Aliyun's notify configuration of a domain."""

    __tablename__ = "aliyun_notify_configs"

    domain: Mapped[str] = mapped_column(primary_key=True)
    notify_url: Mapped[str]
    on_demand_url: Mapped[str] = mapped_column(default="")
    need_status: Mapped[bool] = mapped_column(default=False)
    needs_auth: Mapped[bool] = mapped_column(default=False)
    auth_key: Mapped[str] = mapped_column(default="")


class Task(Table):
    """An order to record a stream in a window."""

    __tablename__ = "tasks"
    __table_args__ = (
        Index("tasks_by_state", "state", "start_at"),
        Index("tasks_by_stream", "domain", "app", "stream"),
        Index("tasks_by_day", "family", "created_at"),
        Index("tasks_by_window", "family", "start_at"),
    )

    id: Mapped[int] = mapped_column(_Id, primary_key=True, autoincrement=True)
    public_id: Mapped[str] = mapped_column(unique=True)
    """What clients call it: `id` in decimal, or an opaque word for CreateRecordTask."""
    family: Mapped[str] = mapped_column(String(16))
    """`live` (CreateLiveRecord), `record` (CreateRecordTask), `legacy` (v2), `aliyun` (a manual start)."""
    state: Mapped[str] = mapped_column(String(16))
    """A `control.states.TaskState`."""
    domain: Mapped[str]
    app: Mapped[str]
    stream: Mapped[str]
    start_at: Mapped[datetime]
    end_at: Mapped[datetime | None]
    """None: no end, which only Aliyun's manual start has."""
    is_real_time: Mapped[bool] = mapped_column(default=False)
    is_mixed: Mapped[bool] = mapped_column(default=False)
    template_id: Mapped[int | None] = mapped_column(BigInteger)
    """As it was given, even when there is no such template."""
    options: Mapped[dict[str, Any]]
    """What the request says of formats, intervals and retention."""
    created_at: Mapped[datetime]
    stopped_at: Mapped[datetime | None]
    deleted_at: Mapped[datetime | None]
    request_id: Mapped[str] = mapped_column(default="")
    """RequestId of the call that made it."""


class Push(Table):
    """One continuous publish of a stream at the origin."""

    __tablename__ = "pushes"
    __table_args__ = (
        Index("pushes_by_stream", "domain", "app", "stream", "began_at"),
        Index("pushes_open", "ended_at"),
    )

    id: Mapped[int] = mapped_column(_Id, primary_key=True, autoincrement=True)
    domain: Mapped[str]
    app: Mapped[str]
    stream: Mapped[str]
    began_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    end_code: Mapped[int] = mapped_column(default=0)
    params: Mapped[str] = mapped_column(default="")
    """The query string of the push URL."""
    client_ip: Mapped[str] = mapped_column(default="")
    source: Mapped[str] = mapped_column(String(32))
    """Who told of it: `embedded`, `srs`, `nginx-rtmp`, ..., `poll`."""


class Recording(Table):
    """A task's, rule's or configuration's live work on a stream, of one set of formats."""

    __tablename__ = "recordings"
    __table_args__ = (
        Index("recordings_open", "ended_at"),
        Index("recordings_by_stream", "domain", "app", "stream", "began_at"),
        Index("recordings_by_session", "session_id"),
        Index("recordings_by_task", "task_id"),
        Index("recordings_by_push", "push_id"),
    )

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    """The engine's own id of it."""
    session_id: Mapped[str] = mapped_column(String(32))
    """Decimal; one for all recordings of one order on one push or spliced run."""
    cause: Mapped[str] = mapped_column(String(16))
    """`rule`, `task`, `aliyun` or `settings`; `index` of one that is made of segments of others."""
    task_id: Mapped[int | None] = mapped_column(ForeignKey("tasks.id"))
    template_id: Mapped[int | None] = mapped_column(BigInteger)
    config_id: Mapped[int | None] = mapped_column(BigInteger)
    domain: Mapped[str]
    app: Mapped[str]
    stream: Mapped[str]
    is_mixed: Mapped[bool] = mapped_column(default=False)
    push_id: Mapped[int | None] = mapped_column(ForeignKey("pushes.id"))
    url: Mapped[str]
    spec: Mapped[dict[str, Any]]
    """The engine's RecordSpec."""
    options: Mapped[dict[str, Any]]
    """What its files and callbacks need to know of the order: per format the vendor's members as they were
    when it began, retention, `stream_param`."""
    state: Mapped[str] = mapped_column(String(16))
    """`starting`, `live`, `interrupted`, `paused`, `ended`."""
    began_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]


class File(Table):
    """A finished file; an HLS playlist with its segments is one."""

    __tablename__ = "files"
    __table_args__ = (
        Index("files_by_stream", "domain", "app", "stream", "started_at"),
        Index("files_by_name", "stream", "created_at"),
        Index("files_by_recording", "recording_id"),
        Index("files_by_creation", "created_at"),
        Index("files_by_expiry", "expires_at"),
        Index("files_by_deletion", "deleted_at"),
        Index("files_by_absence", "missing_since"),
    )

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    """The vendor's file id: decimal digits."""
    recording_id: Mapped[str] = mapped_column(ForeignKey("recordings.id"))
    domain: Mapped[str]
    app: Mapped[str]
    stream: Mapped[str]
    format: Mapped[str] = mapped_column(String(8))
    path: Mapped[str] = mapped_column(unique=True)
    """Below the storage root, with `/`."""
    name: Mapped[str]
    """What the order's pattern calls it, without an ending."""
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    duration_ms: Mapped[int] = mapped_column(BigInteger)
    first_dts_ms: Mapped[int] = mapped_column(BigInteger)
    tracks: Mapped[list[Any]]
    started_at: Mapped[datetime]
    ended_at: Mapped[datetime]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]
    """None: kept for ever."""
    deleted_at: Mapped[datetime | None]
    """Its deletion was ordered then: the row goes when the file is gone."""
    missing_since: Mapped[datetime | None]
    """It was not found below the storage root then: somebody removed it, or the root is not mounted."""
    is_recovered: Mapped[bool] = mapped_column(default=False)


class Callback(Table):
    """A message to be delivered: a row of the outbox."""

    __tablename__ = "callbacks"
    __table_args__ = (
        Index("callbacks_due", "state", "next_at"),
        Index("callbacks_by_stream", "domain", "app", "stream", "created_at"),
        Index("callbacks_by_creation", "created_at"),
    )

    id: Mapped[int] = mapped_column(_Id, primary_key=True, autoincrement=True)
    once: Mapped[str] = mapped_column(unique=True)
    """What it tells of; a second message of the same is not made."""
    vendor: Mapped[str] = mapped_column(String(16))
    """`tencent` or `aliyun`: how it is signed and retried."""
    event: Mapped[str] = mapped_column(String(32))
    url: Mapped[str]
    message: Mapped[dict[str, Any]]
    """The body, unsigned."""
    key: Mapped[str] = mapped_column(default="")
    subject: Mapped[dict[str, Any]] = mapped_column(default=dict)
    """Ids of push, recording, session, file, task and request, for the log."""
    domain: Mapped[str]
    app: Mapped[str]
    stream: Mapped[str]
    state: Mapped[str] = mapped_column(String(16))
    """`waiting`, `delivered` or `failed`."""
    attempts: Mapped[int] = mapped_column(default=0)
    next_at: Mapped[datetime]
    created_at: Mapped[datetime]
    delivered_at: Mapped[datetime | None]


class CallbackAttempt(Table):
    """One try to deliver a message, and its outcome."""

    __tablename__ = "callback_attempts"

    id: Mapped[int] = mapped_column(_Id, primary_key=True, autoincrement=True)
    callback_id: Mapped[int] = mapped_column(ForeignKey("callbacks.id"), index=True)
    at: Mapped[datetime]
    took_ms: Mapped[int]
    status: Mapped[int | None]
    """Of the answer; None: there was none."""
    answer: Mapped[str] = mapped_column(default="")
    error: Mapped[str] = mapped_column(default="")
    headers: Mapped[dict[str, Any]]
    """Of the request."""
    body: Mapped[str] = mapped_column(default="")

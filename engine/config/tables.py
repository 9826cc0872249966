"""The tables of the settings, one class each, with what may stand in them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import SplitResult, urlsplit

from pydantic import BaseModel, ConfigDict, Field, field_validator

from engine.errors import UsageError
from engine.masking import masked
from engine.media.codecs import Format
from engine.media.fields import ANY_CASE, Formats, duration_s
from engine.store.naming import DEFAULT, NameTemplate
from engine.store.time_zone import TimeZone

Seconds = Annotated[float, duration_s(more_than=0, at_most=86_400)]
Count = Annotated[int, Field(ge=0, le=10**9)]


class _Part(BaseModel):
    # Defaults are validated too: otherwise a file with every default written out could be refused.
    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)


class KeyPair(_Part):
    """Who may call the API, and for which domains."""

    id: str
    secret: str = Field(min_length=1, repr=False)
    domains: tuple[str, ...] = ("*",)


class Log(_Part):
    """Log lines on stderr."""

    level: Annotated[Literal["debug", "info", "warning", "error"], ANY_CASE] = "info"
    format: Annotated[Literal["auto", "json", "console"], ANY_CASE] = "auto"


class Record(_Part):
    """The recording of pushes that no rule, no template and no configuration speaks of."""

    formats: Formats = (Format.MP4,)
    interval_s: Annotated[int, duration_s(at_least=0, at_most=10**6)] = 3600
    splice_s: Annotated[int, duration_s(at_least=0, at_most=1800)] = 0
    audio_only: bool = False
    name: str = DEFAULT

    @field_validator("name")
    @classmethod
    def _is_template(cls, value: str) -> str:
        try:
            NameTemplate(value)
        except UsageError as error:
            raise ValueError(str(error)) from None
        return value


class Api(_Part):
    """The HTTP server."""

    listen: str = "127.0.0.1:8750"
    keys: tuple[KeyPair, ...] = ()
    token: str = Field(default="", repr=False)
    rates: bool = True
    rate_limits: dict[str, Count] = Field(default_factory=dict)


class Storage(_Part):
    """Where files are kept, and where clients find them."""

    root: Path = Path("recordings")
    expire: bool = True
    tz: TimeZone = "UTC"
    public_url: str = ""

    @field_validator("public_url")
    @classmethod
    def _is_url(cls, value: str) -> str:
        return _http_url(value).rstrip("/") if value else ""


class CatalogSettings(_Part):
    """The database."""

    url: str = "sqlite+aiosqlite:///reel.db"
    keep_days: Annotated[int, Field(ge=0, le=36_500)] = 90


class OriginSettings(_Part):
    """Where streams come from. Without `url` the embedded origin is started."""

    domain: str = "push.example.com"
    rtmp: str = "127.0.0.1:1935"
    http: str = "127.0.0.1:8080"
    url: str = ""
    mixed_url: str = ""
    hook_secret: str = Field(default="", repr=False)
    poll_s: Annotated[float, duration_s(at_least=0, at_most=3600)] = 0

    @field_validator("url", "mixed_url")
    @classmethod
    def _names_the_stream(cls, value: str) -> str:
        if value and "{stream}" not in value:
            raise ValueError("it needs {stream}, such as rtmp://10.0.0.5/{app}/{stream}")
        if value and _split(value).scheme not in ("rtmp", "rtmps", "http", "https"):
            raise ValueError("an rtmp(s):// or http(s)://….flv URL is expected")
        return value


class Workers(_Part):
    """Processes that record."""

    count: Annotated[int, Field(ge=0, le=256)] = 0


class Limits(_Part):
    """Quotas; 0 is none."""

    daily_tasks: Count = 4000
    running_tasks: Count = 400
    tasks_per_stream: Count = 3
    templates: Count = 50
    rules: Count = 50


class Tencent(_Part):
    """What Tencent's dialect says and does."""

    appid: Annotated[int, Field(ge=0, le=2**53)] = 1250000000
    default_format: Annotated[Literal["flv", "hls", "mp4", "aac", "mp3"], ANY_CASE] = "hls"
    retry_s: Seconds = 60
    retries: Count = 12
    timeout_s: Seconds = 20

    @property
    def format(self) -> Format:
        """Of a task without a template."""
        return Format(self.default_format)


class Aliyun(_Part):
    """What Aliyun's dialect says and does."""

    retry_s: Seconds = 1
    retries: Count = 5
    timeout_s: Seconds = 5
    private_addresses: bool = True


class Callbacks(_Part):
    """How the outbox is delivered."""

    in_flight: Annotated[int, Field(ge=1, le=10_000)] = 64
    in_flight_per_receiver: Annotated[int, Field(ge=1, le=10_000)] = 8


def _http_url(value: str) -> str:
    parts = _split(value)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("an http:// or https:// URL is expected")
    return value


def _split(url: str) -> SplitResult:
    """The parts of a URL. The standard library's words quote what is wrong, which may be a password."""
    try:
        parts = urlsplit(url)
    except ValueError:
        raise ValueError(f"{masked(url)} is no URL: its host is neither a name nor an address") from None
    try:
        is_port = parts.port != 0
    except ValueError:
        is_port = False
    if not is_port:
        raise ValueError(f"{masked(url)}: the port is no number from 1 to 65535")
    return parts

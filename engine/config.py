"""The settings of `reel serve`: one TOML file, then `REEL_*` environment variables over it.

A variable names its key with two underscores between table and key: `REEL_API__LISTEN`, `REEL_CATALOG__URL`.
`default_text` is the file with every key, its default and what it is for.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from engine.errors import UsageError
from engine.media.codecs import Format

Seconds = Annotated[float, Field(gt=0, le=86_400, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=0, le=10**9)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class KeyPair(_Part):
    """Who may call the API, and for which domains."""

    id: str
    secret: str = Field(min_length=1, repr=False)
    domains: tuple[str, ...] = ("*",)


class Api(_Part):
    """The HTTP server."""

    listen: str = "127.0.0.1:8750"
    keys: tuple[KeyPair, ...] = ()
    rates: bool = True
    rate_limits: dict[str, Count] = Field(default_factory=dict)


class Storage(_Part):
    """Where files are kept, and where clients find them."""

    root: Path = Path("recordings")
    expire: bool = True
    public_url: str = "http://127.0.0.1:8750/files"

    @field_validator("public_url")
    @classmethod
    def _is_url(cls, value: str) -> str:
        return _http_url(value).rstrip("/")


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
    poll_s: Annotated[float, Field(ge=0, le=3600, allow_inf_nan=False)] = 0

    @field_validator("url", "mixed_url")
    @classmethod
    def _names_the_stream(cls, value: str) -> str:
        if value and "{stream}" not in value:
            raise ValueError("it needs {stream}, such as rtmp://10.0.0.5/{app}/{stream}")
        if value and urlsplit(value).scheme not in ("rtmp", "rtmps", "http", "https"):
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

    appid: Count = 1250000000
    default_format: Literal["flv", "hls", "mp4", "aac", "mp3"] = "hls"
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


class Settings(BaseSettings):
    """All of them. `Settings.read` is how they are made."""

    model_config = SettingsConfigDict(
        frozen=True, extra="forbid", env_prefix="REEL_", env_nested_delimiter="__", env_ignore_empty=True
    )

    api: Api = Api()
    storage: Storage = Storage()
    catalog: CatalogSettings = CatalogSettings()
    origin: OriginSettings = OriginSettings()
    workers: Workers = Workers()
    limits: Limits = Limits()
    tencent: Tencent = Tencent()
    aliyun: Aliyun = Aliyun()
    callbacks: Callbacks = Callbacks()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment goes before the file, which comes in as arguments."""
        return env_settings, init_settings

    @classmethod
    def read(cls, path: Path | None) -> Settings:
        """The settings of a file, with the environment over it; without a file, the defaults.

        Relative paths are the file's neighbours: `storage.root`, and the file of an SQLite URL.

        Raises:
            UsageError: it cannot be read, is not TOML, or a key is unknown or wrong: which, and why.
        """
        fields = {} if path is None else _read_toml(path)
        try:
            settings = cls(**fields)
        except ValidationError as error:
            first = error.errors(include_url=False, include_context=False)[0]
            key = ".".join(str(part) for part in first["loc"])
            raise UsageError(f"{path or 'environment'}: {key}: {first['msg']}") from None
        return settings if path is None else settings._beside(path.parent)

    def _beside(self, folder: Path) -> Settings:
        """With relative paths below a folder."""
        storage = self.storage.model_copy(update={"root": folder / self.storage.root})
        prefix, slashes, name = self.catalog.url.partition(":///")
        catalog = self.catalog
        if prefix.startswith("sqlite") and slashes and name and name != ":memory:" and name[:1] != "/":
            catalog = CatalogSettings(url=f"{prefix}:///{folder / name}")
        return self.model_copy(update={"storage": storage, "catalog": catalog})


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: not TOML: {error}") from None


def _http_url(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("an http:// or https:// URL is expected")
    return value


def default_text() -> str:
    """A TOML file with every key, commented, and its default."""
    return _DEFAULT


_DEFAULT = """\
# The settings of `reel serve`. What is left out has the value shown here. An environment variable goes before
# this file: REEL_API__LISTEN, REEL_CATALOG__URL, and so on.

[api]
listen = "127.0.0.1:8750"
# Who may call, and for which domains: "*", "live.example.com" or "*.example.com". Without a key every program
# of this machine may call, and `listen` must be a loopback address.
keys = []
# keys = [{ id = "AKIDEXAMPLE", secret = "SECRETEXAMPLE", domains = ["*"] }]
# The vendors' limits of requests a second; false turns them off, rate_limits changes single ones (0: none).
rates = true
rate_limits = {}
# rate_limits = { CreateLiveRecord = 1000 }

[storage]
# Beside this file, unless it begins with a slash.
root = "recordings"
# Where clients find the files: this server's /files, or whatever serves `root`.
public_url = "http://127.0.0.1:8750/files"
# Whether files are removed when the time is over that a template or task gives them (StorageTime).
expire = true

[catalog]
# or postgresql+asyncpg://USER:PASSWORD@HOST/NAME
url = "sqlite+aiosqlite:///reel.db"
# Days that tasks, callbacks, pushes and recordings without files are known when they are over; 0: for ever.
keep_days = 90

[origin]
# The push domain of streams that name none themselves.
domain = "push.example.com"
# The embedded origin: push to rtmp://HOST:PORT/APP/STREAM.
rtmp = "127.0.0.1:1935"
http = "127.0.0.1:8080"
# With a URL an outside origin is pulled instead; {domain}, {app} and {stream} are filled in.
url = ""
# url = "rtmp://10.0.0.5/{app}/{stream}"
# Where it puts out mixed streams; empty: under the stream's own name.
mixed_url = ""
# mixed_url = "rtmp://10.0.0.5/{app}/{stream}?mix=1"
# An outside origin's hooks give it as ?secret=; empty: hooks are refused.
hook_secret = ""
# An origin without hooks: ask it every so many seconds for the streams that tasks and rules name; 0: never.
poll_s = 0

[workers]
# Processes that record; 0: one for each core.
count = 0

[limits]
# 0: none.
daily_tasks = 4000
running_tasks = 400
tasks_per_stream = 3
templates = 50
rules = 50

[tencent]
appid = 1250000000
# Of a task of CreateRecordTask without a template.
default_format = "hls"
# Callbacks: seconds between tries, how many more than the first, and how long an answer may take.
retry_s = 60
retries = 12
timeout_s = 20

[aliyun]
retry_s = 1
retries = 5
timeout_s = 5
# Whether notices may go to loopback and private addresses.
private_addresses = true

[callbacks]
# Deliveries at once: in all, and to one receiver.
in_flight = 64
in_flight_per_receiver = 8
"""

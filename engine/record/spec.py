"""What to record and how: the options of `reel record`, and the JSON of `--spec`.

The description of a field is the help of its option and its description in the JSON Schema.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator

from engine.errors import UsageError
from engine.ingest.address import source_url
from engine.ingest.cookie_file import read_cookies
from engine.ingest.http_flv import check_headers
from engine.ingest.http_proxy import Proxy
from engine.ingest.source import SourceOptions
from engine.masking import masked
from engine.media.codecs import Format
from engine.media.fields import ANY_CASE, Formats, duration_s, size_mib
from engine.media.quantities import MIB
from engine.segment import CutRule
from engine.store.naming import DEFAULT, NameTemplate
from engine.store.time_zone import TimeZone, parse_time_zone
from engine.validation import Location, dotted, first_problem

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._\-]{0,63}")


class RecordSpec(BaseModel):
    """One order: some streams, recorded alike, side by side.

    Durations are seconds and sizes MiB, or text with units. `interval` and `duration` of None mean one file
    and no end, `sync` of None that files are synced when they are final, `min_free` of None a floor that
    suits the file system.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    urls: Annotated[
        tuple[str, ...],
        Field(
            min_length=1,
            repr=False,
            description="rtmp(s)://, http(s)://….flv, or FLV files (?speed=0: at once).",
        ),
    ]
    output: Annotated[Path, Field(description="Folder to record into.")] = Path("recordings")
    format: Annotated[
        Formats, Field(description="Any of flv, hls, mp4, aac and mp3, with commas between.")
    ] = (Format.FLV,)
    type: Annotated[
        Literal["video", "audio"], ANY_CASE, Field(description="video: all tracks; audio: audio alone.")
    ] = "video"
    duration: Annotated[
        Annotated[float, duration_s(more_than=0)] | None,
        Field(description="Stop after this much media."),
    ] = None
    interval: Annotated[
        Annotated[float, duration_s(at_least=1)] | None,
        Field(description="Start a new file at the first keyframe after this much media."),
    ] = None
    split_size: Annotated[
        Annotated[float, size_mib(more_than=0)] | None,
        Field(
            description="Start a new file at the first keyframe after this size of an FLV file; other "
            "formats are cut at the same places."
        ),
    ] = None
    reconnect: Annotated[
        float,
        duration_s(at_least=0, at_most=10**9),
        Field(
            description="How long to wait for a stream that ended or never began; 0: stop at the first end."
        ),
    ] = 30.0
    splice: Annotated[
        float,
        duration_s(at_least=0, at_most=21_600),
        Field(description="How long an HLS file stays open after an interruption, for the next push."),
    ] = 0.0
    splice_all: Annotated[
        bool,
        Field(
            description="Keep files of every format open for the splice time: the next push goes on in them "
            "when its tracks are the same."
        ),
    ] = False
    name: Annotated[
        str,
        Field(
            description="File names. {date} and {time} are UTC; {start}, {local_date} and {local_time} "
            "are of --tz."
        ),
    ] = DEFAULT
    tz: Annotated[TimeZone, Field(description="Time zone of file names: an IANA name, or local.")] = "UTC"
    title: Annotated[
        str | None,
        Field(description="{title} in file names; otherwise the one in the stream, or the stream's name."),
    ] = None
    timestamps: Annotated[
        Literal["original", "zero"],
        ANY_CASE,
        Field(description="Keep the source's timestamps, or begin each file at zero, as MP4 always does."),
    ] = "original"
    jump: Annotated[
        Literal["discontinuity", "repair"],
        ANY_CASE,
        Field(
            description="What a jump of the source's clock becomes: discontinuity, or repair (it goes on)."
        ),
    ] = "discontinuity"
    hls_segment: Annotated[
        Literal["ts", "fmp4", "auto"],
        ANY_CASE,
        Field(description="HLS segments: ts, fmp4, or auto (fmp4 for H.265 and Opus)."),
    ] = "ts"
    hls_time: Annotated[
        float, duration_s(more_than=0, at_most=3600), Field(description="Length of HLS segments.")
    ] = 6.0
    flv_signalling: Annotated[
        Literal["source", "enhanced", "legacy"],
        ANY_CASE,
        Field(description="How FLV files name codecs: source (as the stream does), enhanced or legacy."),
    ] = "source"
    headers: Annotated[
        dict[str, str], Field(repr=False, description="Headers of HTTP requests, by name.")
    ] = Field(default_factory=dict)
    user_agent: Annotated[str | None, Field(description="User-Agent of HTTP requests.")] = None
    cookie_file: Annotated[
        Path | None,
        Field(
            description="Cookies of HTTP requests: a file in Netscape's format, as curl and yt-dlp write it."
        ),
    ] = None
    proxy: Annotated[
        str | None,
        Field(
            repr=False,
            description="HTTP proxy for http(s):// URLs, http://[USER:PASSWORD@]HOST:PORT; otherwise that of "
            "http_proxy, https_proxy, all_proxy and no_proxy in the environment. Empty: none.",
        ),
    ] = None
    insecure: Annotated[bool, Field(description="Accept certificates that are not valid.")] = False
    sync: Annotated[
        Annotated[float, duration_s(more_than=0)] | None,
        Field(description="Sync growing files to the disk this often; otherwise when they are final."),
    ] = None
    progress: Annotated[
        float,
        duration_s(at_least=0, at_most=86_400),
        Field(description="With --json: print a progress event this often; 0: never."),
    ] = 10.0
    min_free: Annotated[
        Annotated[float, size_mib(at_least=0)] | None,
        Field(
            description="Begin no file with less free than this; otherwise 1 % of the disk, at most 256 MiB."
        ),
    ] = None
    id: Annotated[
        str | None, Field(description="Record under this id, going on where a process that died left off.")
    ] = None

    @field_validator("urls")
    @classmethod
    def _are_sources(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        try:
            return tuple(source_url(text) for text in value)
        except UsageError as error:
            raise ValueError(str(error)) from None

    @field_validator("proxy")
    @classmethod
    def _is_a_proxy(cls, value: str | None, info: ValidationInfo) -> str | None:
        if not value:
            return value
        try:
            Proxy.parse(value)
        except UsageError as error:
            raise ValueError(str(error)) from None
        for url in info.data.get("urls", ()):
            if not url.lower().startswith(("http://", "https://")):
                raise ValueError(f"{masked(url)} is not pulled through a proxy: only http(s):// URLs are")
        return value

    @field_validator("headers", "user_agent")
    @classmethod
    def _are_headers(cls, value: dict[str, str] | str | None) -> dict[str, str] | str | None:
        try:
            if isinstance(value, dict):
                check_headers(value)
            else:
                check_headers({}, value)
        except UsageError as error:
            raise ValueError(str(error)) from None
        return value

    @field_validator("format")
    @classmethod
    def _has_a_format(cls, value: tuple[Format, ...]) -> tuple[Format, ...]:
        if not value:
            raise ValueError("name at least one of " + ", ".join(Format))
        return value

    @field_validator("name")
    @classmethod
    def _is_a_template(cls, value: str) -> str:
        try:
            NameTemplate(value)
        except UsageError as error:
            raise ValueError(str(error)) from None
        return value

    @field_validator("id")
    @classmethod
    def _is_an_id(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is not None and not _ID.fullmatch(value):
            raise ValueError(
                f"{value[:64]!r} is not an id: up to 64 letters, digits, '.', '_' and '-' are expected, "
                "a letter or digit first"
            )
        if value is not None and len(info.data.get("urls", ())) > 1:
            raise ValueError("a recording has one URL")
        return value

    @property
    def name_template(self) -> NameTemplate:
        """How files are named."""
        return NameTemplate(self.name, parse_time_zone(self.tz), self.title or "")

    def source_options(self) -> SourceOptions:
        """How to connect.

        Raises:
            UsageError: the cookie file cannot be read.
        """
        return SourceOptions(
            headers=self.headers,
            insecure=self.insecure,
            proxy=self.proxy,
            cookies=read_cookies(self.cookie_file),
            user_agent=self.user_agent,
        )

    @property
    def cut_rule(self) -> CutRule:
        """When a new file begins."""
        return CutRule(
            interval_ms=None if self.interval is None else round(self.interval * 1000),
            size_bytes=None if self.split_size is None else round(self.split_size * MIB),
        )

    @classmethod
    def parse(cls, fields: Mapping[str, Any], name: Callable[[Location], str] = dotted) -> RecordSpec:
        """A checked order.

        Args:
            fields: The values by field, as options or JSON gave them.
            name: How the user named the field at a location, for messages.

        Raises:
            UsageError: the first field that is wrong, and why.
        """
        try:
            return cls.model_validate(fields)
        except ValidationError as error:
            raise UsageError(first_problem(error, cls, name, fields)) from None

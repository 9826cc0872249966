"""The parameters of recording configurations, and how they are kept and given back. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any

from pydantic import Field, ValidationInfo, field_validator

from engine.api.aliyun.faults import malformed
from engine.api.aliyun.parameters import Members, Parameters
from engine.api.aliyun.values import Bucket, Domain, Endpoint, IsoTime, Pattern, of_numbers
from engine.api.values import USUAL, Integer, Text, at_most, one_of, refused, sound, within
from engine.catalog.aliyun import ANY
from engine.catalog.schema import AliyunRecordConfig
from engine.control.naming import OSS_DEFAULT, OSS_FIELDS, unknown_fields
from engine.control.orders import ALIYUN_CYCLE_S, ALIYUN_SLICE_S
from engine.media.civil_time import iso_text

SLICED = frozenset({"m3u8", "cmaf"})
"""Formats of media segments, which have names and lengths of their own."""

_SLICE_FIELDS = ("AppName", "StreamName", "UnixTimestamp", "Sequence")
_SLICE_DEFAULT = "record/{AppName}/{StreamName}/{UnixTimestamp}_{Sequence}"
_MAX_PREFIX_BYTES = 255
_MAX_TEMPLATES = 100
# The vendor's own bounds are 900 and 21600. Shorter files are what tests ask for, longer ones do no harm.
_LEAST_CYCLE_S, _MOST_CYCLE_S = 5, 86_400


def object_fault(value: str, fields: tuple[str, ...]) -> str | None:
    """What is wrong with a name in a bucket that may have variables."""
    if len(value.encode()) > _MAX_PREFIX_BYTES:
        return "must be shorter than 256 bytes"
    if value.startswith(("/", "\\")) or not value.isprintable():
        return "is no name of an object"
    if unknown := unknown_fields(value, fields):
        return f"has {{{unknown[0]}}}, which is no variable"
    return None


def _prefix_fault(value: str) -> str | None:
    if fault := object_fault(value, OSS_FIELDS):
        return fault
    for edge in ("Start", "End"):
        if f"{{{edge}Time}}" not in value and f"{{Escaped{edge}Time}}" not in value:
            return f"needs {{{edge}Time}} or {{Escaped{edge}Time}}"
    return None


def _slice_prefix_fault(value: str) -> str | None:
    if fault := object_fault(value, _SLICE_FIELDS):
        return fault
    lacking = [name for name in ("UnixTimestamp", "Sequence") if f"{{{name}}}" not in value]
    return f"needs {{{lacking[0]}}}" if lacking else None


class FormatChange(Members):
    """How one format is recorded, as far as it can be changed."""

    format: Annotated[Text, one_of("m3u8", "flv", "mp4", "cmaf")]
    cycle_duration: Annotated[Integer, within(_LEAST_CYCLE_S, _MOST_CYCLE_S)] | None = None
    slice_duration: Integer = ALIYUN_SLICE_S

    @field_validator("slice_duration")
    @classmethod
    def _is_slice(cls, value: int, info: ValidationInfo) -> int:
        if info.data.get("format") in SLICED and not 5 <= value <= 30:
            raise refused(USUAL, "must be from 5 to 30")
        return value


class NewFormat(FormatChange):
    """How one format is recorded, and what its files are called."""

    oss_object_prefix: Annotated[Text, sound(_prefix_fault)]
    slice_oss_object_prefix: Annotated[Text, sound(_slice_prefix_fault)] = Field("", validate_default=True)

    @field_validator("slice_oss_object_prefix", mode="before")
    @classmethod
    def _is_named(cls, value: object, info: ValidationInfo) -> object:
        if info.data.get("format") not in SLICED:
            return _SLICE_DEFAULT
        if value == "":
            raise refused("MissingSliceOssObjectPrefix", f"is mandatory for {info.data['format']}")
        return value


class _Config(Parameters):
    """What Add and Update both take."""

    domain_name: Domain
    app_name: Pattern
    oss_endpoint: Endpoint
    stream_name: Pattern = ANY
    on_demand: Annotated[Integer, of_numbers(0, 1, 2, 7)] = 0
    delay_time: Annotated[Integer, within(15, 21600)] = 180
    start_time: IsoTime | None = None
    end_time: IsoTime | None = None
    transcode_templates: Annotated[tuple[Text, ...], at_most(_MAX_TEMPLATES)] = ()


class AddConfig(_Config):
    """A new configuration, of one format at least."""

    oss_bucket: Bucket
    record_format: tuple[NewFormat, ...] = ()
    transcode_record_format: tuple[NewFormat, ...] = ()


class UpdateConfig(_Config):
    """What is absent keeps its value. Names and bucket cannot be changed."""

    record_format: tuple[FormatChange, ...] = ()
    transcode_record_format: tuple[FormatChange, ...] = ()


def stored_formats(name: str, entries: Sequence[FormatChange], before: Sequence[Any]) -> list[dict[str, Any]]:
    """The entries with all their members, as they are kept. A format that was there before keeps its names,
    one that was not and has none is named as the vendor's console does.

    Raises:
        ApiFault: a format comes twice.
    """
    names = {entry["Format"]: entry for entry in before}
    stored: dict[str, dict[str, Any]] = {}
    for number, entry in enumerate(entries, 1):
        if entry.format in stored:
            raise malformed(f"{name}.{number}.Format", "is given twice")
        stored[entry.format] = _stored(entry, names.get(entry.format, {}))
    return list(stored.values())


def _stored(entry: FormatChange, before: Mapping[str, Any]) -> dict[str, Any]:
    is_sliced = entry.format in SLICED
    if isinstance(entry, NewFormat):
        prefix, slice_prefix = entry.oss_object_prefix, entry.slice_oss_object_prefix
    else:
        prefix = before.get("OssObjectPrefix") or OSS_DEFAULT
        slice_prefix = before.get("SliceOssObjectPrefix") or _SLICE_DEFAULT
    return {
        "Format": entry.format,
        "CycleDuration": entry.cycle_duration or ALIYUN_CYCLE_S[entry.format],
        "SliceDuration": entry.slice_duration if is_sliced else 0,
        "OssObjectPrefix": prefix,
        "SliceOssObjectPrefix": slice_prefix if is_sliced else "",
    }


def described(config: AliyunRecordConfig) -> dict[str, object]:
    """A LiveAppRecord with all of its members, one of them spelled as the vendor does."""
    return {
        "DomainName": config.domain,
        "AppName": config.app,
        "StreamName": config.stream,
        "CreateTime": iso_text(config.created_at),
        "StartTime": _text(config.start_at),
        "EndTime": _text(config.end_at),
        "OnDemond": config.on_demand,
        "DelayTime": config.delay_s,
        "OssBucket": config.oss_bucket,
        "OssEndpoint": config.oss_endpoint,
        "RecordFormatList": {"RecordFormat": config.formats},
        "TranscodeRecordFormatList": {"RecordFormat": config.transcode_formats},
        "TranscodeTemplates": {"Templates": config.transcode_templates},
    }


def _text(at: datetime | None) -> str:
    return "" if at is None else iso_text(at)

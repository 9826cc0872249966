"""The members of record templates, and how they are kept and given back. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, Field
from pydantic.alias_generators import to_pascal

from engine.api.faults import missing_parameter
from engine.api.tencent.parameters import Members, Parameters
from engine.api.tencent.values import NOT_ALLOWED, Flag
from engine.api.values import Boolean, Integer, Text, bytes_at_most, one_of, refused, within
from engine.catalog.schema import RecordTemplate
from engine.media.codecs import Format

_MAX_STORAGE_S = 129_600_000  # 1500 days
_MAX_SPLICE_S = 1800
_NAME = re.compile(r"[\w-]+")
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_UNITS = ("Year", "Month", "Day", "Hour", "Minute", "Second", "Millisecond")
_IN_NAMES = frozenset({"StreamID", *(f"{edge}{unit}" for edge in ("Start", "End") for unit in _UNITS)})
_IN_PATHS = _IN_NAMES | {"RecordSource", "Domain", "AppName", "RecordId", "RandomID"}


def _pattern_fault(text: str, known: frozenset[str]) -> str | None:
    """What is wrong with a pattern of a file name."""
    for name in _PLACEHOLDER.findall(text):
        if name not in known:
            return f"has the placeholder {{{name}}}, which is not known"
    bare = _PLACEHOLDER.sub("", text)
    return "has a brace that is left open" if "{" in bare or "}" in bare else None


def _vod_file_name(value: str) -> str:
    if fault := _pattern_fault(value, _IN_NAMES):
        raise refused("InvalidParameter.InvalidVodFileName", fault)
    return value


def _cos_path(value: str) -> str:
    fault = _pattern_fault(value, _IN_PATHS)
    if not value.startswith("/") or ".." in value.split("/"):
        fault = "must be a path that starts with /"
    if fault:
        raise refused(NOT_ALLOWED, fault)
    return value


def _template_name(value: str) -> str:
    if not _NAME.fullmatch(value):
        raise refused(NOT_ALLOWED, "may hold letters, digits, _ and - only")
    return value


class RecordParam(Members):
    """How one format is recorded; with its defaults, what a template that says nothing of it holds."""

    enable: Flag = 0
    record_interval: Annotated[Integer, within(0, 43200)] = 1800
    storage_time: Annotated[Integer, within(0, _MAX_STORAGE_S)] = 0
    vod_sub_app_id: Integer = 0
    vod_file_name: Annotated[Text, bytes_at_most(1024), AfterValidator(_vod_file_name)] = ""
    procedure: Text = ""
    storage_mode: Annotated[Text, one_of("normal", "cold")] = "normal"
    class_id: Integer = 0
    cos_bucket_name: Text = ""
    cos_bucket_region: Text = ""
    cos_bucket_path: Annotated[Text, bytes_at_most(1024), AfterValidator(_cos_path)] = ""


class VideoParam(RecordParam):
    """Of FLV and MP4."""

    record_interval: Annotated[Integer, within(60, 43200)] = 1800


class AudioParam(RecordParam):
    """Of AAC and MP3."""

    record_interval: Annotated[Integer, within(60, 7200)] = 1800


class HlsSpecialParam(Members):
    """How long a playlist is held open for the next push, in seconds."""

    flow_continue_duration: Annotated[Integer, within(0, _MAX_SPLICE_S)] = 0


class FlvSpecialParam(Members):
    """Whether the vendor uploads while it records; files are where they are here."""

    upload_in_recording: Boolean = False


class _Template(Parameters):
    """What Create and Modify both take."""

    description: Annotated[Text, bytes_at_most(1024)] = ""
    flv_param: VideoParam = Field(default_factory=VideoParam)
    hls_param: RecordParam = Field(default_factory=RecordParam)
    mp4_param: VideoParam = Field(default_factory=VideoParam)
    aac_param: AudioParam = Field(default_factory=AudioParam)
    mp3_param: AudioParam = Field(default_factory=AudioParam)
    hls_special_param: HlsSpecialParam = Field(default_factory=HlsSpecialParam)
    flv_special_param: FlvSpecialParam = Field(default_factory=FlvSpecialParam)
    remove_watermark: Boolean = False

    params: ClassVar[Mapping[Format, str]] = {format: f"{format.value}_param" for format in Format}
    """The field of each format."""


TemplateName = Annotated[Text, bytes_at_most(255), AfterValidator(_template_name)]


class CreateTemplate(_Template):
    """A new template."""

    template_name: TemplateName
    is_delay_live: Flag = 0
    cos_store: Flag = 0


class ModifyTemplate(_Template):
    """Members that are absent keep their value."""

    template_id: Integer
    template_name: TemplateName = ""


def change(template: RecordTemplate, asked: CreateTemplate | ModifyTemplate) -> None:
    """Moves what the caller named into the template, member by member.

    Raises:
        ApiFault: a format that goes to object storage has no path there.
    """
    given = asked.model_fields_set
    formats = {name: dict(members) for name, members in template.formats.items()}
    for format, field in _Template.params.items():
        if field in given:
            changes = getattr(asked, field).model_dump(by_alias=True, exclude_unset=True)
            formats[format.value] = {**formats[format.value], **changes}
    template.formats = formats
    if "template_name" in given:
        template.name = asked.template_name
    if "description" in given:
        template.description = asked.description
    if "remove_watermark" in given:
        template.remove_watermark = asked.remove_watermark
    if "flow_continue_duration" in asked.hls_special_param.model_fields_set:
        template.splice_s = asked.hls_special_param.flow_continue_duration
    if "upload_in_recording" in asked.flv_special_param.model_fields_set:
        template.upload_in_recording = asked.flv_special_param.upload_in_recording
    _check_paths(template)


def blank_formats() -> dict[str, Any]:
    """All formats, none of them recorded."""
    blank = _Template()
    return {
        format.value: getattr(blank, field).model_dump(by_alias=True)
        for format, field in _Template.params.items()
    }


def described(template: RecordTemplate) -> dict[str, object]:
    """A RecordTemplateInfo with all of its members."""
    return {
        "TemplateId": template.id,
        "TemplateName": template.name,
        "Description": template.description,
        **{to_pascal(field): template.formats[format.value] for format, field in _Template.params.items()},
        "IsDelayLive": int(template.is_delay_live),
        "HlsSpecialParam": {"FlowContinueDuration": template.splice_s},
        "FlvSpecialParam": {"UploadInRecording": template.upload_in_recording},
        "RemoveWatermark": template.remove_watermark,
        "CosStore": int(template.cos_store),
    }


def _check_paths(template: RecordTemplate) -> None:
    if not template.cos_store:
        return
    for format, field in _Template.params.items():
        members = template.formats[format.value]
        if members["Enable"] and not members["CosBucketPath"]:
            raise missing_parameter(f"{to_pascal(field)}.CosBucketPath")

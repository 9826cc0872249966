"""Orders: what is to be recorded of a stream, from a rule, a task or a configuration. Pure.

An order has groups: formats that one recording of the engine can write side by side, since they are cut and
spliced alike. What an order says is fixed when a push begins (or the task does), and stays until it ends.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from engine.catalog.schema import AliyunRecordConfig, RecordTemplate, Task
from engine.control.naming import COS_DEFAULT, OSS_DEFAULT, VOD_DEFAULT
from engine.control.streams import StreamKey
from engine.control.surroundings import Accepted
from engine.media.codecs import Format
from engine.record import RecordSpec
from engine.store import NameTemplate, StreamName
from engine.store.naming import DEFAULT

DEFAULT_INTERVAL_S = 1800
LEGACY_INTERVAL_S = 1800
"""Files of the legacy dialect are cut at half an hour at the latest."""

_ALIYUN = {"m3u8": Format.HLS, "cmaf": Format.HLS, "flv": Format.FLV, "mp4": Format.MP4}
ALIYUN_CYCLE_S = {"m3u8": 21600, "cmaf": 21600, "flv": 3600, "mp4": 3600}
ALIYUN_SLICE_S = 30
"""Of a file and of a media segment, where the configuration does not say."""
_HLS_TIME_S = 6
_AUDIO = frozenset({Format.AAC, Format.MP3})


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True)


class Output(_Frozen):
    """One format of an order."""

    format: Format
    pattern: str = VOD_DEFAULT
    """What its files are called."""
    storage_s: int = 0
    """How long they are kept; 0: for ever."""
    members: dict[str, Any] = {}
    """What the vendor's object said of it, under the vendor's names."""


class Group(_Frozen):
    """What one recording of the engine writes. Durations are seconds."""

    outputs: tuple[Output, ...]
    type: Literal["video", "audio"] = "video"
    interval_s: int | None = None
    splice_s: int = 0
    splice_all: bool = False
    hls_segment: Literal["ts", "fmp4"] = "ts"
    hls_time_s: int = _HLS_TIME_S
    name: str = DEFAULT
    """The template of its files' paths below the storage root."""

    @property
    def formats(self) -> tuple[Format, ...]:
        """What it writes."""
        return tuple(output.format for output in self.outputs)

    @property
    def label(self) -> str:
        """Tells the groups of an order apart."""
        return f"{'+'.join(self.formats)}/{self.hls_segment}/{self.interval_s}"

    def spec(self, id: str, key: StreamKey, root: Path, url: str, tz: str) -> RecordSpec:
        """For the engine. Files are named after the key, whatever the origin calls the stream."""
        stream = StreamName(key.domain, key.app, key.stream)
        return RecordSpec(
            id=id,
            urls=(url,),
            output=root,
            name=NameTemplate(self.name).for_stream(stream).text,
            tz=tz,
            format=self.formats,
            type=self.type,
            interval=self.interval_s,
            splice=self.splice_s,
            splice_all=self.splice_all,
            hls_segment=self.hls_segment,
            hls_time=self.hls_time_s,
        )


class Order(_Frozen):
    """What is recorded of a stream while it is live."""

    cause: Literal["rule", "task", "aliyun", "settings"]
    groups: tuple[Group, ...]
    task_id: int | None = None
    template_id: int | None = None
    config_id: int | None = None
    is_mixed: bool = False
    ends_with_push: bool = False
    """Nothing of it is held open for another push."""
    start_at: datetime | None = None
    end_at: datetime | None = None
    task: str = ""
    """What clients call its task."""
    request_id: str = ""
    """Of the call that made the task, the rule or the configuration."""

    @property
    def slot(self) -> str:
        """Its place among the orders of a stream."""
        return f"task:{self.task_id}" if self.cause == "task" else self.cause

    def stands(self, now: datetime) -> bool:
        """It is in its window."""
        return (self.start_at is None or self.start_at <= now) and (self.end_at is None or now < self.end_at)

    def options(self, group: Group, params: str) -> dict[str, Any]:
        """What is stored of it beside a recording of one group, for files and messages."""
        return {
            "formats": {output.format.value: output.members for output in group.outputs},
            "storage_s": {output.format.value: output.storage_s for output in group.outputs},
            "patterns": {output.format.value: output.pattern for output in group.outputs},
            "stream_param": params,
            "group": group.label,
            "order": self.model_dump(mode="json"),
        }


# Settings


def of_settings(groups: tuple[Group, ...], *, is_mixed: bool) -> Order:
    """The order of a push that no rule and no configuration matches."""
    return Order(cause="settings", groups=groups, is_mixed=is_mixed)


def settings_groups(
    formats: Iterable[str], *, interval_s: int, splice_s: int, audio_only: bool, name: str
) -> tuple[Group, ...]:
    """The groups of `[record]` and of a rule of /v1. As with a template, HLS makes one playlist of a push, or
    of pushes that are spliced; `interval_s` of 0 makes one file of a push in the other formats too."""
    groups = _grouped(
        Group(
            outputs=(Output(format=format),),
            interval_s=None if format is Format.HLS else interval_s or None,
            splice_s=splice_s if format is Format.HLS else 0,
            name=name,
        )
        for format in map(Format, formats)
    )
    return tuple(
        group.model_copy(update={"type": "audio"})
        if audio_only or _AUDIO.issuperset(group.formats)
        else group
        for group in groups
    )


# Tencent


def of_rule(template: RecordTemplate, *, is_mixed: bool, request_id: str = "") -> Order:
    """What the template of a rule says. No groups: the stream is not recorded."""
    return Order(
        cause="rule",
        groups=template_groups(template),
        template_id=template.id,
        is_mixed=is_mixed,
        request_id=request_id,
    )


def template_groups(template: RecordTemplate) -> tuple[Group, ...]:
    """The enabled formats of a template. HLS makes one playlist of a push, or of pushes that are spliced."""
    if template.settings is not None:
        return settings_groups(**template.settings)
    enabled = [
        format for format in Format if _integer(template.formats.get(format.value, {}), "Enable", 0) == 1
    ]
    groups = _grouped(
        Group(
            outputs=(_template_output(template, format),),
            interval_s=_interval(template, format),
            splice_s=template.splice_s if format is Format.HLS else 0,
        )
        for format in enabled
    )
    return tuple(
        group.model_copy(update={"type": "audio"}) if _AUDIO.issuperset(group.formats) else group
        for group in groups
    )


def _interval(template: RecordTemplate, format: Format) -> int | None:
    if format is Format.HLS:
        return None
    return _integer(template.formats[format.value], "RecordInterval", DEFAULT_INTERVAL_S)


def _template_output(template: RecordTemplate, format: Format) -> Output:
    members = template.formats[format.value]
    pattern = (
        members.get("CosBucketPath") or COS_DEFAULT
        if template.cos_store
        else members.get("VodFileName") or VOD_DEFAULT
    )
    storage_s = _integer(members, "StorageTime", 0)
    return Output(format=format, pattern=pattern, storage_s=storage_s, members=dict(members))


def inline_groups(family: str, options: Mapping[str, Any]) -> tuple[Group, ...]:
    """What a task of CreateLiveRecord, or of the legacy dialect, says itself."""
    interval_s = _integer(options, "interval_s", DEFAULT_INTERVAL_S)
    if family == "legacy":
        interval_s = min(interval_s, LEGACY_INTERVAL_S)
    output = Output(
        format=Format(options.get("format") or Format.FLV), storage_s=_integer(options, "storage_s", 0)
    )
    type: Literal["video", "audio"] = "audio" if options.get("type") == "audio" else "video"
    return (Group(outputs=(output,), type=type, interval_s=interval_s),)


def default_groups(format: Format) -> tuple[Group, ...]:
    """What a task records whose template does not exist: kept for ever."""
    interval_s = None if format is Format.HLS else DEFAULT_INTERVAL_S
    type: Literal["video", "audio"] = "audio" if format in _AUDIO else "video"
    return (Group(outputs=(Output(format=format),), type=type, interval_s=interval_s),)


# Aliyun


def of_config(
    config: AliyunRecordConfig,
    *,
    is_mixed: bool,
    accepted: Accepted | None = None,
    task: Task | None = None,
) -> Order:
    """What a configuration says, or what was agreed on demand. With a task it is started by hand: it has no
    window, and ends with the push."""
    is_manual = task is not None
    return Order(
        cause="aliyun",
        groups=config_groups(config, accepted or Accepted()),
        task_id=None if task is None else task.id,
        config_id=config.id,
        is_mixed=is_mixed,
        ends_with_push=is_manual,
        start_at=None if is_manual else config.start_at,
        end_at=None if is_manual else config.end_at,
        task="" if task is None else task.public_id,
        request_id=(config.request_id if task is None else task.request_id) or "",
    )


def config_groups(config: AliyunRecordConfig, accepted: Accepted) -> tuple[Group, ...]:
    """The formats of a configuration, as far as they were accepted. Files of all of them wait for a push
    that returns."""
    groups = []
    for entry in config.formats:
        name = str(entry.get("Format", "")).lower()
        if name not in _ALIYUN or (accepted.formats is not None and name not in accepted.formats):
            continue
        output = Output(
            format=_ALIYUN[name],
            pattern=entry.get("OssObjectPrefix") or OSS_DEFAULT,
            members={**entry, "OssBucket": config.oss_bucket, "OssEndpoint": config.oss_endpoint},
        )
        is_sliced = _ALIYUN[name] is Format.HLS
        groups.append(
            Group(
                outputs=(output,),
                interval_s=accepted.intervals.get(name)
                or _integer(entry, "CycleDuration", ALIYUN_CYCLE_S[name]),
                splice_s=config.delay_s,
                splice_all=True,
                hls_segment="fmp4" if name == "cmaf" else "ts",
                hls_time_s=_integer(entry, "SliceDuration", ALIYUN_SLICE_S) if is_sliced else _HLS_TIME_S,
            )
        )
    return _grouped(groups)


def _grouped(singles: Iterable[Group]) -> tuple[Group, ...]:
    """Groups of one format each, those of them together that differ in nothing else and write different
    formats."""
    groups: list[Group] = []
    for single in singles:
        for number, group in enumerate(groups):
            alike = group.model_copy(update={"outputs": single.outputs}) == single
            if alike and not set(group.formats) & set(single.formats):
                groups[number] = group.model_copy(update={"outputs": group.outputs + single.outputs})
                break
        else:
            groups.append(single)
    return tuple(groups)


def _integer(members: Mapping[str, Any], name: str, default: int) -> int:
    value = members.get(name)
    return default if value is None else int(value)

"""A file as Aliyun describes it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from engine.catalog.schema import File
from engine.media.civil_time import iso_text
from engine.media.codecs import Format
from engine.notify.aliyun import object_name

_FORMATS = {format: "m3u8" if format is Format.HLS else format.value for format in Format}


def place_of(members: Mapping[str, Any]) -> dict[str, object]:
    """The bucket that a recording's configuration named; no recording of another order has one."""
    return {
        "OssBucket": members.get("OssBucket", ""),
        "OssEndpoint": members.get("OssEndpoint", ""),
    }


def record_info(file: File, options: Mapping[str, Any], public_url: str) -> dict[str, object]:
    """A RecordInfo with all of its members; `options` are the recording's."""
    members = _members(file, options)
    pictures = [track for track in file.tracks if track["kind"] == "video"]
    return {
        "RecordId": file.id,
        "RecordUrl": f"{public_url}/{quote(file.path)}",
        "DomainName": file.domain,
        "AppName": file.app,
        "StreamName": file.stream,
        **place_of(members),
        "OssObject": object_name(file),
        "StartTime": iso_text(file.started_at),
        "EndTime": iso_text(file.ended_at),
        "CreateTime": iso_text(file.created_at),
        "Duration": file.duration_ms / 1000,
        "Height": max((track["height"] or 0 for track in pictures), default=0),
        "Width": max((track["width"] or 0 for track in pictures), default=0),
    }


def file_info(file: File, options: Mapping[str, Any], public_url: str) -> dict[str, object]:
    """A RecordIndexInfo: the same, and the format as the configuration calls it."""
    format = _members(file, options).get("Format") or _FORMATS[Format(file.format)]
    return {**record_info(file, options, public_url), "Format": format}


def _members(file: File, options: Mapping[str, Any]) -> Mapping[str, Any]:
    members: Mapping[str, Any] = options.get("formats", {}).get(file.format, {})
    return members

"""Tencent's messages, without `t` and `sign`, which each attempt makes anew. Pure.

Those of one recording come once for each format of it, since each names one format.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any, Literal

from engine.catalog.schema import File, Push, Recording, Task

Status = Literal["started", "failed", "paused", "resumed", "error", "ended"]

PUSH_BEGAN, PUSH_ENDED, FILE, STATUS, EXCEPTION = 1, 0, 100, 332, 341
"""Event types."""

URLS = {
    PUSH_BEGAN: "StreamBeginNotifyUrl",
    PUSH_ENDED: "StreamEndNotifyUrl",
    FILE: "RecordNotifyUrl",
    STATUS: "RecordStatusNotifyUrl",
    EXCEPTION: "RecordExceptionNotifyUrl",
}
"""The callback template's member that says where an event goes."""

RECORD_EVENTS: dict[Status, str] = {
    "started": "record_start_succeeded",
    "failed": "record_start_failed",
    "paused": "record_paused",
    "resumed": "record_resumed",
    "error": "record_error",
    "ended": "record_ended",
}

_FORMATS = {"flv": 1, "hls": 2, "mp4": 3, "aac": 4, "mp3": 5}
_RULE, _API = 1, 5
_ORIGINAL, _LIVE = 1, 1
_OK = "ok"
_ENDS = {
    0: _OK,
    1: "recv rtmp deleteStream",
    2: "recv rtmp closeStream",
    3: "recv() return 0",
    4: "recv() return error",
    7: "rtmp message large than 1M",
}
_END_OTHERWISE = "ended by the server"


def file_message(
    appid: int, recording: Recording, file: File, task: Task | None, url: str, stream_param: str
) -> dict[str, Any]:
    """Event 100: a file is there, at `url`.

    `start_time` is when its recording began, not the file: that is `end_time` less `duration`. Only what an
    API call ordered has a `task_id`, only what a template ordered a `record_temp_id`; and tasks of
    CreateRecordTask have no `stream_param`.
    """
    message: dict[str, Any] = {
        "event_type": FILE,
        "appid": appid,
        "app": file.domain,
        "appname": file.app,
        "stream_id": file.stream,
        "channel_id": file.stream,
        "file_id": file.id,
        "record_file_id": file.id,
        "file_format": file.format,
    }
    template_id = _template_id(recording, file.format)
    if template_id is not None:
        message["record_temp_id"] = str(template_id)
    if task is not None:
        message["task_id"] = task.public_id
    message |= {
        **_moment("start_time", recording.began_at),
        **_moment("end_time", file.ended_at),
        "duration": (file.duration_ms + 500) // 1000,
        "file_size": file.size_bytes,
    }
    if task is None or task.family != "record":
        message["stream_param"] = stream_param
    return message | {
        "video_url": url,
        "media_start_time": file.first_dts_ms,
        "record_bps": 0,
        "callback_ext": _json(_extension(recording, file)),
    }


def status_message(
    appid: int, recording: Recording, task: Task | None, format: str, what: Status, at: datetime, seq: int
) -> dict[str, Any]:
    """Event 332: a recording began, broke off, went on or ended, in one format. `seq` counts them in a
    session."""
    message: dict[str, Any] = {
        "event_type": STATUS,
        "appid": appid,
        "appname": recording.app,
        "domain": recording.domain,
        "stream_id": recording.stream,
        "event_time": int(at.timestamp()),
        "session_id": recording.session_id,
        "seq": str(seq),
    }
    if task is not None:
        message["task_id"] = task.public_id
    detail = {
        "file_format": _FORMATS[format],
        "record_bps": 0,
        "start_model": _RULE if task is None else _API,
        "record_content": _ORIGINAL,
        "source_type": _LIVE,
        "codec_temp_id": 0,
    }
    return message | {"record_event": RECORD_EVENTS[what], "record_detail": _json(detail)}


def exception_message(
    appid: int, recording: Recording, format: str, level: str, type: int, description: str, at: datetime
) -> dict[str, Any]:
    """Event 341: something was wrong with the stream, or could not be written, once so far."""
    return {
        "event_type": EXCEPTION,
        "interface": "general_callback",
        "appid": appid,
        "domain": recording.domain,
        "path": recording.app,
        "stream_id": recording.stream,
        "session_id": recording.session_id,
        "file_format": format,
        "timestamp": int(at.timestamp()),
        "exception_level": level,
        "exception": {"type": type, "occurs": 1, "desc": description},
    }


def push_message(appid: int, node: str, push: Push, began: bool) -> dict[str, Any]:
    """Events 1 and 0: a publisher came, or left after `push_duration` ms, which is text. `node` is the
    address that it came to."""
    ended_at = push.began_at if began or push.ended_at is None else push.ended_at
    code = 0 if began else push.end_code
    message: dict[str, Any] = {
        "event_type": PUSH_BEGAN if began else PUSH_ENDED,
        "appid": appid,
        "app": push.domain,
        "appname": push.app,
        "stream_id": push.stream,
        "channel_id": push.stream,
        "event_time": int((push.began_at if began else ended_at).timestamp()),
        "sequence": str(push.id),
        "node": node,
        "user_ip": push.client_ip,
        "stream_param": push.params,
        "errcode": code,
        "errmsg": _ENDS.get(code, _END_OTHERWISE),
        "width": 0,
        "height": 0,
        "set_id": 0,
        "idc_id": 0,
    }
    if not began:
        message["push_duration"] = str(round((ended_at - push.began_at).total_seconds() * 1000))
    return message


def formats(recording: Recording) -> Iterator[str]:
    """What a recording writes."""
    yield from recording.spec["format"]


def _template_id(recording: Recording, format: str) -> int | None:
    """The template that made a file; a task may name one that does not exist, and has no settings then."""
    members = recording.options.get("formats", {}).get(format)
    return recording.template_id if members else None


def _moment(name: str, at: datetime) -> dict[str, int]:
    return {name: int(at.timestamp()), f"{name}_usec": at.microsecond}


def _extension(recording: Recording, file: File) -> dict[str, str]:
    video = next((track for track in file.tracks if track["kind"] == "video"), None)
    extension = {"video_codec": "", "resolution": "", "session_id": recording.session_id}
    if video is not None:
        extension["video_codec"] = video["codec"].lower().replace(".", "")
        if video.get("width") and video.get("height"):
            extension["resolution"] = f"{video['width']}x{video['height']}"
    return extension


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))

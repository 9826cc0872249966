"""Aliyun's notices. Pure."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any
from urllib.parse import parse_qsl

from engine.catalog.schema import File, Recording

FILE = "file_created"
"""What the list of notices calls that of a file."""

STATUS_EVENTS: dict[str, str] = {
    "started": "record_started",
    "paused": "record_paused",
    "resumed": "record_resumed",
}
"""What is told of a recording's life; its end is told by its file."""

_ARGUMENT = "callback_"


def file_notice(file: File, stream_param: str) -> dict[str, Any]:
    """A file is there: its name in the bucket, its own times, and the push parameters named `callback_...`,
    the first of a name; no `push_args` when there are none."""
    notice: dict[str, Any] = {
        "domain": file.domain,
        "app": file.app,
        "stream": file.stream,
        "uri": object_name(file),
        "duration": file.duration_ms / 1000,
        "start_time": int(file.started_at.timestamp()),
        "stop_time": int(file.ended_at.timestamp()),
    }
    arguments = push_arguments(stream_param)
    return {**notice, "push_args": arguments} if arguments else notice


def status_notice(recording: Recording, event: str) -> dict[str, Any]:
    """A recording began, broke off or went on."""
    return {
        "domain": recording.domain,
        "app": recording.app,
        "stream": recording.stream,
        "event": event,
    }


def object_name(file: File) -> str:
    """The order's name of a file, with the ending that the file has."""
    return file.name + PurePosixPath(file.path).suffix


def push_arguments(stream_param: str) -> dict[str, str]:
    """Push parameters that go back to the receiver."""
    found: dict[str, str] = {}
    for name, value in parse_qsl(stream_param, keep_blank_values=True):
        if name.startswith(_ARGUMENT):
            found.setdefault(name, value)
    return found

"""What orders call their files: patterns of both vendors. Pure.

These are names in the catalog and in messages. On disk files are named by the engine, so that no pattern and
no stream name can lead out of the recording root.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

from engine.media.civil_time import CHINA

_PARTS = ("Year", "Month", "Day", "Hour", "Minute", "Second", "Millisecond")
VOD_FIELDS = ("StreamID", *(f"{edge}{part}" for edge in ("Start", "End") for part in _PARTS))
COS_FIELDS = (*VOD_FIELDS, "RecordSource", "Domain", "AppName", "RecordId", "RandomID")
OSS_FIELDS = (
    "AppName",
    "StreamName",
    "Sequence",
    "StartTime",
    "EndTime",
    "EscapedStartTime",
    "EscapedEndTime",
)


def _moment(edge: str) -> str:
    return "-".join(f"{{{edge}{part}}}" for part in _PARTS[:-1])


VOD_DEFAULT = f"{{StreamID}}_{_moment('Start')}_{_moment('End')}"
COS_DEFAULT = "/{RecordSource}/{Domain}/{AppName}/{StreamID}/{RecordId}-{RandomID}/" + _moment("Start")
OSS_DEFAULT = "record/{AppName}/{StreamName}/{Sequence}_{EscapedStartTime}_{EscapedEndTime}"

_FIELD = re.compile(r"\{([^{}]*)\}")


@dataclass(frozen=True, slots=True)
class Named:
    """What a pattern may speak of. `sequence` counts the recording's files of one format from 0."""

    domain: str
    app: str
    stream: str
    session_id: str
    file_id: str
    sequence: int
    started_at: datetime
    ended_at: datetime


def unknown_fields(pattern: str, fields: tuple[str, ...]) -> list[str]:
    """What a pattern has in braces and is none of `fields`."""
    return [name for name in _FIELD.findall(pattern) if name not in fields]


def file_name(pattern: str, named: Named) -> str:
    """The name, without an ending. What is no field stays as it is."""
    values = {
        "StreamID": named.stream,
        "StreamName": named.stream,
        "AppName": named.app,
        "Domain": named.domain,
        "RecordSource": "origin",
        "RecordId": named.session_id,
        "RandomID": named.file_id,
        "Sequence": str(named.sequence),
        **_moments("Start", named.started_at.astimezone(CHINA)),
        **_moments("End", named.ended_at.astimezone(CHINA)),
    }
    return _FIELD.sub(lambda match: values.get(match[1], match[0]), pattern)


def _moments(edge: str, at: datetime) -> dict[str, str]:
    return {
        f"{edge}Year": f"{at.year:04d}",
        f"{edge}Month": f"{at.month:02d}",
        f"{edge}Day": f"{at.day:02d}",
        f"{edge}Hour": f"{at.hour:02d}",
        f"{edge}Minute": f"{at.minute:02d}",
        f"{edge}Second": f"{at.second:02d}",
        f"{edge}Millisecond": f"{at.microsecond // 1000:03d}",
        f"{edge}Time": at.strftime("%Y-%m-%d-%H:%M:%S"),
        f"Escaped{edge}Time": at.strftime("%Y-%m-%d-%H-%M-%S"),
    }

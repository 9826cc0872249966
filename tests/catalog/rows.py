"""Rows with everything they need."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from engine.catalog.schema import Callback, File, Push, Recording, RecordRule, RecordTemplate, Task

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
KEY = {"domain": "d.example.com", "app": "live", "stream": "x"}


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def template(**more: Any) -> RecordTemplate:
    return RecordTemplate(**{"name": "t", "formats": {}, "created_at": NOON, "updated_at": NOON, **more})


def rule(template_id: int, app: str = "", stream: str = "", **more: Any) -> RecordRule:
    fields = {"domain": KEY["domain"], "app": app, "stream": stream, "template_id": template_id}
    return RecordRule(**{**fields, "created_at": NOON, "updated_at": NOON, **more})


def task(public_id: str, **more: Any) -> Task:
    fields = {"family": "live", "state": "armed", "start_at": at(0), "end_at": at(3600), "options": {}}
    return Task(**{**KEY, **fields, "public_id": public_id, "created_at": at(-60), **more})


def push(**more: Any) -> Push:
    return Push(**{**KEY, "began_at": NOON, "source": "embedded", **more})


def recording(id: str, **more: Any) -> Recording:
    fields = {"session_id": "1", "cause": "rule", "url": "rtmp://h/live/x", "spec": {}, "options": {}}
    return Recording(**{**KEY, **fields, "id": id, "state": "live", "began_at": NOON, **more})


def file(id: str, recording_id: str, **more: Any) -> File:
    fields = {"format": "flv", "path": f"d/live/x/{id}.flv", "name": f"x_{id}", "size_bytes": 1 << 40}
    times = {"duration_ms": 10_000, "first_dts_ms": 0, "started_at": NOON, "ended_at": at(10)}
    fields |= {"tracks": [], "created_at": at(11)}
    return File(**{**KEY, **fields, **times, "id": id, "recording_id": recording_id, **more})


def callback(once: str, **more: Any) -> Callback:
    fields = {"vendor": "tencent", "event": "100", "url": "http://h/", "message": {"a": 1}}
    return Callback(
        **{**KEY, **fields, "once": once, "state": "waiting", "next_at": NOON, "created_at": NOON, **more}
    )

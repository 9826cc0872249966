"""The ids that join the lines of the log: stream, push, recording, task and request."""

from __future__ import annotations

from typing import Any

from engine.catalog.schema import Push, Recording


def push_ids(push: Push) -> dict[str, Any]:
    """Fields of every line about a push."""
    return {"stream": f"{push.domain}/{push.app}/{push.stream}", "push": push.id}


def recording_ids(recording: Recording) -> dict[str, Any]:
    """Fields of every line about a recording. `task` and `request_id` are there when an order had them."""
    order = recording.options.get("order", {})
    ids = {
        "stream": f"{recording.domain}/{recording.app}/{recording.stream}",
        "push": recording.push_id,
        "recording": recording.id,
        "session": recording.session_id,
        "task": order.get("task"),
        "request_id": order.get("request_id"),
    }
    return {name: value for name, value in ids.items() if value}

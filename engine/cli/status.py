"""`reel status`: a running server at a glance."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from engine.cli.columns import columns
from engine.cli.running import run
from engine.cli.server_client import AsJson, Config, Server, ServerClient, Token
from engine.clock import wall_now

_HEAD = ("stream", "push", "recording", "formats", "state", "ordered by", "since")


def status_command(
    config: Config = None, server: Server = None, token: Token = None, as_json: AsJson = False
) -> None:
    """Print what a running server records: pushes, recordings, workers and free space."""
    status = run(ServerClient(config, server, token).call("GET", "/v1/status"))
    if as_json:
        print(json.dumps(status, ensure_ascii=False))
        return
    for line in _lines(status):
        print(line)


def _lines(status: dict[str, Any]) -> list[str]:
    free_bytes = status["free_bytes"]
    free = "free space unknown" if free_bytes is None else f"{free_bytes / 1e9:.1f} GB free"
    push_url, workers = status["push_url"], status["workers"]
    alive = sum(worker["pid"] is not None for worker in workers)
    facts = [
        ["reel", f"{status['version']}, started at {_time(status['started_at'])}"],
        ["settings", status["settings_file"] or "defaults"],
        ["push to", f"{push_url}/APP/STREAM"] if push_url else ["pulls", status["origin_url"]],
        ["files", f"{status['root']} ({free})"],
        ["workers", f"{alive} of {len(workers)} run"],
    ]
    lines = columns(facts)
    rows = [
        [_name(push), f"live from {push['client_ip'] or push['source']}", *_recording(recording)]
        for push in status["pushes"]
        for recording in push["recordings"] or [None]
    ]
    rows += [
        [_name(recording), "waits for the next push", *_recording(recording)]
        for recording in status["waiting"]
    ]
    if not rows:
        return [*lines, "", "nobody publishes"]
    return [*lines, "", *columns([_HEAD, *rows])]


def _recording(recording: dict[str, Any] | None) -> list[str]:
    if recording is None:
        return ["not recorded", "", "", "", ""]
    since = _time(recording["began_at"])
    return [
        recording["id"],
        ",".join(recording["formats"]),
        recording["state"],
        recording["ordered_by"],
        since,
    ]


def _name(named: dict[str, Any]) -> str:
    return f"{named['domain']}/{named['app']}/{named['stream']}"


def _time(text: str) -> str:
    moment = datetime.fromisoformat(text).astimezone(UTC)
    today = moment.date() == wall_now().date()
    return moment.strftime("%H:%M:%S UTC" if today else "%Y-%m-%d %H:%M:%S UTC")

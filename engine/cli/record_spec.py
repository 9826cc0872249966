"""The JSON of `reel record --spec`: how it is read, and its JSON Schema."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import typer

from engine.errors import UsageError
from engine.record import RecordSpec
from engine.validation import Location, dotted


def read_spec(path: str | None) -> dict[str, Any]:
    """The fields of a specification: of a file, of stdin for `-`, or none.

    Raises:
        UsageError: it cannot be read, is no JSON object, or has both `url` and `urls`.
    """
    if path is None:
        return {}
    try:
        text = sys.stdin.read() if path == "-" else Path(path).read_text(encoding="utf-8")
        fields = json.loads(text)
    except OSError as error:
        raise UsageError(f"--spec {path}: {error.strerror}") from None
    except ValueError as error:
        raise UsageError(f"--spec {path}: not JSON: {error}") from None
    if not isinstance(fields, dict):
        raise UsageError(f"--spec {path}: a JSON object is expected")
    if "url" in fields:
        if "urls" in fields:
            raise UsageError(f"--spec {path}: url and urls mean the same: give one of them")
        fields["urls"] = [fields.pop("url")]
    return fields


def parse_spec(fields: Mapping[str, Any], path: str | None, flags: Mapping[str, str]) -> RecordSpec:
    """The order that options and a specification make together.

    Args:
        fields: The values of both.
        path: Where the specification was read, if there is one.
        flags: The flag of each field that an option has set.

    Raises:
        UsageError: a field is wrong: named as the user wrote it.
    """

    def name(location: Location) -> str:
        field = str(location[0])
        if field in flags:
            return "" if field == "urls" else flags[field]  # what is wrong with a URL names it
        return f"--spec {path}: {dotted(location)}"

    return RecordSpec.parse(fields, name)


def spec_schema() -> dict[str, Any]:
    """The JSON Schema of a specification, with defaults, descriptions and an example."""
    schema = RecordSpec.model_json_schema()
    del schema["required"]  # URLs may be arguments
    fields = schema["properties"]
    url = {"type": "string", "description": "The one of `urls` when there is only one."}
    return schema | {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "reel record --spec",
        "description": "What `reel record` records, and how. A duration is seconds, or text with units: 90s, "
        "1m30s, 1h, 1:30:00, 500ms. A size is MiB, or text with a unit: 512MiB, 1GB.",
        "properties": {"url": url, **fields},
        "not": {"required": ["url", "urls"]},
        "examples": [
            {
                "url": "rtmp://127.0.0.1/live/one",
                "output": "recordings",
                "format": ["flv", "mp4"],
                "duration": "2h",
                "interval": "30m",
                "min_free": "1GB",
            }
        ],
    }


def print_schema(wanted: bool) -> None:
    """Print the JSON Schema and exit, when the option is given."""
    if wanted:
        typer.echo(json.dumps(spec_schema(), ensure_ascii=False, indent=2))
        raise typer.Exit

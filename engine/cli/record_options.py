"""The options of `reel record`: flags of the fields of `RecordSpec`.

Help and defaults are those of the fields, so that `--help`, the man page and the JSON Schema of `--spec` say
the same. Values stay text until `RecordSpec` reads them, so that an option, `--spec` and the settings accept
the same.
"""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Annotated, Any

import typer

from engine.media.codecs import Format
from engine.record import RecordSpec


def _help(field: str) -> str:
    """The description of a field and its default, where it has one."""
    info = RecordSpec.model_fields[field]
    default = info.get_default(call_default_factory=True)
    if info.is_required() or default is None or default is False or default == {}:
        return info.description or ""
    return f"{info.description} [default: {_text(default)}]"


def _text(value: object) -> str:
    if isinstance(value, tuple):
        return ",".join(_text(item) for item in value)
    if isinstance(value, Enum):
        return str(value.value)
    return f"{value:g}s" if isinstance(value, float) else str(value)


def _option(field: str, *flags: str, metavar: str | None = None, **more: Any) -> Any:
    """An option that sets a field."""
    return typer.Option(*flags, metavar=metavar, help=_help(field), **more)


def complete_formats(incomplete: str) -> list[str]:
    """Complete a list of formats: each format once, behind those that are written."""
    before, comma, last = incomplete.rpartition(",")
    written = before.lower().split(",")
    return [
        f"{before}{comma}{format.value}"
        for format in Format
        if format.value.startswith(last.lower()) and format.value not in written
    ]


_TIME = "TIME"

Urls = Annotated[list[str] | None, typer.Argument(metavar="URL...", help=_help("urls"))]
Output = Annotated[Path | None, _option("output", "--output", "-o", metavar="FOLDER")]
Formats = Annotated[
    str | None, _option("format", "--format", "-f", metavar="LIST", autocompletion=complete_formats)
]
Type = Annotated[str | None, _option("type", "--type", metavar="video|audio")]
Duration = Annotated[str | None, _option("duration", "--duration", metavar=_TIME)]
Interval = Annotated[str | None, _option("interval", "--interval", metavar=_TIME)]
SplitSize = Annotated[str | None, _option("split_size", "--split-size", metavar="SIZE")]
Reconnect = Annotated[str | None, _option("reconnect", "--reconnect", metavar=_TIME)]
Splice = Annotated[str | None, _option("splice", "--splice", metavar=_TIME)]
Name = Annotated[str | None, _option("name", "--name", metavar="TEMPLATE")]
Tz = Annotated[str | None, _option("tz", "--tz", metavar="ZONE")]
Title = Annotated[str | None, _option("title", "--title", metavar="TEXT")]
Timestamps = Annotated[str | None, _option("timestamps", "--timestamps", metavar="original|zero")]
Jump = Annotated[str | None, _option("jump", "--jump", metavar="discontinuity|repair")]
HlsSegment = Annotated[str | None, _option("hls_segment", "--hls-segment", metavar="ts|fmp4|auto")]
HlsTime = Annotated[str | None, _option("hls_time", "--hls-time", metavar=_TIME)]
FlvSignalling = Annotated[
    str | None, _option("flv_signalling", "--flv-signalling", metavar="source|enhanced|legacy")
]
Headers = Annotated[list[str] | None, _option("headers", "--header", metavar="'K: V'")]
UserAgent = Annotated[str | None, _option("user_agent", "--user-agent", metavar="TEXT")]
CookieFile = Annotated[Path | None, _option("cookie_file", "--cookie-file", metavar="FILE")]
Proxy = Annotated[str | None, _option("proxy", "--proxy", metavar="URL")]
Insecure = Annotated[bool, _option("insecure", "--insecure")]
Sync = Annotated[str | None, _option("sync", "--sync", metavar=_TIME)]
Progress = Annotated[str | None, _option("progress", "--progress", metavar=_TIME)]
MinFree = Annotated[str | None, _option("min_free", "--min-free", metavar="SIZE")]
Id = Annotated[str | None, _option("id", "--id", metavar="ID")]
OnFile = Annotated[
    str | None,
    typer.Option(
        "--on-file",
        metavar="CMD",
        help="Run CMD with /bin/sh -c for each finished file: REEL_PATH, REEL_FORMAT, REEL_STREAM and more "
        "in its environment, the event as JSON on its stdin.",
    ),
]
OnFileTimeout = Annotated[
    str,
    typer.Option("--on-file-timeout", metavar=_TIME, help="End a command of --on-file that runs for longer."),
]

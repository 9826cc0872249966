"""`reel record`: record streams side by side in one process."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from engine.cli.display import JsonLines, Lines, Progress, Reporter
from engine.cli.running import run, stopping
from engine.errors import UsageError
from engine.ingest.source import masked
from engine.record import Outcome, RecordSpec
from engine.worker import Worker


def record_command(
    urls: Annotated[
        list[str] | None,
        typer.Argument(metavar="URL...", help="rtmp(s)://, http(s)://….flv or file://… (?speed=0: at once)."),
    ] = None,
    urls_file: Annotated[
        Path | None, typer.Option("--urls", help="A file with one URL a line; # begins a comment.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Folder to record into. [default: recordings]")
    ] = None,
    format: Annotated[
        str | None,
        typer.Option("-f", "--format", help="Any of flv,hls,mp4,aac,mp3, with commas. [default: flv]"),
    ] = None,
    type: Annotated[
        str | None, typer.Option("--type", help="video: all tracks; audio: audio alone. [default: video]")
    ] = None,
    duration: Annotated[
        float | None, typer.Option(help="Stop after S seconds of media.", metavar="S")
    ] = None,
    interval: Annotated[
        float | None, typer.Option(help="Start new files every S seconds, at keyframes.", metavar="S")
    ] = None,
    reconnect: Annotated[
        float | None,
        typer.Option(
            help="Wait S seconds for a stream that ended or never began; 0: stop at the first end. "
            "[default: 30]",
            metavar="S",
        ),
    ] = None,
    splice: Annotated[
        float | None,
        typer.Option(
            help="Keep an HLS file open for S seconds after an interruption, for the next push. [default: 0]",
            metavar="S",
        ),
    ] = None,
    name: Annotated[
        str | None,
        typer.Option(
            help="File names, in UTC. [default: {domain}/{app}/{stream}/{start}-{seq}]", metavar="TEMPLATE"
        ),
    ] = None,
    timestamps: Annotated[
        str | None, typer.Option(help="original or zero (MP4 is always zero). [default: original]")
    ] = None,
    jump: Annotated[
        str | None,
        typer.Option(
            help="What a jump of the source's clock becomes: discontinuity or repair. "
            "[default: discontinuity]"
        ),
    ] = None,
    hls_segment: Annotated[
        str | None, typer.Option("--hls-segment", help="ts, fmp4 or auto. [default: ts]")
    ] = None,
    hls_time: Annotated[
        float | None, typer.Option("--hls-time", help="Length of HLS segments. [default: 6]", metavar="S")
    ] = None,
    flv_signalling: Annotated[
        str | None,
        typer.Option(
            "--flv-signalling", help="source, enhanced or legacy codec signalling. [default: source]"
        ),
    ] = None,
    header: Annotated[
        list[str] | None, typer.Option("--header", help="An HTTP header to send.", metavar="'K: V'")
    ] = None,
    insecure: Annotated[
        bool, typer.Option("--insecure", help="Accept certificates that are not valid.")
    ] = False,
    sync: Annotated[
        float | None,
        typer.Option(
            help="Sync growing files to the disk every S seconds. [default: when they are final]", metavar="S"
        ),
    ] = None,
    min_free: Annotated[
        float | None,
        typer.Option(
            "--min-free",
            help="Begin no file with less than this free. [default: 1 % of the disk, at most 256]",
            metavar="MIB",
        ),
    ] = None,
    id: Annotated[
        str | None,
        typer.Option(
            "--id", help="Record under this id, going on where a process that died left off.", metavar="ID"
        ),
    ] = None,
    json_events: Annotated[
        bool, typer.Option("--json", help="Print events, one JSON object a line, on stdout.")
    ] = False,
    spec_file: Annotated[
        str | None,
        typer.Option(
            "--spec", help="The same fields as JSON; - reads stdin. Options override it.", metavar="FILE"
        ),
    ] = None,
) -> None:
    """Record streams side by side; the exit code is that of the worst.

    SIGINT and SIGTERM finalize every file and exit 0.
    """
    fields = _read_spec(spec_file)
    given = {
        "urls": [*(urls or ()), *_read_urls(urls_file)] or None,
        "output": output,
        "format": format,
        "type": type,
        "duration": duration,
        "interval": interval,
        "reconnect": reconnect,
        "splice": splice,
        "name": name,
        "timestamps": timestamps,
        "jump": jump,
        "hls_segment": hls_segment,
        "hls_time": hls_time,
        "flv_signalling": flv_signalling,
        "headers": _headers(header) or None,
        "insecure": insecure or None,
        "sync": sync,
        "min_free": min_free,
        "id": id,
    }
    fields |= {key: value for key, value in given.items() if value is not None}
    if not fields.get("urls"):
        raise UsageError("name at least one URL to record, or a file of them with --urls")
    spec = RecordSpec.parse(fields)
    reporter: Reporter
    if json_events:
        reporter = JsonLines(sys.stdout)
    elif sys.stderr.isatty():
        reporter = Progress()
    else:
        reporter = Lines(sys.stdout)
    outcomes = run(_record(spec, reporter))
    raise typer.Exit(_worst(outcomes, spec))


async def _record(spec: RecordSpec, reporter: Reporter) -> list[Outcome]:
    async with Worker(reporter.event) as worker:
        for url in spec.urls:
            worker.add(spec, url)
        recovery = asyncio.create_task(worker.recover(spec.output))
        with stopping(worker.stop_all), reporter.watching(worker.recordings):
            outcomes = await worker.run_all()
        await recovery
        return list(outcomes)


def _worst(outcomes: list[Outcome], spec: RecordSpec) -> int:
    """One line for each failure; the highest exit code but that 1, a failure of ours, counts most."""
    for url, outcome in zip(spec.urls, outcomes, strict=True):
        if outcome.error is not None:
            name = masked(url)
            prefix = f"{name}: " if len(outcomes) > 1 and name not in str(outcome.error) else ""
            message = " ".join(f"{prefix}{outcome.error}".split())
            print(f"reel: {message}", file=sys.stderr)
    codes = [outcome.exit_code for outcome in outcomes]
    return 1 if 1 in codes else max(codes)


def _read_spec(path: str | None) -> dict[str, Any]:
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


def _read_urls(path: Path | None) -> list[str]:
    if path is None:
        return []
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise UsageError(f"--urls {path}: {error.strerror}") from None
    except ValueError as error:
        raise UsageError(f"--urls {path}: not text in UTF-8: {error}") from None
    return [line.strip() for line in lines if line.strip() and not line.lstrip().startswith("#")]


def _headers(lines: list[str] | None) -> dict[str, str]:
    headers = {}
    for line in lines or ():
        key, colon, value = line.partition(":")
        if not colon or not key.strip():
            raise UsageError(f"--header {line!r}: write it as 'Name: value'")
        headers[key.strip()] = value.strip()
    return headers

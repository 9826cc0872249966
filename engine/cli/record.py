"""`reel record`: record streams side by side in one process."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from engine.cli import record_options as options
from engine.cli.on_file import FileCommands, parse_timeout_s
from engine.cli.progress_table import ProgressTable
from engine.cli.record_spec import parse_spec, print_schema, read_spec
from engine.cli.reporter import ErrorLines, JsonLines, Reporter, StateLines
from engine.cli.running import run, stopping
from engine.errors import UsageError
from engine.record import Outcome, RecordSpec
from engine.store import check_root
from engine.worker import Worker


def record_command(
    context: typer.Context,
    urls: options.Urls = None,
    urls_file: Annotated[
        Path | None,
        typer.Option("--urls", metavar="FILE", help="A file with one URL a line; # begins a comment."),
    ] = None,
    output: options.Output = None,
    format: options.Formats = None,
    type: options.Type = None,
    duration: options.Duration = None,
    interval: options.Interval = None,
    split_size: options.SplitSize = None,
    reconnect: options.Reconnect = None,
    splice: options.Splice = None,
    name: options.Name = None,
    tz: options.Tz = None,
    title: options.Title = None,
    timestamps: options.Timestamps = None,
    jump: options.Jump = None,
    hls_segment: options.HlsSegment = None,
    hls_time: options.HlsTime = None,
    flv_signalling: options.FlvSignalling = None,
    headers: options.Headers = None,
    user_agent: options.UserAgent = None,
    cookie_file: options.CookieFile = None,
    proxy: options.Proxy = None,
    insecure: options.Insecure = False,
    sync: options.Sync = None,
    min_free: options.MinFree = None,
    id: options.Id = None,
    on_file: options.OnFile = None,
    on_file_timeout: options.OnFileTimeout = "10m",
    json_events: Annotated[
        bool, typer.Option("--json", help="Print events, one JSON object a line, on stdout.")
    ] = False,
    progress: options.Progress = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")] = False,
    spec_file: Annotated[
        str | None,
        typer.Option(
            "--spec", metavar="FILE", help="The same fields as JSON; - reads stdin. Options override it."
        ),
    ] = None,
    spec_schema: Annotated[
        bool,
        typer.Option(
            "--spec-schema",
            help="Print the JSON Schema of --spec and exit.",
            is_eager=True,
            expose_value=False,
            callback=print_schema,
        ),
    ] = False,
) -> None:
    """Record streams side by side.

    The exit code is that of the worst. SIGINT and SIGTERM finalize every file and exit 0. TIME is seconds, or
    has units: 90s, 1m30s, 1h, 1:30:00, 500ms. SIZE is MiB, or has a unit: 512MiB, 1GB.
    """
    given: dict[str, Any] = {
        **{field: value for field, value in context.params.items() if field in RecordSpec.model_fields},
        "urls": [*(urls or ()), *_read_urls(urls_file)],
        "headers": _read_headers(headers or ()),
    }
    given = {field: value for field, value in given.items() if value not in (None, False, [], {})}
    fields = read_spec(spec_file) | given
    if not fields.get("urls"):
        raise UsageError("name at least one URL to record, or a file of them with --urls")
    flags = {option.name: option.opts[0] for option in context.command.params if option.name in given}
    spec = parse_spec(fields, spec_file, flags)
    check_root(spec.output)
    reporter = _reporter(spec, json_events, quiet)
    commands = FileCommands(on_file, parse_timeout_s(on_file_timeout), reporter.event) if on_file else None
    outcomes = run(_record(spec, reporter, commands))
    raise typer.Exit(_worst(outcomes))


def _reporter(spec: RecordSpec, json_events: bool, quiet: bool) -> Reporter:
    if json_events:
        return JsonLines(spec.progress)
    if quiet:
        return ErrorLines()
    return ProgressTable() if sys.stderr.isatty() else StateLines()


async def _record(spec: RecordSpec, reporter: Reporter, commands: FileCommands | None) -> list[Outcome]:
    async with Worker(commands.event if commands else reporter.event) as worker:
        is_stopping = False

        def stop() -> None:
            """The first time end the recordings, the second time the commands too."""
            nonlocal is_stopping
            if is_stopping and commands:
                commands.leave()
            is_stopping = True
            worker.stop_all()

        for url in spec.urls:
            worker.add(spec, url)
        recovery = asyncio.create_task(worker.recover(spec.output))
        with stopping(stop), reporter.watching(worker.recordings):
            outcomes = await worker.run_all()
            await recovery
            if commands is not None:
                await commands.wait_done()
        return list(outcomes)


def _worst(outcomes: list[Outcome]) -> int:
    """The highest exit code but that 1, a failure of ours, counts most."""
    codes = [outcome.exit_code for outcome in outcomes]
    return 1 if 1 in codes else max(codes)


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


def _read_headers(lines: list[str] | tuple[str, ...]) -> dict[str, str]:
    headers = {}
    for line in lines:
        key, colon, value = line.partition(":")
        if not colon or not key.strip():
            raise UsageError("--header: a colon is missing: write it as 'Name: value'")
        headers[key.strip()] = value.strip()
    return headers

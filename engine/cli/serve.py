"""`reel serve`: the whole of it in one command."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from engine.cli.running import run, stopping
from engine.cli.server_client import Config
from engine.errors import UsageError
from engine.log import configure

if TYPE_CHECKING:
    from engine.config import Settings


def serve_command(
    config: Config = None,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Log everything: [log] level = debug.")
    ] = False,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Log warnings and errors only: [log] level = warning.")
    ] = False,
) -> None:
    """Run API, control, workers and, unless another one is configured, the embedded origin.

    Clients written for Tencent CSS or Aliyun Live drive it. SIGINT and SIGTERM finalize every file and end it
    with exit code 0; recordings whose streams go on are gone on with by the next start. A disk of the
    database that fails ends it with exit code 5, after every file was finalized.
    """
    from engine.config import Settings, find_file  # here: its libraries double the start of every verb

    if verbose and quiet:
        raise UsageError("-v and -q exclude each other: give one of them")
    file = find_file(config)
    settings = Settings.read(file)
    configure("debug" if verbose else "warning" if quiet else settings.log.level, settings.log.format)
    run(_serve(settings, file))


async def _serve(settings: Settings, file: Path | None) -> None:
    from engine.serve import serve, summary

    stopped = asyncio.Event()
    with stopping(stopped.set):
        async with serve(settings, file) as serving:
            typer.echo("\n".join(summary(settings, file, serving.addresses)))
            await serving.until(stopped)

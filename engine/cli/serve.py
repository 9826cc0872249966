"""`reel serve`: the whole of it in one command."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from engine.cli.running import run, stopping
from engine.errors import UsageError
from engine.log import configure

if TYPE_CHECKING:
    from engine.config import Settings


def serve_command(
    config: Annotated[
        Path | None,
        typer.Option("--config", "-c", metavar="FILE", help="Settings in TOML: see `reel config`."),
    ] = None,
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
    from engine.config import Settings  # here, because its libraries double the start of every verb

    if verbose and quiet:
        raise UsageError("-v and -q exclude each other: give one of them")
    settings = Settings.read(config)
    configure("debug" if verbose else "warning" if quiet else settings.log.level, settings.log.format)
    run(_serve(settings))


async def _serve(settings: Settings) -> None:
    from engine.serve import serve

    stopped = asyncio.Event()
    with stopping(stopped.set):
        async with serve(settings) as serving:
            if serving.notice is not None:
                typer.echo(serving.notice)
            typer.echo(f"API {serving.api}")
            if serving.rtmp is not None:
                typer.echo(f"push to {serving.rtmp}/APP/STREAM")
            await serving.until(stopped)

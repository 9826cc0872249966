"""`reel serve`: the whole of it in one command."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from engine.cli.running import run, stopping
from engine.cli.server_client import Config
from engine.errors import TooManyOpenFiles, UsageError
from engine.log import configure

if TYPE_CHECKING:
    from engine.config import Settings

_LEAST_FILES = 256  # with fewer the event loop, the database or a worker fails halfway, each in its own words


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
    _ensure_open_files()
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


def _ensure_open_files() -> None:
    """Raise the limit of open files when it is very low and may be raised.

    Raises:
        TooManyOpenFiles: the system allows fewer than `_LEAST_FILES`.
    """
    import resource  # here: not every system has it

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= _LEAST_FILES:
        return
    if hard != resource.RLIM_INFINITY and hard < _LEAST_FILES:
        raise TooManyOpenFiles(
            f"the system lets this process open {hard} files and connections: allow {_LEAST_FILES} or more "
            "(ulimit -n, or LimitNOFILE= of a systemd unit)"
        )
    resource.setrlimit(resource.RLIMIT_NOFILE, (_LEAST_FILES, hard))

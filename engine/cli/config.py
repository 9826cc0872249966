"""`reel config`: the settings of `reel serve`, explained and checked."""

from __future__ import annotations

from typing import Annotated

import typer

from engine.cli.server_client import Config


def config_command(
    check: Annotated[
        bool, typer.Option("--check", help="Read the settings as `reel serve` would, and print no file.")
    ] = False,
    config: Config = None,
) -> None:
    """Print a settings file with every key of `reel serve`, its default and what it is for."""
    # Here, because its libraries double the start of every verb.
    from engine.config import Settings, default_text, find_file, source_text

    if check or config is not None:
        file = find_file(config)
        Settings.read(file)
        typer.echo(f"no mistake found; settings: {source_text(file)}")
    else:
        typer.echo(default_text(), nl=False)

"""`reel config`: the settings of `reel serve`, explained."""

from __future__ import annotations

import typer


def config_command() -> None:
    """Print a settings file with every key of `reel serve`, its default and what it is for."""
    from engine.config import default_text  # here, because its libraries double the start of every verb

    typer.echo(default_text(), nl=False)

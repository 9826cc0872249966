"""What the program says of its own command line, for the pages and the man page."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import typer

from engine.cli.main import app

_TYPE = re.compile(r"( )<([^<>]+)>$")
_WORDS = {"path": "PATH", "str": "TEXT", "int": "N", "float": "N", "int range": "N", "float range": "N"}


def verbs() -> dict[str, Any]:
    """Every command of `reel` by its words, such as `callbacks list`, in the order of `--help`."""
    return dict(_commands(typer.main.get_command(app), ()))


def option_rows(verb: str) -> list[tuple[str, str]]:
    """The arguments and options of a verb: how each is written, and its help."""
    command = verbs()[verb]
    context = command.make_context(verb, [], resilient_parsing=True)
    rows = []
    for parameter in command.get_params(context):
        record = parameter.get_help_record(context)
        if record is not None and parameter.name not in ("help", "version"):
            rows.append((_TYPE.sub(_readable, record[0]), record[1]))
    return rows


def usage(verb: str) -> str:
    """The arguments of a verb, as its usage line has them."""
    command = verbs()[verb]
    context = command.make_context(verb, [], resilient_parsing=True)
    return " ".join(command.collect_usage_pieces(context))


def _commands(command: Any, words: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
    inner = getattr(command, "commands", None)
    if inner is None:
        yield " ".join(words), command
        return
    for name, one in inner.items():
        if not one.hidden:
            yield from _commands(one, (*words, name))


def _readable(type: re.Match[str]) -> str:
    """What typer writes for the type of a value, as a word that a reader expects."""
    if type[2].startswith("list["):
        return ""
    return f"{type[1]}{_WORDS.get(type[2], type[2])}"

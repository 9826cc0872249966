"""The man page `reel(1)`, from the help of the program: written by `generated.py`, installed by the wheel."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from inspect import cleandoc
from pathlib import Path

from command_line import option_rows, usage, verbs

from engine import __version__
from engine.cli.main import EXIT_CODES, app
from engine.config.settings import SEARCHED

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "wheel" / "data" / "share" / "man" / "man1" / "reel.1"
"""Where it is kept, so that the wheel installs it as share/man/man1/reel.1."""

_EVERYWHERE = (
    ("-h, --help", "Show the help of reel or of a command."),
    ("-V, --version", "Show the version."),
    ("--install-completion", "Install completion of commands, options and formats for the current shell."),
    ("--show-completion", "Print that completion."),
)
_FILES = (
    "Settings of `reel serve` when no other file is named: the first that exists. `reel config` prints them."
)
_ENVIRONMENT = "Any key of the settings, such as REEL_API__LISTEN; it goes before the file."


def man_page() -> str:
    """The text of the page, in the man macros of roff."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield f'.TH REEL 1 "" "Reelkeeper {__version__}" "User Commands"'
    yield ".SH NAME"
    yield rf"reel \- {_roff('record live streams without re-encoding')}"
    yield ".SH SYNOPSIS"
    yield r".B reel"
    yield r"[\fIOPTIONS\fR] \fICOMMAND\fR [\fIARGUMENTS\fR]"
    yield ".SH DESCRIPTION"
    yield _roff(str(app.info.help))
    yield ".SH OPTIONS"
    yield from _options(_EVERYWHERE)
    yield ".SH COMMANDS"
    for verb, command in verbs().items():
        yield f".SS reel {verb} {_roff(usage(verb))}"
        for number, paragraph in enumerate(cleandoc(command.help or "").split("\n\n")):
            if number:
                yield ".PP"
            yield _roff(paragraph)
        yield from _options(option_rows(verb))
    yield ".SH EXIT STATUS"
    for code, meaning in re.findall(r"(\d) (.*?)(?:; |\.$)", EXIT_CODES):
        yield from _options([(code, f"{meaning[0].upper()}{meaning[1:]}.")])
    yield ".SH FILES"
    yield from _options([(" or ".join(map(str, SEARCHED)), _FILES)])
    yield ".SH ENVIRONMENT"
    yield from _options([("REEL_*", _ENVIRONMENT)])
    yield ".SH SEE ALSO"
    yield ".BR ffmpeg (1)"


def _options(
    rows: Iterable[tuple[str, str]],
) -> Iterator[str]:
    for option, meaning in rows:
        yield ".TP"
        yield rf"\fB{_roff(option)}\fR"
        yield _roff(meaning)


def _roff(text: str) -> str:
    """Text as roff prints it: literal, in ASCII; code in bold."""
    escaped = " ".join(text.split()).replace("\\", r"\e").replace("-", r"\-")
    for char, name in (("~", r"\(ti"), ("^", r"\(ha"), ("'", r"\(aq")):
        escaped = escaped.replace(char, name)
    escaped = re.sub(r"`([^`]*)`", r"\\fB\1\\fR", escaped)
    escaped = "".join(char if char < "\x7f" else rf"\[u{ord(char):04X}]" for char in escaped)
    return rf"\&{escaped}" if escaped.startswith(".") else escaped

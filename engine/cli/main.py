"""The `reel` command: its verbs, its exit codes, and how errors are shown."""

from __future__ import annotations

import inspect
import re
import sys
from typing import Annotated, Any, cast

import typer
from pydantic import ValidationError

from engine import __version__
from engine.cli.callbacks import callbacks_app
from engine.cli.codecs import codecs_command
from engine.cli.config import config_command
from engine.cli.demo import demo_command
from engine.cli.files import files_app
from engine.cli.inspect import inspect_command
from engine.cli.origin import origin_command
from engine.cli.record import record_command
from engine.cli.repair import repair_command
from engine.cli.rules import rules_app
from engine.cli.serve import serve_command
from engine.cli.standard_streams import open_closed_streams
from engine.cli.status import status_command
from engine.cli.stop import stop_command
from engine.errors import ReelError, UsageError, unexpected
from engine.log import configure, format_of_environment, level_of_environment
from engine.validation import first_problem

EXIT_CODES = (
    "Exit codes: 0 done; 1 failed, or a damaged file; 2 wrong usage; 3 no stream (refused, timed out, "
    "not found, not FLV); 4 no requested format can hold the stream's codecs; 5 storage."
)

# Typer brings its own copy of click: this is click's UsageError, whichever copy is in use.
_WrongCommandLine = cast("type[typer.BadParameter]", typer.BadParameter.__bases__[0])

app = typer.Typer(
    name="reel",
    help="Record live streams: RTMP and FLV in, FLV, HLS, MP4, AAC and MP3 out, without re-encoding.",
    epilog=EXIT_CODES,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command("record", epilog=EXIT_CODES)(record_command)
app.command("origin", epilog=EXIT_CODES)(origin_command)
app.command("inspect", epilog=EXIT_CODES)(inspect_command)
app.command("repair", epilog=EXIT_CODES)(repair_command)
app.command("codecs")(codecs_command)
app.command("serve", epilog=EXIT_CODES)(serve_command)
app.command("config")(config_command)
app.command("status")(status_command)
app.command("stop")(stop_command)
app.add_typer(rules_app, name="rules")
app.add_typer(files_app, name="files")
app.add_typer(callbacks_app, name="callbacks")
app.command("demo", epilog=EXIT_CODES)(demo_command)


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"reel {__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def _reel(
    context: typer.Context,
    version: Annotated[
        bool,
        typer.Option(
            "--version",
            "-V",
            help="Show the version and exit.",
            is_eager=True,
            expose_value=False,
            callback=_print_version,
        ),
    ] = False,
) -> None:
    if context.invoked_subcommand is None:
        print(context.get_help())
        raise typer.Exit(UsageError.exit_code)


def build_command() -> Any:
    """The `reel` command with all its verbs: each takes `-V`, and its summary is a whole sentence."""
    reel = typer.main.get_command(app)
    version = next(option for option in reel.params if option.name == "version")
    groups: list[Any] = [reel]
    while groups:
        for verb in getattr(groups.pop(), "commands", {}).values():
            verb.params.append(version)
            verb.short_help = verb.short_help or _first_sentence(verb.help or "")
            groups.append(verb)
    return reel


def _first_sentence(text: str) -> str:
    paragraph = " ".join(inspect.cleandoc(text).partition("\n\n")[0].split())
    return re.split(r"(?<=\.)\s", paragraph)[0].removesuffix(".")


def main() -> None:
    """Run `reel`: one clear line on stderr for every error, and the documented exit code."""
    open_closed_streams()
    try:
        configure(level_of_environment() or "warning", format_of_environment() or "auto")
        code = build_command()(prog_name="reel", standalone_mode=False)
    except _WrongCommandLine as error:
        _complain(_usage_message(error))
        code = UsageError.exit_code
    except ReelError as error:
        _complain(str(error))
        code = error.exit_code
    except (typer.Abort, KeyboardInterrupt):
        code = 130
    except Exception as error:
        known = unexpected(error)
        _complain(str(known))
        code = known.exit_code
    sys.exit(code or 0)


def _usage_message(error: typer.BadParameter) -> str:
    """Describe the mistake in a command line; for a value that pydantic converted, in our words."""
    parameter, cause = getattr(error, "param", None), error.__cause__
    if parameter is None or not isinstance(cause, ValidationError):
        return error.format_message()
    names = [name for name in parameter.opts if name.startswith("--")]
    return f"{names[0] if names else parameter.metavar or parameter.name}: {first_problem(cause)}"


def _complain(message: str) -> None:
    """One line, whatever the message holds."""
    print("reel: " + " ".join(message.split()), file=sys.stderr)

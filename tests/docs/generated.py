"""Parts of the pages that the program itself knows: options, fields, settings, events, codecs.

    python tests/docs/generated.py       # writes them into README.md and docs/, and the man page

A part stands between `<!-- generated: NAME -->` and `<!-- end -->`; `test_generated.py` compares it.
"""

from __future__ import annotations

import re
import sys
import types
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, get_args

from command_line import option_rows, verbs
from man_page import PAGE, man_page

from engine.config import default_text
from engine.errors import ReelError
from engine.media.codecs import MATRIX, Format
from engine.media.events import Event, TrackInfo
from engine.record import RecordSpec

ROOT = Path(__file__).resolve().parents[2]
_PART = re.compile(r"(<!-- generated: ([a-z ]+) -->\n)(.*?)(<!-- end -->)", re.DOTALL)


def options_of(verb: str) -> list[list[str]]:
    """The arguments and options of a verb as cells of a table."""
    return [[f"`{_cell(option)}`", _cell(meaning)] for option, meaning in option_rows(verb)]


def options() -> str:
    """A section of each verb with its table of options."""
    sections = []
    for verb, command in verbs().items():
        summary = _cell((command.help or "").split("\n\n")[0])
        rows = options_of(verb)
        rows_text = f"\n{table(('option', 'meaning'), rows)}" if rows else ""
        sections.append(f"### reel {verb}\n\n{summary}\n{rows_text}")
    return "\n" + "\n".join(sections)


def spec_fields() -> str:
    """The fields of `reel record --spec`."""
    schema = RecordSpec.model_json_schema()
    rows = []
    for name, field in schema["properties"].items():
        default = "required" if name in schema.get("required", ()) else _json(field.get("default"))
        rows.append([f"`{name}`", default, _cell(field.get("description", ""))])
    return table(("field", "default", "meaning"), rows)


def events() -> str:
    """The events, their fields and what each says."""
    shared = ("event", "at", "recording")
    rows = []
    for kind in get_args(_without_metadata(Event)):
        fields = ", ".join(f"`{name}`" for name in kind.model_fields if name not in shared)
        rows.append([f"`{kind.model_fields['event'].default}`", fields, _cell(kind.__doc__ or "")])
    return table(("event", "fields", "meaning"), rows)


def codec_matrix() -> str:
    """Which format holds which codec."""
    rows = [[codec.label, *(row[format].value for format in Format)] for codec, row in MATRIX.items()]
    return table(("", *(format.value.upper() for format in Format)), rows)


def track_fields() -> str:
    """The fields of a track in an event."""
    return ", ".join(f"`{name}`" for name in TrackInfo.model_fields) + ".\n"


def settings() -> str:
    """The text of `reel config`."""
    return f"<!-- file: reel.toml -->\n```toml\n{default_text()}```\n"


def error_codes() -> str:
    """The exit code of each kind of error that the program names."""
    rows = [[str(e.exit_code), f"`{e.code}`", _cell(e.__doc__ or "")] for e in _errors(ReelError)]
    return table(("exit code", "`code`", "what happened"), sorted(rows, key=lambda row: row[0]))


PARTS: dict[str, Callable[[], str]] = {
    "options": options,
    "spec fields": spec_fields,
    "events": events,
    "codec matrix": codec_matrix,
    "track fields": track_fields,
    "settings": settings,
    "error codes": error_codes,
}


def parts_of(text: str) -> list[tuple[str, str]]:
    """The generated parts of a page: each name, and what the page has there."""
    return [(found[2], found[3]) for found in _PART.finditer(text)]


def renewed(text: str) -> str:
    """A page with its generated parts written anew."""
    return _PART.sub(lambda found: f"{found[1]}{PARTS[found[2]]()}{found[4]}", text)


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A Markdown table."""
    head = list(head)
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines).replace("|  |", "| |")


def _errors(kind: type[ReelError]) -> Iterator[type[ReelError]]:
    """Errors that have a code of their own, each once."""
    for error in kind.__subclasses__():
        if "code" in vars(error):
            yield error
        yield from _errors(error)


def _without_metadata(kind: Any) -> Any:
    """The union inside of an Annotated one."""
    while not isinstance(kind, types.UnionType) and not all(isinstance(a, type) for a in get_args(kind)):
        kind = get_args(kind)[0]
    return kind


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _json(value: Any) -> str:
    if value is None or value in ({}, []):
        return "none"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return f"`{','.join(value) if isinstance(value, list | tuple) else value}`"


if __name__ == "__main__":
    for page in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]:
        before = page.read_text(encoding="utf-8")
        if (after := renewed(before)) != before:
            page.write_text(after, encoding="utf-8")
            sys.stdout.write(f"{page.relative_to(ROOT)}: written\n")
    PAGE.parent.mkdir(parents=True, exist_ok=True)
    PAGE.write_text(man_page(), encoding="ascii")

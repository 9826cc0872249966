"""The README says what the program does: its verbs, options, exit codes, codec matrix and events."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import get_args

import pytest
from reel import COMMAND, environment

from engine.errors import ReelError
from engine.media.codecs import MATRIX, Format
from engine.media.events import Event

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def table_after(mark: str) -> list[list[str]]:
    """The cells of the first table after `mark` in the README, without its head."""
    lines = README[README.index(mark) :].splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith("|"))
    rows = []
    for line in lines[start:]:
        if not line.startswith("|"):
            break
        rows.append([cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line)[1:-1]])
    return rows[2:]


def reel_help(*verb: str) -> str:
    """`reel VERB --help`, of the package that this test imports."""
    told = subprocess.run(
        [*COMMAND, *verb, "--help"],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert told.returncode == 0, told.stderr
    return told.stdout


def long_options(text: str) -> set[str]:
    return set(re.findall(r"(?<![\w-])--[a-z][a-z0-9-]+", text))


def test_the_verbs_are_those_of_the_program() -> None:
    told = reel_help()
    named = set(re.findall(r"`reel ([a-z]+)", README)) | set(
        re.findall(r"^ +reel ([a-z]+)", README, re.MULTILINE)
    )
    listed = set(re.findall(r"^ +([a-z]+) {2,}\S", told, re.MULTILINE))
    assert named == {
        "record",
        "origin",
        "inspect",
        "repair",
        "codecs",
        "demo",
        "serve",
        "config",
        "callbacks",
    }
    assert named == listed


def test_the_options_of_record_are_those_of_the_program() -> None:
    documented = long_options("\n".join(row[0] for row in table_after("## Record"))) | {"--urls"}
    assert documented == long_options(reel_help("record")) - {"--help", "--version"}


@pytest.mark.parametrize("verb", ["origin", "inspect", "demo"])
def test_the_options_of_other_verbs_exist(verb: str) -> None:
    entry = re.search(rf"^- `reel {verb}.*?(?=\n\n)", README, re.MULTILINE | re.DOTALL)
    assert entry
    assert long_options(entry.group()) == long_options(reel_help(verb)) - {"--help", "--version"}


def test_the_exit_codes_are_those_of_the_errors() -> None:
    def codes(error: type[ReelError]) -> set[int]:
        return {error.exit_code}.union(*map(codes, error.__subclasses__()))

    documented = {int(row[0]): row[1] for row in table_after("### Exit codes")}
    assert set(documented) == codes(ReelError) | {0}
    told = " ".join(reel_help("record").split())
    for code in documented:
        assert re.search(rf"\b{code}\b", told), f"`reel record --help` does not tell exit code {code}"


def test_the_codec_matrix_is_the_one_the_recorder_uses() -> None:
    documented = {row[0]: row[1:] for row in table_after("gate: codec matrix")}
    assert documented == {
        codec.label: [row[format].value for format in Format] for codec, row in MATRIX.items()
    }


def test_the_events_are_those_of_the_vocabulary() -> None:
    documented = [tuple(row) for row in table_after("gate: events")]
    shared = ("event", "at", "recording")
    expected = []
    for kind in get_args(Event):
        fields = ", ".join(f"`{name}`" for name in kind.model_fields if name not in shared)
        expected.append((f"`{kind.model_fields['event'].default}`", fields, " ".join(kind.__doc__.split())))
    assert documented == expected


def test_the_changelog_has_a_place_for_what_comes_next() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert changelog.count("## [Unreleased]") == 1

"""The documents agree with the program and with each other: verbs, exit codes, links, length.

What the program knows word for word (options, settings, events, codecs) is compared by tests/docs.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
import typer
from reel import COMMAND, environment

from engine.cli.main import app
from engine.errors import ReelError

ROOT = Path(__file__).resolve().parents[2]
DOCS = sorted((ROOT / "docs").rglob("*.md"))
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *DOCS]
MAX_LINES = 160


def text(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def table_after(page: Path, mark: str) -> list[list[str]]:
    """The cells of the first table after `mark` in a page, without its head."""
    lines = text(page)[text(page).index(mark) :].splitlines()
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


def anchors(page: Path) -> set[str]:
    """What `#...` of a link may be: the headings, as they are turned into anchors."""
    headings = re.findall(r"^#+ (.+)$", text(page), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_the_readme_is_short() -> None:
    assert len(text(ROOT / "README.md").splitlines()) <= MAX_LINES


def test_verbs_are_those_of_the_program() -> None:
    """The pages speak of every verb, and of no other."""
    listed = {name for name, verb in typer.main.get_command(app).commands.items() if not verb.hidden}  # type: ignore[attr-defined]
    documented = set(re.findall(r"^### reel ([a-z-]+)", text(ROOT / "docs/options.md"), re.MULTILINE))
    assert documented == listed
    for page in PAGES:
        named = set(re.findall(r"(?:`|^ *)reel ([a-z]+)", text(page), re.MULTILINE))
        assert named <= listed, page.name


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\((?!https?://)([^)]+)\)", text(page)):
        name, _, anchor = target.partition("#")
        linked = (page.parent / name).resolve() if name else page
        assert linked.exists(), f"{target}: there is no such file"
        assert not anchor or anchor in anchors(linked), f"{target}: there is no such heading"


@pytest.mark.parametrize("page", DOCS, ids=lambda page: page.name)
def test_every_page_is_reached_from_the_readme(page: Path) -> None:
    assert f"({page.relative_to(ROOT).as_posix()})" in text(ROOT / "README.md")


def test_exit_codes_are_those_of_the_errors() -> None:
    def codes(error: type[ReelError]) -> set[int]:
        return {error.exit_code}.union(*map(codes, error.__subclasses__()))

    documented = {int(row[0]): row[1] for row in table_after(ROOT / "docs/exit-codes.md", "# Exit codes")}
    assert set(documented) == codes(ReelError) | {0}
    told = " ".join(reel_help("record").split())
    for code in documented:
        assert re.search(rf"\b{code}\b", told), f"`reel record --help` does not tell exit code {code}"


def test_the_changelog_has_a_place_for_what_comes_next() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert changelog.count("## [Unreleased]") == 1

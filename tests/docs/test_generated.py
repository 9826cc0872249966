"""Parts of the pages that the program knows are what the program says."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from command_line import verbs
from generated import PARTS, ROOT, options_of, parts_of, renewed

from engine.config import Settings

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def text(page: Path) -> str:
    return page.read_text(encoding="utf-8")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_generated_parts_are_new(page: Path) -> None:
    assert text(page) == renewed(text(page)), "run: python tests/docs/generated.py"


def test_each_part_stands_on_one_page() -> None:
    assert sorted(name for page in PAGES for name, _ in parts_of(text(page))) == sorted(PARTS)


def test_an_old_part_is_seen() -> None:
    page = "<!-- generated: codec matrix -->\n| H.264 | old |\n<!-- end -->\n"
    assert renewed(page) != page
    assert renewed(renewed(page)) == renewed(page)


def test_every_verb_has_its_options() -> None:
    """Of the program itself: what `generated.py` finds is what there is."""
    assert {"record", "serve", "inspect", "callbacks list"} <= set(verbs())
    assert "`--urls FILE`" in [option for option, _ in options_of("record")]


def test_the_settings_have_every_key() -> None:
    """The text of `reel config`, which the page shows, has each key that the program knows."""
    shown = tomllib.loads(dict(parts_of(text(ROOT / "docs/settings.md")))["settings"].split("```")[1][5:])
    assert shown == Settings.read(None).model_dump(mode="json")

"""The man page is the help of the program, is sound roff, and is in the wheel."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

from command_line import option_rows, verbs
from man_page import PAGE, ROOT, man_page
from programs import need

import engine


def rendered() -> str:
    """The page as `man` shows it; nothing may be complained of."""
    shown = subprocess.run(
        [need("groff"), "-man", "-ww", "-rLL=200n", "-Tutf8", "-P-cbou", str(PAGE)],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (shown.returncode, shown.stderr) == (0, "")
    return shown.stdout


def test_it_is_new() -> None:
    assert PAGE.read_text(encoding="ascii") == man_page(), "run: python tests/docs/generated.py"


def test_it_shows_every_verb_and_option_as_the_help_has_it() -> None:
    shown = " ".join(rendered().replace("\u2010", "-").split())
    for verb in verbs():
        assert f"reel {verb} [OPTIONS]" in shown
        for option, meaning in option_rows(verb):
            assert f"{option} {' '.join(meaning.split()).replace('`', '')}" in shown


def test_man_shows_it_without_a_word_of_warning() -> None:
    shown = subprocess.run(
        [need("man"), "--warnings", "-l", str(PAGE)],
        env={"PATH": "/usr/bin:/bin", "MANPAGER": "cat", "MANWIDTH": "100", "LANG": "C.UTF-8"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (shown.returncode, shown.stderr) == (0, "")
    assert "record live streams without re-encoding" in shown.stdout


def test_the_wheel_installs_it_where_man_looks() -> None:
    """What the wheel's folder holds under `data/` goes to the prefix of the environment."""
    maturin = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["maturin"]
    place = PAGE.relative_to(ROOT / maturin["data"] / "data")
    assert place.as_posix() == "share/man/man1/reel.1"
    is_installed = ROOT not in Path(engine.__file__).parents
    assert not is_installed or (Path(sys.prefix) / place).read_bytes() == PAGE.read_bytes()

"""Every command block of the README and of docs/, run as it is printed, and what it prints compared."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from blocks import Block, read_page
from play import blocks_of_page
from programs import missing, need

import engine

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
PLAYER = Path(__file__).with_name("play.py")

REEL = f"""#!{sys.executable}
import sys
sys.path.insert(0, {str(Path(engine.__file__).parents[1])!r})
from engine.cli.main import main
sys.exit(main())
"""


def blocks(page: Path) -> list[Block]:
    """The blocks of a page; raises when one of them is not marked."""
    return read_page(page, page.relative_to(ROOT).as_posix())


def runs(page: Path) -> bool:
    return any(block.kind == "run" for block in blocks_of_page(blocks(page)))


@pytest.fixture
def terminal_environment(tmp_path: Path) -> Mapping[str, str]:
    """Variables of a terminal in which nothing is set but what a shell sets, and `reel` is on PATH."""
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "reel").write_text(REEL)
    (programs / "reel").chmod(0o755)
    home = tmp_path / "home"
    home.mkdir()
    return {
        "HOME": str(home),
        "LANG": "C.UTF-8",
        "PATH": f"{programs}:{os.environ['PATH']}",
        "PYTHONUNBUFFERED": "1",  # as on a terminal: lines come when they are printed
        "TERM": "dumb",
    }


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A clone in which nothing was made yet; of its folders, only the one that pages use."""
    clone = tmp_path / "reelkeeper"
    clone.mkdir()
    (clone / "sample_streams").symlink_to(ROOT / "sample_streams")
    return clone


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_block_is_marked(page: Path) -> None:
    blocks(page)


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    "page", list(filter(runs, PAGES)), ids=lambda page: page.relative_to(ROOT).as_posix()
)
def test_a_page_does_what_it_says(page: Path, folder: Path, terminal_environment: Mapping[str, str]) -> None:
    for program in sorted({program for block in blocks(page) for program in block.needs}):
        need(program)
    # Ports are those that the page prints: no other test must meet them.
    own_network = [need("unshare"), "--user", "--map-root-user", "--net", "--"]
    if subprocess.run([*own_network, "true"], check=False, capture_output=True, timeout=60).returncode:
        missing("permission for network namespaces (unshare --user --net)")
    played = subprocess.run(
        [*own_network, sys.executable, PLAYER, "--own-network", page],
        cwd=folder,
        env=terminal_environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=590,
        check=False,
    )
    assert played.returncode == 0, played.stdout


def test_blocks_of_ci_are_those_that_ci_runs() -> None:
    marked = {block.argument for page in PAGES for block in blocks(page) if block.kind == "ci"}
    script = (ROOT / ".ci/run").read_text(encoding="utf-8")
    assert marked == set(re.findall(r"^play (\w+)", script, re.MULTILINE))
    assert marked

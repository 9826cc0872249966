"""Help, version and completion, as people use them of every program."""

from __future__ import annotations

import asyncio
import os
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from programs import need
from reel import COMMAND, environment, reel

from engine.cli.main import build_command

_TIMEOUT_S = 60.0


def verbs(command: Any, *path: str) -> Iterator[tuple[str, ...]]:
    """The words of every verb, groups included."""
    yield path
    for name, inner in getattr(command, "commands", {}).items():
        yield from verbs(inner, *path, name)


VERBS = list(verbs(build_command()))


@pytest.fixture
def path(tmp_path: Path) -> str:
    """PATH with the command `reel` of the package that the tests import."""
    folder = tmp_path / "bin"
    folder.mkdir()
    script = folder / "reel"
    script.write_text(f'#!/bin/sh\nexec {shlex.join(COMMAND)} "$@"\n')
    script.chmod(0o755)
    return f"{folder}:{os.environ['PATH']}"


async def shell(script: str, path: str, **variables: str) -> str:
    """What a bash script printed; it must succeed."""
    process = await asyncio.create_subprocess_exec(
        need("bash"),
        "--norc",
        "-ec",
        script,
        env=environment(PATH=path, **variables),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(_TIMEOUT_S):
        out, err = await process.communicate()
    assert process.returncode == 0, err.decode()
    return out.decode()


@pytest.mark.parametrize("verb", VERBS, ids=" ".join)
async def test_help_and_version_stand_behind_every_verb(verb: tuple[str, ...]) -> None:
    short, long, version, long_version = await asyncio.gather(
        reel(*verb, "-h"), reel(*verb, "--help"), reel(*verb, "-V"), reel(*verb, "--version")
    )
    for done in (short, long, version, long_version):
        done.assert_done()
    assert short.out == long.out
    assert short.out.startswith(" ".join(["Usage: reel", *verb]))
    assert re.search(r"^ +-h, --help ", short.out, re.MULTILINE)
    assert re.search(r"^ +-V, --version ", short.out, re.MULTILINE)
    assert re.fullmatch(r"reel \d+\.\d+\.\d+\n", version.out)
    assert version.out == long_version.out


@pytest.mark.parametrize("columns", [60, 80, 100, 200])
async def test_no_summary_of_a_verb_is_cut(columns: int) -> None:
    done = await reel("--help", env={"COLUMNS": str(columns)})
    done.assert_done()
    told = " ".join(done.out.split())
    assert "..." not in told.replace("[ARGS]...", "")
    for name, verb in build_command().commands.items():
        assert f" {name} {verb.short_help}" in re.sub(r"- (?=[a-z])", "-", told).replace(
            "HTTP- FLV", "HTTP-FLV"
        )


COMPLETE = """
complete_last() {  # prints what bash offers for the last word
    COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMPREPLY=()
    $(complete -p reel | sed 's/.*-F \\([^ ]*\\) .*/\\1/') "$1"
    echo "${COMPREPLY[@]}"
}
complete_last reel re
complete_last reel record --dur
complete_last reel record -f f
complete_last reel record -f FLV,m
complete_last reel callbacks r
"""
COMPLETED = [["record", "repair"], ["--duration"], ["flv"], ["FLV,mp3", "FLV,mp4"], ["replay"]]


@pytest.mark.parametrize("way", ["shown", "installed"])
async def test_bash_completes_verbs_options_and_formats(way: str, path: str, tmp_path: Path) -> None:
    if way == "shown":
        script = 'reel --show-completion >"$HOME/completion"; source "$HOME/completion"\n'
    else:
        (tmp_path / ".bashrc").write_text("# mine\n")
        script = 'reel --install-completion >"$HOME/said"; source "$HOME/.bashrc"\n'
    told = await shell(script + COMPLETE, path, HOME=str(tmp_path))
    assert [sorted(line.split()) for line in told.splitlines()] == COMPLETED


@pytest.mark.parametrize("name", ["zsh", "fish"])
async def test_other_shells_are_completed_too(name: str, path: str) -> None:
    script = await shell("reel", path, _REEL_COMPLETE=f"source_{name}")
    assert f"_REEL_COMPLETE=complete_{name}" in script
    line = "reel record -f mp4,h"
    variables = {"_REEL_COMPLETE": f"complete_{name}", "_TYPER_COMPLETE_ARGS": line}
    told = await shell("reel", path, **variables, _TYPER_COMPLETE_FISH_ACTION="get-args")
    assert "mp4,hls" in told

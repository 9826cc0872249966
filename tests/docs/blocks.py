"""Code blocks of a Markdown page, and the mark before each that says what becomes of it.

A mark is an HTML comment on the line before the block (README.md of this folder lists them).
Standard library alone: `.ci/run` reads pages before anything is installed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

_FENCE = re.compile(r"^(`{3,}|~{3,})(.*)$")
_MARK = re.compile(r"^<!-- (run|output|file|ci|not run)(?:: (.+?))? -->$")
_INDENTED_CODE = re.compile(r"^(?: {4}|\t)\S")
_LIST_ITEM = re.compile(r"^ *(?:[-*+]|\d+[.)]) ")


class PageError(Exception):
    """A page that cannot be played: a block without a mark, or a mark that means nothing."""


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block of a page."""

    page: str
    line: int
    kind: str  # run, output, file, ci or not run
    argument: str
    text: str

    @property
    def place(self) -> str:
        """Page and line, as editors take them."""
        return f"{self.page}:{self.line}"

    @property
    def options(self) -> list[str]:
        """The argument of a mark, split at its commas."""
        return [part.strip() for part in self.argument.split(",") if part.strip()]

    @property
    def terminal(self) -> str:
        """The terminal that the block belongs to; the first one unless it names another."""
        names = [option.removeprefix("terminal ") for option in self.options if _names_terminal(option)]
        return names[0] if names else "1"

    @property
    def stays(self) -> bool:
        """True for a command that runs until somebody ends it, such as a server."""
        return "stays" in self.options

    @property
    def needs(self) -> list[str]:
        """Programs that the block runs and that are not part of Reelkeeper."""
        return [option.removeprefix("needs ") for option in self.options if option.startswith("needs ")]


def read_page(path: Path, name: str = "") -> list[Block]:
    """Read the blocks of a page in their order.

    Raises:
        PageError: a block has no mark or a wrong one, is indented instead of fenced, or never ends.
    """
    name = name or path.name
    lines = path.read_text(encoding="utf-8").splitlines()
    blocks: list[Block] = []
    number = 0
    while number < len(lines):
        fence = _FENCE.match(lines[number])
        if fence is None:
            _refuse_indented(lines, number, name)
            number += 1
            continue
        end = next((at for at in range(number + 1, len(lines)) if lines[at].strip() == fence[1]), None)
        if end is None:
            raise PageError(f"{name}:{number + 1}: this block never ends")
        kind, argument = _read_mark(lines[number - 1] if number else "", f"{name}:{number + 1}")
        text = "".join(f"{line}\n" for line in lines[number + 1 : end])
        blocks.append(_checked(Block(name, number + 1, kind, argument, text), blocks))
        number = end + 1
    return blocks


def _read_mark(line: str, place: str) -> tuple[str, str]:
    mark = _MARK.match(line.strip())
    if mark is None:
        raise PageError(f"{place}: a block without a mark on the line before it")
    return mark[1], mark[2] or ""


def _checked(block: Block, before: list[Block]) -> Block:
    if block.kind in ("not run", "file", "ci") and not block.argument:
        raise PageError(f"{block.place}: '{block.kind}' needs an argument: {block.kind}: ...")
    if block.kind == "output" and not any(other.kind in ("run", "ci") for other in before):
        raise PageError(f"{block.place}: an output before any command")
    if block.kind in ("run", "output"):
        for option in block.options:
            known = option == "stays" or option.startswith("needs ") or _names_terminal(option)
            if not known:
                raise PageError(f"{block.place}: unknown option {option!r} in the mark")
    return block


def _names_terminal(option: str) -> bool:
    return option.startswith("terminal ")


def _refuse_indented(lines: list[str], number: int, name: str) -> None:
    """Indented code would escape the marks; text that continues a list item is none."""
    if not _INDENTED_CODE.match(lines[number]) or (number and lines[number - 1].strip()):
        return
    above = (line for line in reversed(lines[:number]) if line.strip() and not line.startswith((" ", "\t")))
    if not _LIST_ITEM.match(next(above, "")):
        raise PageError(f"{name}:{number + 1}: an indented block: fence it and mark it")

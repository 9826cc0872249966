"""Rows as aligned columns, never cut: what stands in them can be copied from a terminal and from a pipe."""

from __future__ import annotations

from collections.abc import Sequence
from unicodedata import category, east_asian_width


def columns(rows: Sequence[Sequence[str]]) -> list[str]:
    """A line for each row, of which the first may be a head; the last column is not padded."""
    cells = [[_printable(cell) for cell in row] for row in rows]
    widths = [max(map(_width, column)) for column in zip(*cells, strict=True)]
    return ["  ".join(map(_padded, row, widths)).rstrip() for row in cells]


def _padded(cell: str, width: int) -> str:
    return cell + " " * (width - _width(cell))


def _printable(text: str) -> str:
    """Control characters escaped: names come from publishers, and a terminal obeys what it is sent."""
    return "".join(
        letter if category(letter) not in ("Cc", "Cf", "Cs", "Zl", "Zp") else ascii(letter)[1:-1]
        for letter in text
    )


def _width(text: str) -> int:
    wide = sum(east_asian_width(letter) in "WF" for letter in text)
    return len(text) + wide - sum(category(letter) == "Mn" for letter in text)

"""Compare what a command printed with what a page says that it prints."""

from __future__ import annotations

import re

_SPACES = re.compile(r"[ \t]+")


def matches(expected: str, printed: str, *, anywhere: bool = False) -> bool:
    """Whether the output is what a page shows.

    `...` stands for anything within a line, and a line of nothing else for any number of lines. Runs of
    spaces count as one, since columns of a table move with what is in them.

    Args:
        expected: The block of the page.
        printed: What was printed.
        anywhere: It may stand anywhere in the output; otherwise it is all of it.
    """
    pattern = _pattern(expected)
    text = _plain(printed)
    if anywhere:
        return re.search(rf"^{pattern}", text, re.MULTILINE) is not None
    return re.fullmatch(pattern, text) is not None


def _pattern(expected: str) -> str:
    parts = []
    for line in _plain(expected).splitlines():
        if line == "...":
            parts.append(r"(?:.*\n)*?")
        else:
            parts.append(".*?".join(map(re.escape, line.split("..."))) + r"\n")
    return "".join(parts)


def _plain(text: str) -> str:
    lines = [_SPACES.sub(" ", line).strip() for line in text.splitlines()]
    while lines and not lines[-1]:
        lines.pop()
    while lines and not lines[0]:
        lines.pop(0)
    return "".join(f"{line}\n" for line in lines)

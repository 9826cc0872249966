"""Columns are aligned, never cut, and no name in them commands a terminal."""

from __future__ import annotations

from engine.cli.columns import columns


def test_they_are_aligned_and_whole() -> None:
    path = "recordings/" + "long/" * 60
    assert columns([("id", "name", "path"), ("1", "直播", path), ("22", "é", "")]) == [
        "id  name  path",
        f"1   直播  {path}",
        "22  é",
    ]


def test_what_a_terminal_would_obey_is_escaped() -> None:
    assert columns([("\x1b[2Jx", "\u202eevil\n")]) == ["\\x1b[2Jx  \\u202eevil\\n"]

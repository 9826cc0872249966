"""The player of pages itself: what it runs, what it compares, and what it refuses."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from blocks import PageError, read_page
from matching import matches
from play import blocks_of_page, of_ci, play
from terminals import BlockError


def page(folder: Path, text: str) -> Path:
    path = folder / "page.md"
    path.write_text(text)
    return path


def played(folder: Path, text: str, limit_s: float = 60.0) -> None:
    play(blocks_of_page(read_page(page(folder, text))), folder, os.environ, limit_s=limit_s)


def test_blocks_of_a_terminal_share_its_folder_and_variables(tmp_path: Path) -> None:
    played(
        tmp_path,
        "<!-- run -->\n```\nmkdir there\ncd there\nNAME=one\n```\n"
        "<!-- run -->\n```\necho $NAME > file\n```\n"
        "<!-- run: terminal 2 -->\n```\necho ${NAME:-none}\ncat there/file\n```\n"
        "<!-- output -->\n```\nnone\none\n```\n",
    )


def test_a_file_of_the_page_is_there(tmp_path: Path) -> None:
    played(
        tmp_path,
        "<!-- file: conf/a.toml -->\n```\na = 1\n```\n"
        "<!-- run -->\n```\ncat conf/a.toml\n```\n<!-- output -->\n```\na = 1\n```\n",
    )


def test_another_output_fails_at_its_line(tmp_path: Path) -> None:
    with pytest.raises(BlockError, match=r"page\.md:6: two\nit printed:\none"):
        played(tmp_path, "<!-- run -->\n```\necho one\n```\n<!-- output -->\n```\ntwo\n```\n")


def test_a_command_that_fails_ends_the_page(tmp_path: Path) -> None:
    with pytest.raises(BlockError, match=r"page\.md:2: [\s\S]*exit code 3; it printed:\nbefore"):
        played(tmp_path, "<!-- run -->\n```\necho before\n(exit 3)\ntouch after\n```\n")
    assert not (tmp_path / "after").exists()


def test_a_command_that_never_ends_is_given_up(tmp_path: Path) -> None:
    with pytest.raises(BlockError, match=r"still running after 0\.2 s"):
        played(tmp_path, "<!-- run -->\n```\nsleep 600\n```\n", limit_s=0.2)


def server(*statements: str) -> str:
    """A block that runs until Ctrl-C, which it takes well."""
    lines = ["try:", *(f" {statement}" for statement in statements), " signal.pause()"]
    code = "\n".join(["import os, signal, time", *lines, "except KeyboardInterrupt:", " print('stopped')"])
    return f'<!-- run: stays -->\n```\npython3 -u -c "{code}"\n```\n'


def test_what_stays_is_stopped_by_the_next_block_of_its_terminal(tmp_path: Path) -> None:
    played(
        tmp_path,
        server("print('ready')")
        + "<!-- output -->\n```\nready\n```\n<!-- run: terminal 2 -->\n```\ntouch here\n```\n"
        + "<!-- run -->\n```\nls\n```\n<!-- output -->\n```\nhere\npage.md\n```\n",
    )


def test_what_stays_must_print_what_the_page_shows(tmp_path: Path) -> None:
    with pytest.raises(BlockError, match="it printed:\nready"):
        played(tmp_path, server("print('ready')") + "<!-- output -->\n```\nlistening\n```\n", limit_s=1.0)


def test_what_stays_must_end_well(tmp_path: Path) -> None:
    ready = "<!-- output -->\n```\nready\n```\n"
    with pytest.raises(BlockError, match=r"page\.md:2: [\s\S]*exit code 130"):
        played(tmp_path, f"<!-- run: stays -->\n```\necho ready\nsleep 600\n```\n{ready}")


def test_later_output_of_another_terminal(tmp_path: Path) -> None:
    played(
        tmp_path,
        server("print('ready')", "while not os.path.exists('go'): time.sleep(0.05)", "print('went at 7')")
        + "<!-- output -->\n```\nready\n```\n"
        + "<!-- run: terminal 2 -->\n```\ntouch go\n```\n"
        + "<!-- output: terminal 1 -->\n```\nwent at ...\n```\n",
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("```\nls\n```\n", "page.md:1: a block without a mark"),
        ("<!-- run -->\n\n```\nls\n```\n", "page.md:3: a block without a mark"),
        ("<!-- not run -->\n```\nls\n```\n", "needs an argument"),
        ("<!-- run: sometimes -->\n```\nls\n```\n", "unknown option 'sometimes'"),
        ("<!-- output -->\n```\nls\n```\n", "an output before any command"),
        ("<!-- run -->\n```\nls\n", "never ends"),
        ("Text.\n\n    ls\n", "page.md:3: an indented block"),
    ],
)
def test_a_page_that_cannot_be_played(text: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(PageError, match=words):
        read_page(page(tmp_path, text))


def test_a_list_item_goes_on_behind_an_empty_line(tmp_path: Path) -> None:
    assert read_page(page(tmp_path, "- one\n\n    more of it\n")) == []


def test_blocks_of_ci_are_its_own(tmp_path: Path) -> None:
    blocks = read_page(
        page(
            tmp_path,
            "<!-- ci: install -->\n```\na\n```\n<!-- output -->\n```\nb\n```\n"
            "<!-- run -->\n```\nc\n```\n<!-- output -->\n```\nd\n```\n<!-- ci: test -->\n```\ne\n```\n",
        )
    )
    assert [block.text for block in of_ci(blocks, "install")] == ["a\n", "b\n"]
    assert [block.text for block in of_ci(blocks, "test")] == ["e\n"]
    assert [block.text for block in blocks_of_page(blocks)] == ["c\n", "d\n"]
    with pytest.raises(PageError, match="ci: other"):
        of_ci(blocks, "other")


@pytest.mark.parametrize(
    ("expected", "printed", "same"),
    [
        ("a\n", "a", True),
        ("a ... c\n", "a b c\n", True),
        ("a ... c\n", "a b\nc\n", False),
        ("a\n...\nc\n", "a\nb\nb\nc\n", True),
        ("a\n...\nc\n", "a\nc\n", True),
        ("a\n", "a\nb\n", False),
        ("a   b\n", "a b \n", True),
        ("a.b\n", "axb\n", False),
    ],
)
def test_what_counts_as_the_same(expected: str, printed: str, same: bool) -> None:
    assert matches(expected, printed) is same


def test_a_part_of_the_output_begins_at_a_line() -> None:
    assert matches("b\nc\n", "a\nb\nc\nd\n", anywhere=True)
    assert not matches("b\nc\n", "ab\nc\nd\n", anywhere=True)

"""Run the command blocks of a page as they are printed.

    python3 tests/docs/play.py PAGE              # all blocks but those of .ci/run, in the current folder
    python3 tests/docs/play.py PAGE --ci NAME    # those that .ci/run runs under this name

Ends with 1 at the first block that fails or prints something else than the page shows.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import socket
import struct
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from blocks import Block, PageError, read_page
from matching import matches
from terminals import LIMIT_S, BlockError, Terminal

_SIOCGIFFLAGS, _SIOCSIFFLAGS, _IFF_UP = 0x8913, 0x8914, 1


class Player:
    """The terminals of a page, and what runs in each of them."""

    def __init__(self, open_terminal: Callable[[], Terminal], folder: Path) -> None:
        """Begin without terminals; `folder` is where files of the page are written."""
        self._open_terminal = open_terminal
        self._folder = folder
        self._terminals: dict[str, Terminal] = {}
        self._typed: dict[str, Block] = {}  # the last block of each terminal
        self._last = ""  # the terminal of the last command
        self._printed = ""  # by the last command, if it has ended

    def play(self, block: Block) -> None:
        """Do what the mark of a block says.

        Raises:
            BlockError: its command failed, or printed something else.
        """
        if block.kind == "file":
            path = self._folder / block.argument
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block.text, encoding="utf-8")
        elif block.kind == "output":
            with _at(block):
                self._compare(block)
        elif block.kind in ("run", "ci"):
            self._type(block)

    def stop(self) -> None:
        """Press Ctrl-C wherever something still runs, newest terminals first.

        Raises:
            BlockError: something did not end with exit code 0.
        """
        for name in reversed(self._terminals):
            self._interrupt(name)

    def close(self) -> None:
        """End all terminals."""
        for terminal in self._terminals.values():
            terminal.close()

    def _type(self, block: Block) -> None:
        name = block.terminal if block.kind == "run" else "1"
        if name not in self._terminals:
            self._terminals[name] = self._open_terminal()
        self._interrupt(name)
        self._typed[name], self._last, self._printed = block, name, ""
        with _at(block):
            self._terminals[name].start(block.text)
            if not block.stays:
                self._printed = self._terminals[name].finish()

    def _interrupt(self, name: str) -> None:
        if self._terminals[name].busy:
            with _at(self._typed[name]):
                self._terminals[name].interrupt()

    def _compare(self, block: Block) -> None:
        name = block.terminal if block.options else self._last
        if self._terminals[name].busy:
            self._terminals[name].wait_printed(lambda text: matches(block.text, text, anywhere=True))
        elif name != self._last or not matches(block.text, self._printed):
            raise BlockError(f"it printed:\n{self._printed}")


def play(
    blocks: Sequence[Block],
    folder: Path,
    environment: Mapping[str, str],
    *,
    limit_s: float = LIMIT_S,
    echo: Callable[[str], object] = len,
) -> None:
    """Run blocks in a folder and compare their output; the options are those of `Terminal`.

    Raises:
        BlockError: one failed, or printed something else.
    """
    player = Player(lambda: Terminal(folder, environment, limit_s=limit_s, echo=echo), folder)
    try:
        for block in blocks:
            player.play(block)
        player.stop()
    finally:
        player.close()


@contextmanager
def _at(block: Block) -> Iterator[None]:
    """Put the block and its place before what went wrong in it."""
    try:
        yield
    except BlockError as error:
        raise BlockError(f"{block.place}: {block.text.strip()}\n{error}") from None


def enable_loopback() -> None:
    """Bring up `lo` in a network namespace that was just made."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        request = struct.pack("16sh14x", b"lo", 0)
        (flags,) = struct.unpack("16xh14x", fcntl.ioctl(control, _SIOCGIFFLAGS, request))
        fcntl.ioctl(control, _SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", flags | _IFF_UP))


def main() -> None:
    """Play the page that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("page", type=Path)
    parser.add_argument("--ci", metavar="NAME", help="the blocks that .ci/run runs under this name")
    parser.add_argument("--limit", type=float, default=LIMIT_S, metavar="S", help="seconds for one block")
    parser.add_argument("--own-network", action="store_true", help="in a network namespace made for this run")
    arguments = parser.parse_args()
    sys.stdout.reconfigure(write_through=True)  # type: ignore[union-attr]
    try:
        blocks = read_page(arguments.page)
        if arguments.own_network:
            enable_loopback()
        chosen = of_ci(blocks, arguments.ci) if arguments.ci else blocks_of_page(blocks)
        play(chosen, Path.cwd(), os.environ, limit_s=arguments.limit, echo=sys.stdout.write)
    except (PageError, BlockError) as error:
        sys.exit(f"{error}")


def of_ci(blocks: Sequence[Block], name: str) -> list[Block]:
    """The blocks that `.ci/run` runs under a name, with their outputs.

    Raises:
        PageError: there are none.
    """
    chosen = [block for block, owner in _with_owner(blocks) if owner == name]
    if not chosen:
        raise PageError(f"no block is marked <!-- ci: {name} -->")
    return chosen


def blocks_of_page(blocks: Sequence[Block]) -> list[Block]:
    """The blocks that do not belong to `.ci/run`."""
    return [block for block, owner in _with_owner(blocks) if owner is None]


def _with_owner(blocks: Sequence[Block]) -> list[tuple[Block, str | None]]:
    """Each block with the name under which `.ci/run` runs it; an output goes with its command."""
    owned: list[tuple[Block, str | None]] = []
    owner: str | None = None
    for block in blocks:
        if block.kind in ("run", "ci"):
            owner = block.argument if block.kind == "ci" else None
        owned.append((block, owner if block.kind in ("ci", "output") else None))
    return owned


if __name__ == "__main__":
    main()

"""A pseudo-terminal, for what commands draw."""

from __future__ import annotations

import asyncio
import fcntl
import os
import pty
import re
import struct
import termios

COLUMNS = 120
_ESCAPES = re.compile(r"\x1b(\[[0-9;?]*[A-Za-z]|\][^\x07]*\x07|[()][A-Z0-9])")
_GIVE_UP_S = 60.0


class Terminal:
    """A pseudo-terminal, and what was drawn on it."""

    def __init__(self) -> None:
        self.master, self.slave = pty.openpty()
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, COLUMNS, 0, 0))
        os.set_blocking(self.master, False)
        self.drawn = b""
        self._is_open = True

    @property
    def text(self) -> str:
        """Everything drawn so far, without escape sequences."""
        return _ESCAPES.sub("", self.drawn.decode(errors="replace"))

    def read(self) -> None:
        """Take what was drawn since."""
        try:
            while piece := os.read(self.master, 65536):
                self.drawn += piece
        except (BlockingIOError, OSError):
            return

    async def shows(self, pattern: str, start: int = 0) -> re.Match[str]:
        """Wait until the pattern was drawn, `start` characters into the text or later."""
        async with asyncio.timeout(_GIVE_UP_S):
            while True:
                self.read()
                if match := re.compile(pattern).search(self.text, start):
                    return match
                await asyncio.sleep(0.05)

    def close(self) -> None:
        """Take the terminal away, from those who still draw on it too."""
        if self._is_open:
            self._is_open = False
            os.close(self.master)
            os.close(self.slave)

"""Standard streams that are closed, or that nobody reads any more: no verb ends because of them."""

from __future__ import annotations

import io
import os
import sys
from contextlib import suppress
from typing import TextIO


def open_closed_streams() -> None:
    """Open the null device in place of each standard stream that is closed.

    Python has no `sys.stderr` then, and the next file or socket would take its number: a recording could get
    what libraries write to stderr.
    """
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            _open_null(number)
    sys.stdin = sys.stdin or os.fdopen(0, closefd=False)
    sys.stdout = sys.stdout or os.fdopen(1, "w", closefd=False)
    sys.stderr = sys.stderr or os.fdopen(2, "w", closefd=False)


def discard(out: TextIO) -> None:
    """Send a stream that nobody reads to the null device: Python flushes it at the exit."""
    with suppress(OSError, ValueError):
        _open_null(out.fileno())


class UnbrokenStream(io.TextIOBase):
    """A text stream that outlives its reader: what cannot be written is discarded."""

    def __init__(self, out: TextIO) -> None:
        self._out = out

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """The encoding of the stream."""
        return self._out.encoding

    def fileno(self) -> int:
        """The descriptor of the stream."""
        return self._out.fileno()

    def isatty(self) -> bool:
        """True for a terminal."""
        return self._out.isatty()

    def write(self, text: str) -> int:
        """Write, or discard."""
        try:
            return self._out.write(text)
        except (OSError, ValueError):  # the latter: it is closed
            discard(self._out)
            return len(text)

    def flush(self) -> None:
        """Flush, or discard."""
        try:
            self._out.flush()
        except (OSError, ValueError):
            discard(self._out)


def _open_null(number: int) -> None:
    """Make a descriptor one of the null device, which commands that are started inherit."""
    null = os.open(os.devnull, os.O_RDWR)
    if null == number:
        os.set_inheritable(null, True)
    else:
        os.dup2(null, number)
        os.close(null)

"""Standard streams that are closed: no verb ends because of them."""

from __future__ import annotations

import os
import sys


def open_closed_streams() -> None:
    """Open the null device in place of each standard stream that is closed.

    Python has no `sys.stderr` then, and the next file or socket would take its number: a recording could get
    what libraries write to stderr.
    """
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            open_null(number)
    sys.stdin = sys.stdin or os.fdopen(0, closefd=False)
    sys.stdout = sys.stdout or os.fdopen(1, "w", closefd=False)
    sys.stderr = sys.stderr or os.fdopen(2, "w", closefd=False)


def open_null(number: int) -> None:
    """Make a descriptor one of the null device, which commands that are started inherit."""
    null = os.open(os.devnull, os.O_RDWR)
    if null == number:
        os.set_inheritable(null, True)
    else:
        os.dup2(null, number)
        os.close(null)

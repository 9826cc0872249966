"""The end of a connection, noticed while nobody reads it."""

from __future__ import annotations

import asyncio
import select
import socket
from collections.abc import Callable
from contextlib import suppress


class Hangup:
    """Calls when the peer of a socket hangs up or breaks it. Data calls nobody (design decision 1).

    A poll of its own asks the kernel for that alone and is watched by the event loop. Where there is no epoll
    the end is noticed by the next read.
    """

    def __init__(self, sock: socket.socket, call: Callable[[], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._call = call
        self.happened = False
        """It has."""
        self._poll: select.epoll | None = None
        if hasattr(select, "epoll"):
            with suppress(OSError):  # too many files are open: the next read notices the end
                self._poll = select.epoll()
        if self._poll is not None:
            self._poll.register(sock, select.EPOLLRDHUP)
            self._loop.add_reader(self._poll, self._note)

    def close(self) -> None:
        """Watch no more."""
        if self._poll is not None:
            self._loop.remove_reader(self._poll)
            self._poll.close()
            self._poll = None

    def _note(self) -> None:
        self.happened = True
        self.close()
        self._call()

"""Sleeping between reads without missing the end of the connection."""

from __future__ import annotations

import asyncio
import select
import socket

from engine.media.limits import TICK_FIRST_S


class Hangup:
    """Tells when the peer of a socket hangs up or breaks it. Data wakes nobody (design decision 1).

    A poll of its own asks the kernel for that alone and is watched by the event loop. Where there is no epoll
    the end is noticed by the next read.
    """

    def __init__(self, sock: socket.socket) -> None:
        self._loop = asyncio.get_running_loop()
        self._happened = False
        self._sleeper: asyncio.Future[None] | None = None
        self._poll: select.epoll | None = None
        if hasattr(select, "epoll"):
            self._poll = select.epoll()
            self._poll.register(sock, select.EPOLLRDHUP)
            self._loop.add_reader(self._poll, self._note)

    async def sleep(self, seconds: float) -> None:
        """Sleep until the time is over or the peer hangs up; behind that only for the shortest tick."""
        if self._happened:
            await asyncio.sleep(min(seconds, TICK_FIRST_S))
            return
        self._sleeper = self._loop.create_future()
        timer = self._loop.call_later(seconds, self._wake)
        try:
            await self._sleeper
        finally:
            timer.cancel()
            self._sleeper = None

    def close(self) -> None:
        """Watch no more."""
        if self._poll is not None:
            self._loop.remove_reader(self._poll)
            self._poll.close()
            self._poll = None

    def _note(self) -> None:
        self._happened = True
        self.close()
        self._wake()

    def _wake(self) -> None:
        if self._sleeper is not None and not self._sleeper.done():
            self._sleeper.set_result(None)

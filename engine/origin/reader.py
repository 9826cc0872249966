"""A reader behind a transport, which is cut off when it does not keep up."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Protocol, cast

import structlog

from engine.log import StormLog
from engine.origin.hub import Wire
from engine.origin.limits import OriginLimits
from engine.origin.total import Total

_log = structlog.get_logger()
_strangers = StormLog()


class TransportReader:
    """Writes a stream to a transport as far as its peer takes it.

    Args:
        wire: The format its peer reads.
        transport: Where to write. It is aborted when the peer is too slow, never paused for.
        limits: What "too slow" is.
        total: What all readers leave unread.
        label: Names the reader in the log.
        on_end: Called when the publisher left.
    """

    def __init__(
        self,
        wire: Wire,
        transport: asyncio.WriteTransport,
        limits: OriginLimits,
        total: Total,
        label: str,
        on_end: Callable[[], None],
    ) -> None:
        self.wire = wire
        self._transport = transport
        self._limits = limits
        self._total = total
        self._label = label
        self._on_end = on_end
        self._allowance_bytes = limits.backlog_bytes
        self._sent_bytes = 0
        self._taken_bytes = 0
        self._taken_at_s = 0.0

    @property
    def backlog_bytes(self) -> int:
        """Bytes the kernel has not taken yet."""
        return self._transport.get_write_buffer_size()

    @property
    def held_bytes(self) -> int:
        """What the total counts."""
        return self.backlog_bytes

    def let_go(self) -> None:
        """All readers together leave too much unread, and this one the most."""
        self._cut("memory")

    def send(self, data: bytes) -> None:
        """Writes media. What it is sent first, a whole GOP, does not count as falling behind."""
        if self._transport.is_closing():
            return
        if not self._sent_bytes:
            self._allowance_bytes += len(data)
        self._sent_bytes += len(data)
        self._transport.write(data)
        self.check_backlog()

    def check_backlog(self) -> None:
        """Cuts the peer off when more waits for it than it may leave unread."""
        if self.backlog_bytes > self._allowance_bytes:
            self._cut("backlog")
        else:
            self._total.note(self)

    def end(self) -> None:
        """The publisher left."""
        self._on_end()

    def close(self) -> None:
        """The peer is gone."""
        self._total.leave(self)

    def check(self, now_s: float) -> None:
        """Cuts the peer off when it took nothing for `stall_s`; to be called about once a second."""
        backlog_bytes = self.backlog_bytes
        taken_bytes = self._sent_bytes - backlog_bytes
        if not backlog_bytes or taken_bytes > self._taken_bytes or not self._taken_at_s:
            self._taken_bytes, self._taken_at_s = taken_bytes, now_s
        elif now_s - self._taken_at_s > self._limits.stall_s:
            self._cut("stalled")

    def abort(self) -> None:
        """Cuts the connection."""
        self._transport.abort()

    def _cut(self, reason: str) -> None:
        peer = self._transport.get_extra_info("peername")
        _strangers.warning(
            "reader.cut",
            reader=self._label,
            peer=str(peer[0]) if peer else "",
            reason=reason,
            backlog_bytes=self.backlog_bytes,
        )
        self.abort()


class Watched(Protocol):
    """A peer that is looked after."""

    def check(self, now_s: float) -> None:
        """Cuts the peer off when it is useless."""
        ...

    def abort(self) -> None:
        """Cuts the peer off."""
        ...


def check_each(peers: Iterable[Watched], now_s: float) -> None:
    """Checks every peer. One that cannot be checked, by a defect of ours, is cut off; the rest is checked."""
    for peer in tuple(peers):
        try:
            peer.check(now_s)
        except Exception:
            _log.exception("peer.check_failed")
            peer.abort()


class Refusal(asyncio.Protocol):
    """The protocol of a connection beyond the allowed number: closed at once."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Closes the connection without a word, and without waiting for its peer."""
        cast("asyncio.WriteTransport", transport).abort()

"""What both network sources share: the tick, the watchdog and the end of a connection."""

from __future__ import annotations

import asyncio
from typing import Protocol

from engine.errors import ConnectFailed, ReelError, Stalled
from engine.ingest.alarm import Sleeper
from engine.ingest.connection import PEEKED_BYTES, Connection
from engine.ingest.source import SourceOptions
from engine.ingest.tick import Tick, wake_time_s
from engine.media.batch import Batch
from engine.media.limits import NO_DATA_TIMEOUT_S, READ_BYTES, TICK_FIRST_S

_READS_PER_TURN = 64  # as large as can be, before others get theirs


class Machine(Protocol):
    """A sans-IO reader of media: bytes in, batches and bytes to send out."""

    @property
    def ended(self) -> object:
        """True, or how, when the stream ended by the protocol's own word."""

    @property
    def error(self) -> ReelError | None:
        """Why the bytes cannot be read on."""

    @property
    def is_over(self) -> bool:
        """There is one of the two."""

    @property
    def reads_peeked(self) -> bool:
        """`read_peeked` may be asked now."""

    def read_peeked(self, data: bytes) -> int | None:
        """Take in what the kernel holds, as far as it is wanted: how many bytes of it. What is behind them
        comes again. None: these bytes can only be given to `receive`."""

    def receive(self, data: bytes, /) -> None:
        """Take in bytes."""

    def receive_eof(self) -> None:
        """The peer closed; a message cut by it becomes `error`."""

    def take_output(self) -> bytes:
        """Bytes to send."""

    def take_batch(self) -> Batch | None:
        """Media since the last call."""


class NetworkReader:
    """Reads a connection by tick into a protocol machine."""

    def __init__(
        self,
        connection: Connection,
        machine: Machine,
        where: str,
        options: SourceOptions,
    ) -> None:
        self._connection = connection
        self._machine = machine
        self._where = where
        self._tick = Tick(options.random)
        self._slot = options.slot
        self._sleeper: Sleeper | None = None
        self._batch: Batch | None = None  # that was read at the end of a sleep, and not given out
        self._loop = asyncio.get_running_loop()
        self._last_media_s = self._returned_s = self._loop.time()
        self._sleep_s = 0.0
        self._window_bytes = connection.window_bytes
        self._broken: ReelError | None = None
        self._was_opened = False  # what came with the answer is taken
        self._begun_bytes = 0  # of a tag that is not whole, in the kernel
        self._read_bytes = 0  # since the sleep, by turns that left some in the kernel
        self._left_some = False

    @property
    def ended(self) -> bool:
        """The stream ended by the protocol's own word."""
        return bool(self._machine.ended)

    async def exchange(self) -> None:
        """Send what is to be sent and read what comes, once, as soon as it comes: before media flows.

        Raises:
            SourceError: the connection broke.
        """
        self._send()
        await self._connection.wait_readable()
        self._read()
        self._send()
        if self._broken is not None:
            raise self._broken

    async def read(self) -> Batch | None:
        """One tick, as `Source.read`."""
        now_s = self._loop.time()
        self._last_media_s += now_s - self._returned_s  # while nobody reads, nobody is silent
        batch = self._batch if self._was_opened else self._machine.take_batch()
        self._batch, self._was_opened = None, True
        if batch is None:
            if self._at_end():
                return None
            await self._sleep(now_s)
            self._send()
            batch, self._batch = self._batch, None
            now_s = self._loop.time()
        self._returned_s = now_s
        if batch is not None:
            self._last_media_s = now_s
            return batch
        if now_s - self._last_media_s > NO_DATA_TIMEOUT_S:
            raise Stalled(f"{self._where}: no media for {NO_DATA_TIMEOUT_S:g} s")
        return None if self._at_end() else Batch.empty()

    def _sleep(self, now_s: float) -> asyncio.Future[None]:
        """Until the tick ends or the peer hangs up; behind that only for the shortest tick. What came is read
        then."""
        self._sleeper = Sleeper(self._read_batch, self._loop.create_future())
        if self._connection.watch(self._hung_up):
            wakes_s = now_s + min(self._sleep_s, TICK_FIRST_S)
        else:
            wakes_s = wake_time_s(self._sleep_s, now_s, self._slot.wakes_at_s)
        self._slot.alarm.set(wakes_s, self._sleeper)
        return self._sleeper.woken

    def _hung_up(self) -> None:
        if self._sleeper is not None:
            self._sleeper.wake()

    def _read_batch(self) -> None:
        self._read()
        self._batch = self._machine.take_batch()
        if self._batch is not None:
            _ = self._batch.digests  # now, while they are in the processor's cache

    def _at_end(self) -> bool:
        """Whether the stream ended well; an end that is an error is raised."""
        if self._broken is not None:
            raise self._broken
        is_over = self._machine.is_over
        if is_over and (error := self._machine.error) is not None:
            raise error
        return is_over or self._connection.eof

    def _read(self) -> None:
        total, self._left_some = 0, False
        try:
            if self._machine.reads_peeked:
                total = self._read_peeked()
            total = self._read_bytes + (total or self._read_through())
            if total * 4 > self._window_bytes:  # so much is needed for longer ticks
                self._window_bytes = self._connection.widen(total * 8)
            self._read_bytes = total if self._left_some else 0
            # The rest comes next, when others have had their turn: in a tick it may become more than fits.
            self._sleep_s = 0.0 if self._left_some else self._tick.next_s(total, self._window_bytes)
        except ConnectFailed as error:
            if not self._machine.ended:
                self._broken = self._machine.error or error  # raised when what was read before it is taken
                self._machine.receive_eof()
        if self._connection.eof:
            self._machine.receive_eof()

    def _read_peeked(self) -> int:
        """All that the kernel holds in one piece; how many bytes that is. 0: nothing, or nothing that can be
        read so. A tag that is not taken because it is still coming stays there until it is whole or no more
        of it comes: the kernel may have no room for the rest."""
        data = self._connection.peek()
        count = self._machine.read_peeked(data) if data else None
        if count is None or (count == 0 and len(data) <= self._begun_bytes):
            self._begun_bytes = 0
            return 0
        self._connection.skip(count)
        self._begun_bytes = len(data) - count
        self._left_some = len(data) == PEEKED_BYTES
        return len(data)

    def _read_through(self) -> int:
        """Read all that the kernel holds, piece by piece; how many bytes that was."""
        receive, read_now = self._machine.receive, self._connection.read_now
        total = 0
        for _ in range(_READS_PER_TURN):
            data = read_now(READ_BYTES)
            if data:
                receive(data)
            total += len(data)
            if len(data) < READ_BYTES:
                break
        else:
            self._left_some = True
        return total

    def _send(self) -> None:
        output = self._machine.take_output()
        if not output or self._connection.eof or self._broken is not None:
            return
        try:
            self._connection.write(output)
        except ConnectFailed as error:
            self._broken = error

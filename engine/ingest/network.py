"""What both network sources share: the tick, the watchdog and the end of a connection."""

from __future__ import annotations

import asyncio
from typing import Protocol

from engine.errors import ConnectFailed, ReelError, Stalled
from engine.ingest.connection import Connection
from engine.ingest.source import ReadBuffer, SourceOptions
from engine.ingest.tick import Tick, slotted_s
from engine.media.batch import Batch
from engine.media.limits import NO_DATA_TIMEOUT_S

_READS_PER_TICK = 64  # full buffers in a row before others get their turn


class Machine(Protocol):
    """A sans-IO reader of media: bytes in, batches and bytes to send out."""

    @property
    def ended(self) -> object:
        """True, or how, when the stream ended by the protocol's own word."""

    @property
    def error(self) -> ReelError | None:
        """Why the bytes cannot be read on."""

    def receive(self, data: memoryview) -> None:
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
        buffer: ReadBuffer,
        where: str,
        options: SourceOptions,
    ) -> None:
        self._connection = connection
        self._machine = machine
        self._buffer = buffer
        self._where = where
        self._tick = Tick(options.random)
        self._wakes_at_s = options.wakes_at_s
        self._loop = asyncio.get_running_loop()
        self._last_media_s = self._returned_s = self._loop.time()
        self._sleep_s = 0.0
        self._window_bytes = connection.window_bytes
        self._broken: ReelError | None = None

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
        self._last_media_s += self._loop.time() - self._returned_s  # while nobody reads, nobody is silent
        try:
            return await self._read_tick()
        finally:
            self._returned_s = self._loop.time()

    async def _read_tick(self) -> Batch | None:
        batch = self._machine.take_batch()  # what came while the stream was opened
        if batch is None:
            if self._at_end():
                return None
            now_s = self._loop.time()
            await self._connection.sleep(slotted_s(self._sleep_s, now_s, self._wakes_at_s))
            self._read()
            self._send()
            batch = self._machine.take_batch()
        if batch is not None:
            self._last_media_s = self._loop.time()
            return batch
        silent_s = self._loop.time() - self._last_media_s
        if silent_s > NO_DATA_TIMEOUT_S:
            raise Stalled(f"{self._where}: no media for {NO_DATA_TIMEOUT_S:g} s")
        return None if self._at_end() else Batch.empty()

    def _at_end(self) -> bool:
        """Whether the stream ended well; an end that is an error is raised."""
        if self._broken is not None:
            raise self._broken
        if self._machine.error is not None:
            raise self._machine.error
        return bool(self._machine.ended) or self._connection.eof

    def _read(self) -> None:
        total = 0
        try:
            for _ in range(_READS_PER_TICK):
                count = self._connection.read_now(self._buffer)
                if count:
                    self._machine.receive(self._buffer[:count])
                total += count
                if count < len(self._buffer):
                    break
            if total * 4 > self._window_bytes:  # it only grows: asked for when it may matter
                self._window_bytes = self._connection.window_bytes
            self._sleep_s = self._tick.next_s(total, self._window_bytes)
        except ConnectFailed as error:
            if not self._machine.ended:
                self._broken = self._machine.error or error  # raised when what was read before it is taken
                self._machine.receive_eof()
        if self._connection.eof:
            self._machine.receive_eof()

    def _send(self) -> None:
        output = self._machine.take_output()
        if not output or self._connection.eof or self._broken is not None:
            return
        try:
            self._connection.write(output)
        except ConnectFailed as error:
            self._broken = error

"""Publishes FLV files as live streams."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path
from typing import BinaryIO

import numpy as np
import structlog

from engine import _native
from engine.errors import UsageError, from_fault
from engine.media.batch import Batch
from engine.origin.clock import LoopClock, PaceClock
from engine.origin.gop import without_metadata
from engine.origin.hub import Hub, Publisher

_log = structlog.get_logger()

_READ_BYTES = 256 << 10
_LOW_WATER_BYTES = 512 << 10
_POLL_S = 0.002


def check_flv(path: Path) -> None:
    """Sees that a file is there and begins as FLV with at least one tag.

    Raises:
        UsageError: it cannot be read.
        NotFlv, MalformedFlv: it is not FLV.
    """
    try:
        with path.open("rb") as file:
            reader = _native.FlvReader()
            while data := file.read(_READ_BYTES):
                reader.feed(data)
                if reader.take() is not None:
                    return
                if reader.fault:
                    break
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from None
    reader.finish()
    if reader.fault is not None:
        raise from_fault(reader.fault, str(path))
    raise UsageError(f"{path}: no media in it")


class Replay:
    """One file as a stream, each frame sent at its time.

    Args:
        path: The file.
        hub: Where to publish it.
        stream: The path to publish it under.
        once: End the stream after the last tag; otherwise the file is looped with continuous timestamps.
        speed: Times real time. 0: as fast as the readers take it, beginning with the first reader.
        wait_for_reader: Begin with the first reader, so that it gets the file from its first tag.
    """

    def __init__(
        self, path: Path, hub: Hub, stream: str, *, once: bool, speed: float, wait_for_reader: bool
    ) -> None:
        self._path = path
        self._once = once
        self._speed = speed
        self._wait_for_reader = wait_for_reader
        self._has_reader = asyncio.Event()
        publisher = hub.publish(stream, self._has_reader.set)
        if publisher is None:
            raise UsageError(f"{path}: {stream} is published already")
        self._publisher: Publisher = publisher

    async def run(self) -> None:
        """Publishes until the end of the file, or until cancelled. The stream ends with it."""
        try:
            if self._wait_for_reader:
                await self._has_reader.wait()
            await (self._rush() if self._speed == 0 else self._pace())
        except OSError as error:
            _log.error("file.replay_failed", file=str(self._path), error=str(error))
        finally:
            self._publisher.close()

    async def _pace(self) -> None:
        """Each frame goes out at its time, on the millisecond the event loop's timers allow."""
        clock = PaceClock()
        now_s = asyncio.get_running_loop().time
        start_s = now_s()
        async with aclosing(self._batches()) as batches:
            async for batch in batches:
                due_ms = clock.due(batch)
                sent = 0
                while sent < len(batch):
                    media_ms = (now_s() - start_s) * 1000 * self._speed
                    due = int(np.searchsorted(due_ms, media_ms, side="right"))
                    if due > sent:
                        self._publisher.push(batch.rows(slice(sent, due)))
                        sent = due
                    else:
                        await asyncio.sleep((due_ms[sent] - media_ms) / 1000 / self._speed)

    async def _rush(self) -> None:
        """The slowest reader sets the pace; one that stops is cut off by the server."""
        async with aclosing(self._batches()) as batches:
            async for batch in batches:
                while not self._publisher.has_readers:
                    self._has_reader.clear()
                    await self._has_reader.wait()
                self._publisher.push(batch)
                await asyncio.sleep(0)
                while self._publisher.backlog_bytes > _LOW_WATER_BYTES:  # noqa: ASYNC110 (a transport tells nobody)
                    await asyncio.sleep(_POLL_S)

    async def _batches(self) -> AsyncGenerator[Batch, None]:
        """The rows of the file, pass after pass, with their timestamps set.

        Its onMetaData comes once, as from an encoder: FFmpeg takes a later one for subtitles.
        """
        clock = LoopClock()
        first_pass = True
        while True:
            rows = 0
            with self._open() as file:
                async with aclosing(read_flv(file)) as batches:
                    async for batch in batches:
                        rows += len(batch)
                        clock.place(batch)
                        yield batch if first_pass else without_metadata(batch)
            if self._once or not rows:
                return
            clock.next_pass()
            first_pass = False

    def _open(self) -> BinaryIO:
        """Not in a thread, unlike the reading: a wait that is cancelled would lose the open file."""
        return self._path.open("rb")


async def read_flv(file: BinaryIO) -> AsyncGenerator[Batch, None]:
    """The rows of a file, read piece by piece; at damage it says so in the log and ends.

    Raises:
        OSError: the file cannot be read.
    """
    reader = _native.FlvReader()
    while data := await asyncio.to_thread(file.read, _READ_BYTES):
        reader.feed(data)
        if (taken := reader.take()) is not None:
            yield Batch.from_native(taken)
        if reader.fault is not None:
            break
    reader.finish()
    if (taken := reader.take()) is not None:  # a last tag without a PreviousTagSize
        yield Batch.from_native(taken)
    if reader.fault is not None:
        _log.warning("file.found_damaged", file=file.name, fault=reader.fault)

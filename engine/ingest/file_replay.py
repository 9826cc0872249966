"""`file://` sources: an FLV file replayed at real time, or faster with `?speed=`."""

from __future__ import annotations

import asyncio
from io import BufferedReader
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

import numpy as np

from engine import _native
from engine.errors import NotFlv, ReelError, StreamNotFound, UsageError, from_fault
from engine.ingest.other_protocols import SEEN_BYTES, recognize_media
from engine.masking import masked
from engine.media.batch import Batch, Role

_PIECE_BYTES = 256 << 10
_TICK_S = 0.06  # of its own: nothing is read ahead of its time, and a replay may run many times as fast


class FileSource:
    """Replays one FLV file. `?speed=X` replays X times as fast, 0 as fast as it is taken.

    Raises:
        UsageError: a speed that is no number, or a URL with a host.
    """

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.netloc not in ("", "localhost"):
            host, _, path = masked(url).removeprefix("file://").partition("/")
            raise UsageError(
                f"{masked(url)}: a file URL has no host: write file:///{host}/{path}, or the path alone"
            )
        self._path = Path(unquote(parts.path))
        try:
            self._speed = float(parse_qs(parts.query).get("speed", ["1"])[0])
        except ValueError:
            raise UsageError(f"{masked(url)}: speed must be a number") from None
        if not 0 <= self._speed < float("inf"):
            raise UsageError(f"{masked(url)}: speed must not be negative")
        self._reader = _native.FlvReader()
        self._file: BufferedReader | None = None
        self._loop = asyncio.get_running_loop()
        self._ahead: Batch | None = None  # read, not yet due
        self._clock: tuple[float, int] | None = None  # loop time and timestamp of the first frame
        self._at_eof = False
        self._first = b""

    @property
    def is_live(self) -> bool:
        """A file ends for good."""
        return False

    @property
    def ended(self) -> bool:
        """A file says so by its end."""
        return True

    async def open(self) -> None:
        """Open the file; as `Source.open`."""
        try:
            self._file = await asyncio.to_thread(self._path.open, "rb")
        except OSError as error:
            raise StreamNotFound(f"{self._path}: {error.strerror}") from None

    async def read(self) -> Batch | None:
        """What is due by now; as `Source.read`."""
        if self._ahead is None:
            self._ahead = await self._next()
        if self._ahead is None:
            return None
        if self._speed == 0:
            batch, self._ahead = self._ahead, None
            await asyncio.sleep(0)
            return batch
        due = self._due_rows(self._ahead)
        if due == 0:
            await asyncio.sleep(_TICK_S)
            return Batch.empty()
        batch, rest = self._ahead.rows(slice(0, due)), self._ahead.rows(slice(due, None))
        self._ahead = rest if len(rest) else None
        return batch

    def _due_rows(self, batch: Batch) -> int:
        frames = np.flatnonzero(batch.tags["role"] == Role.FRAME)
        if not len(frames):
            return len(batch)
        dts = batch.tags["timestamp"][frames].astype(np.int64)
        if self._clock is None:
            self._clock = (self._loop.time(), int(dts[0]))
        started_s, first_ms = self._clock
        elapsed_ms = (self._loop.time() - started_s) * 1000 * self._speed
        late = np.flatnonzero(dts - first_ms > elapsed_ms)
        return int(frames[late[0]]) if len(late) else len(batch)

    async def _next(self) -> Batch | None:
        """The next rows of the file; None at its end."""
        assert self._file is not None, "open() comes first"
        while True:
            taken = self._reader.take()
            if taken is not None:
                return Batch.from_native(taken)
            if self._reader.fault is not None:
                raise self._error(self._reader.fault)
            if self._at_eof:
                return None
            try:
                piece = await asyncio.to_thread(self._file.read, _PIECE_BYTES)
            except OSError as error:
                raise StreamNotFound(f"{self._path}: {error.strerror}") from None
            if piece:
                self._first = self._first or piece[:SEEN_BYTES]
                self._reader.feed(piece)
            else:
                self._at_eof = True
                self._reader.finish()

    def _error(self, fault: tuple[str, str]) -> ReelError:
        if fault[0] == "not.flv" and (media := recognize_media(self._first)):
            return NotFlv(f"{self._path}: this is not FLV; it seems to be {media}")
        return from_fault(fault, str(self._path))

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()

"""Fan-out: publishers push batches, readers get bytes. Knows no sockets and no clock.

A batch is encoded once for each wire format that has a reader, and all readers of that format get the same
bytes object. The streams of a hub are keyed by their path, `app/name`: clients disagree on where the app of a
path with several segments ends.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from enum import Enum
from typing import Protocol

from engine import _native
from engine.media.batch import Batch
from engine.origin.gop import StartCache
from engine.origin.limits import OriginLimits
from engine.origin.pushes import Push, PushEnd, PushWatch, Unwatched
from engine.origin.rtmp_session import CHUNK_SIZE, MESSAGE_STREAM
from engine.origin.total import Total


class Wire(Enum):
    """How media is written to a reader."""

    FLV = "flv"
    FLV_CHUNKED = "flv-chunked"  # FLV in the chunks of an HTTP/1.1 body
    RTMP = "rtmp"


class Reader(Protocol):
    """Somebody who plays a stream. No method may block or raise, nor call back into the hub."""

    @property
    def wire(self) -> Wire:
        """The format it is sent."""
        ...

    @property
    def backlog_bytes(self) -> int:
        """Bytes sent to it that it has not taken yet."""
        ...

    def send(self, data: bytes) -> None:
        """Media, from the first byte on."""
        ...

    def end(self) -> None:
        """The publisher left."""
        ...


def stream_path(app: str, name: str) -> str:
    """The key of a stream: no query strings, no slashes at the ends."""
    return "/".join(part.partition("?")[0].strip("/") for part in (app, name)).strip("/")


class Publisher:
    """The right to push to a stream; given by `Hub.publish`."""

    def __init__(self, hub: Hub, stream: Stream, push: Push, cut: Callable[[], None]) -> None:
        self._hub = hub
        self._stream = stream
        self._begun = False
        self.described = push
        self.cut = cut
        """Ends the publisher's connection."""

    @property
    def path(self) -> str:
        """The stream's key."""
        return self._stream.path

    @property
    def readers(self) -> Collection[Reader]:
        """Those who play the stream now."""
        return self._stream.readers

    @property
    def has_readers(self) -> bool:
        """Somebody plays the stream."""
        return bool(self._stream.readers)

    @property
    def backlog_bytes(self) -> int:
        """What the reader furthest behind has not taken yet."""
        return max((reader.backlog_bytes for reader in self._stream.readers), default=0)

    def push(self, batch: Batch) -> None:
        """Sends a batch to every reader."""
        if len(batch):
            self._stream.push(batch)

    def begin(self) -> None:
        """The publisher knows that it may push, and the stream can be told of."""
        self._begun = True
        self._hub.watch.began(self.described)

    def close(self, end: PushEnd = PushEnd.PEER_CLOSED) -> None:
        """Ends the stream for its readers and frees its name. May be called twice."""
        if self._hub.unpublish(self._stream) and self._begun:
            self._hub.watch.ended(self.described, end)


class Stream:
    """One published stream and its readers."""

    def __init__(self, path: str, cache: StartCache, on_reader: Callable[[], None]) -> None:
        self.path = path
        self.readers: set[Reader] = set()
        self._on_reader = on_reader
        self._waiting: set[Reader] = set()  # for the first row, or for a keyframe
        self._cache = cache
        self._begun = False

    def join(self, reader: Reader) -> None:
        """Adds a reader, which is sent the stream from its last keyframe on."""
        self.readers.add(reader)
        if self._begun and self._cache.ready:
            reader.send(self._start(reader.wire))
        else:
            self._waiting.add(reader)
        self._on_reader()

    def leave(self, reader: Reader) -> None:
        """Removes a reader; one that is not there is no error."""
        self.readers.discard(reader)
        self._waiting.discard(reader)

    def push(self, batch: Batch) -> None:
        """Sends a batch to the readers under way, and their start to those it lets begin."""
        self._cache.add(batch)
        encoded: dict[Wire, bytes] = {}
        for reader in tuple(self.readers - self._waiting if self._waiting else self.readers):
            reader.send(_once(encoded, reader.wire, lambda wire: encode(wire, [batch])))
        if self._waiting:
            self._start_waiting(batch)
        self._begun = True

    def end(self) -> None:
        """Tells the readers that the publisher left."""
        self._cache.close()
        readers, self.readers = self.readers, set()
        for reader in readers:
            reader.end()

    def _start_waiting(self, batch: Batch) -> None:
        """Readers who were here before the first row get everything; later ones start at a keyframe."""
        if self._begun and not self._cache.ready:
            return
        encoded: dict[Wire, bytes] = {}
        waiting, self._waiting = self._waiting, set()
        for reader in waiting:
            if self._begun:
                reader.send(_once(encoded, reader.wire, self._start))
            else:
                reader.send(_once(encoded, reader.wire, lambda wire: self._opening(wire, [batch])))

    def _start(self, wire: Wire) -> bytes:
        return self._opening(wire, self._cache.start())

    def _opening(self, wire: Wire, batches: list[Batch]) -> bytes:
        head = b"" if wire is Wire.RTMP else _native.flv_header(*self._cache.tracks)
        return encode(wire, batches, head)


class Hub:
    """The streams of an origin."""

    def __init__(self, limits: OriginLimits, watch: PushWatch | None = None) -> None:
        self._limits = limits
        self._kept = Total(limits.kept_bytes)
        self._streams: dict[str, Stream] = {}
        self._publishers: dict[str, Publisher] = {}
        self.refuses_pushes = False
        """Refuse publishers from now on."""
        self.watch = watch or Unwatched()

    @property
    def kept_bytes(self) -> int:
        """What is kept for new readers, over all streams."""
        return self._kept.held_bytes

    def publish(
        self,
        path: str,
        on_reader: Callable[[], None] | None = None,
        *,
        push: Push | None = None,
        cut: Callable[[], None] | None = None,
    ) -> Publisher | None:
        """Begins a stream; None when it has a publisher, or pushes are refused.

        Args:
            path: `app/name`.
            on_reader: Called when a reader joins.
            push: What is told of the publisher.
            cut: Ends the publisher's connection.
        """
        if path in self._streams or self.refuses_pushes:
            return None
        cache = StartCache(self._limits, self._kept)
        stream = self._streams[path] = Stream(path, cache, on_reader or _nothing)
        publisher = Publisher(self, stream, push or Push(path), cut or _nothing)
        self._publishers[path] = publisher
        return publisher

    def unpublish(self, stream: Stream) -> bool:
        """Ends a stream and frees its name; False when that is done already."""
        if self._streams.get(stream.path) is not stream:
            return False
        del self._streams[stream.path], self._publishers[stream.path]
        stream.end()
        return True

    def drop(self, path: str) -> bool:
        """Cuts the connection of a stream's publisher; False when nobody publishes it."""
        publisher = self._publishers.get(path)
        if publisher is None:
            return False
        publisher.cut()
        publisher.close(PushEnd.CUT)
        return True

    def play(self, path: str, reader: Reader) -> bool:
        """Adds a reader to a stream; False when nobody publishes it."""
        stream = self._streams.get(path)
        if stream is None:
            return False
        stream.join(reader)
        return True

    def leave(self, path: str, reader: Reader) -> None:
        """Removes a reader; one that is not there is no error."""
        stream = self._streams.get(path)
        if stream is not None:
            stream.leave(reader)

    def published(self, path: str) -> bool:
        """Somebody publishes the stream."""
        return path in self._streams


def encode(wire: Wire, batches: list[Batch], head: bytes = b"") -> bytes:
    """`head` and the batches' rows as `wire` has them, timestamps modulo 2**32."""
    if wire is Wire.RTMP:
        return b"".join(
            _native.rtmp_messages(batch.arena, batch.table, MESSAGE_STREAM, CHUNK_SIZE) for batch in batches
        )
    tags = (_native.flv_tags(batch.arena, batch.table, 0, "source")[0] for batch in batches)
    data = b"".join((head, *tags))
    if wire is Wire.FLV_CHUNKED and data:
        return b"%x\r\n%b\r\n" % (len(data), data)
    return data


def _once(encoded: dict[Wire, bytes], wire: Wire, make: Callable[[Wire], bytes]) -> bytes:
    data = encoded.get(wire)
    if data is None:
        data = encoded[wire] = make(wire)
    return data


def _nothing() -> None:
    """Nobody wants to know."""

"""A live HTTP-FLV origin with the troubles of real ones, which remembers what it made and when.

Each stream is a publisher that loops a file at real time on one clock. A client is sent the headers, what was
made since the last keyframe, and then what is made. Troubles are methods: they happen to every client of a
stream at once.
"""

from __future__ import annotations

import asyncio
import hashlib
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from e2e.sources import AUDIO, SCRIPT, VIDEO, Tag, media_of, tags_of
from origins.scripted import chunk

_STEP_S = 0.02
_FLV_HEAD = b"FLV\x01\x05\0\0\0\x09\0\0\0\0"
_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: video/x-flv\r\nTransfer-Encoding: chunked\r\n\r\n"
_NOT_FOUND = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Made:
    """A frame that a publisher made."""

    at: datetime
    """When it was due, however busy the machine was."""
    sent_at: datetime
    push: int
    kind: int
    dts_ms: int  # on the clock of its push, never wrapped
    wire_ms: int
    digest: str
    key: bool


@dataclass(frozen=True, slots=True)
class Picture:
    """One round of a file: its headers, and its frames from 0 on."""

    headers: tuple[Tag, ...]
    frames: tuple[Tag, ...]
    period_ms: int

    @classmethod
    def of(cls, path: Path) -> Picture:
        """A file that begins with a keyframe."""
        tags = [tag for tag in tags_of(path) if tag.kind != SCRIPT]
        frames = [tag for tag in tags if media_of(tag).role == "frame"]
        headers = tuple(tag for tag in tags if media_of(tag).role == "config")[:2]
        leader = VIDEO if any(tag.kind == VIDEO for tag in frames) else AUDIO
        lead = [tag for tag in frames if tag.kind == leader]
        period_ms = 2 * lead[-1].timestamp_ms - lead[-2].timestamp_ms - lead[0].timestamp_ms
        rest = [tag for tag in frames if tag.kind != leader]
        whole = [*_filled(lead, period_ms), *_filled(rest, period_ms)]
        return cls(headers, tuple(sorted(whole, key=_time)), period_ms)


def _filled(track: list[Tag], period_ms: int) -> list[Tag]:
    """One track from 0 on for a whole round, so that no distance is longer where two rounds meet."""
    if not track:
        return []
    first_ms = track[0].timestamp_ms
    moved = [replace(tag, timestamp_ms=tag.timestamp_ms - first_ms) for tag in track]
    step_ms = moved[1].timestamp_ms
    number = 0
    while moved[-1].timestamp_ms + step_ms < period_ms:
        moved.append(replace(moved[number], timestamp_ms=moved[-1].timestamp_ms + step_ms))
        number += 1
    return [tag for tag in moved if tag.timestamp_ms < period_ms]


def _time(tag: Tag) -> int:
    return tag.timestamp_ms


def _is_key(frame: Tag) -> bool:
    return frame.kind == VIDEO and media_of(frame).key


@dataclass(slots=True)
class Stream:
    """A publisher, and whoever plays it."""

    picture: Picture
    start_ms: int = 0
    """The wire timestamp that its first push begins at."""
    goes_on: bool = False
    """Another push shows what comes next, as a camera does, and not what was shown before."""
    made: list[Made] = field(default_factory=list)
    push: int = 0
    is_published: bool = True
    _clients: set[asyncio.StreamWriter] = field(default_factory=set)
    _cache: list[bytes] = field(default_factory=list)
    _begun_s: float = 0.0
    _next: int = 0
    _origin_ms: int = 0  # of the picture's time, where this push begins
    _hush_until_s: float = 0.0
    _late_ms: int = 0  # by all its silences
    _stalled: list[tuple[bytes, bool]] | None = None

    # Troubles

    def drop(self) -> None:
        """FIN, in the middle of the body."""
        for client in self._take_clients():
            client.close()

    def reset(self) -> None:
        """RST."""
        for client in self._take_clients():
            sock = client.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            client.transport.abort()

    def hush(self, seconds: float) -> None:
        """The publisher makes nothing for a while; its clock goes on, its picture stands still."""
        now_s = asyncio.get_running_loop().time()
        self._late_ms += round(max(now_s + seconds - max(self._hush_until_s, now_s), 0) * 1000)
        self._hush_until_s = max(self._hush_until_s, now_s + seconds)

    async def stall(self, over: Awaitable[object]) -> None:
        """What is made until then arrives late, at the origin: who joins meanwhile finds what came before."""
        self._stalled = []
        await over
        late, self._stalled = self._stalled, None
        self._deliver(late)

    def unpublish(self) -> None:
        """The publisher leaves, and everybody is told so."""
        self.is_published = False
        for client in self._take_clients():
            client.write(chunk(b""))
            client.close()

    def publish(self, picture: Picture | None = None) -> None:
        """A publisher returns, perhaps another one: another push, whose clock begins at 0."""
        self.is_published = True
        self.picture = picture or self.picture
        self.glue()

    @property
    def is_played(self) -> bool:
        """Somebody is sent what is made."""
        return bool(self._clients)

    @property
    def looks_wrapping(self) -> bool:
        """Its clock is where a masked one would soon begin at 0 again: a push glued there looks like that."""
        dts_ms = self.made[-1].dts_ms if self.made else self.start_ms
        return any(0 <= wrap - dts_ms < 12_000 for wrap in (1 << 24, 1 << 31))

    def glue(self) -> None:
        """Another push, on the same connections."""
        self.push += 1
        self.start_ms = 0
        self._begun_s, self._late_ms = asyncio.get_running_loop().time(), 0
        self._next = self._next_key() if self.goes_on else 0
        self._origin_ms = self._picture_ms(self._next)
        self._deliver([(b"".join(bytes(tag) for tag in self._headers()), True)])

    def _next_key(self) -> int:
        """The number of the next video keyframe."""
        frames = self.picture.frames
        at = self._next
        while not _is_key(frames[at % len(frames)]):
            at += 1
        return at

    def _picture_ms(self, number: int) -> int:
        """When a frame is shown, from the picture's first round on."""
        rounds, at = divmod(number, len(self.picture.frames))
        return rounds * self.picture.period_ms + self.picture.frames[at].timestamp_ms

    def _take_clients(self) -> set[asyncio.StreamWriter]:
        clients, self._clients = self._clients, set()
        return clients

    # Life

    def join(self, client: asyncio.StreamWriter) -> None:
        """A client plays the stream."""
        start = b"".join([_FLV_HEAD, *(bytes(tag) for tag in self._headers()), *self._cache])
        client.write(_ANSWER + chunk(start))
        self._clients.add(client)

    def leave(self, client: asyncio.StreamWriter) -> None:
        """A client left."""
        self._clients.discard(client)

    def _headers(self) -> Sequence[Tag]:
        return [replace(tag, timestamp_ms=self.start_ms) for tag in self.picture.headers]

    async def run(self) -> None:
        """Make what is due, until cancelled."""
        loop = asyncio.get_running_loop()
        self._begun_s = loop.time()
        while True:
            if self.is_published:
                self._make(loop.time())
            await asyncio.sleep(_STEP_S)

    def _make(self, now_s: float) -> None:
        pieces: list[tuple[bytes, bool]] = []
        frames = self.picture.frames
        while True:
            dts_ms = self._picture_ms(self._next) - self._origin_ms + self._late_ms
            if dts_ms > (now_s - self._begun_s) * 1000:
                break
            pieces.append(self._one(frames[self._next % len(frames)], dts_ms))
            self._next += 1
        self._deliver(pieces)

    def _one(self, frame: Tag, dts_ms: int) -> tuple[bytes, bool]:
        """A tag, and whether who joins later is sent what comes from it on."""
        wire_ms = (self.start_ms + dts_ms) & 0xFFFFFFFF
        data = bytes(replace(frame, timestamp_ms=wire_ms))
        key = _is_key(frame)
        digest = hashlib.sha256(frame.body).hexdigest()[:16]
        late_s = asyncio.get_running_loop().time() - (self._begun_s + dts_ms / 1000)
        now = datetime.now(UTC)
        at = now - timedelta(seconds=late_s)
        made = Made(at, now, self.push, frame.kind, self.start_ms + dts_ms, wire_ms, digest, key)
        self.made.append(made)
        return data, key

    def _deliver(self, pieces: Sequence[tuple[bytes, bool]]) -> None:
        """Tags come to the origin, and go out to its clients."""
        if self._stalled is not None:
            self._stalled += pieces
            return
        if not pieces:
            return  # an empty chunk would end the body
        for data, begins in pieces:
            if begins:
                self._cache.clear()
            self._cache.append(data)
        data = b"".join(data for data, _ in pieces)
        for client in self._clients:
            if not client.is_closing():
                client.write(chunk(data))


@dataclass(slots=True)
class Troubled:
    """A running origin."""

    port: int
    streams: dict[str, Stream]
    is_refusing: bool = False
    """It accepts connections and closes them, as a restarting server's front does."""

    def url(self, name: str) -> str:
        """Where a stream is pulled from."""
        return f"http://127.0.0.1:{self.port}/live/{name}.flv"


@asynccontextmanager
async def troubled(streams: dict[str, Stream]) -> AsyncIterator[Troubled]:
    """An origin of these streams on a port of its own."""
    origin: Troubled
    writers: set[asyncio.StreamWriter] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.add(writer)
        try:
            request = await reader.readuntil(b"\r\n\r\n")
            name = request.split(b" ")[1].decode().removeprefix("/live/").removesuffix(".flv")
            stream = origin.streams.get(name)
            if origin.is_refusing:
                return
            if stream is None or not stream.is_published:
                writer.write(_NOT_FOUND)
                return
            stream.join(writer)
            try:
                while await reader.read(4096):
                    pass
            finally:
                stream.leave(writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the client left
        finally:
            writers.discard(writer)
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    origin = Troubled(server.sockets[0].getsockname()[1], streams)
    publishers = [asyncio.create_task(stream.run()) for stream in streams.values()]
    try:
        yield origin
    finally:
        for publisher in publishers:
            publisher.cancel()
        ended = await asyncio.gather(*publishers, return_exceptions=True)
        server.close()
        for writer in tuple(writers):
            writer.transport.abort()
        await server.wait_closed()
    for error in ended:
        if not isinstance(error, asyncio.CancelledError):
            raise AssertionError("a publisher ended") from (error if isinstance(error, Exception) else None)

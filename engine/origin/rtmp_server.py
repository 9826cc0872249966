"""RTMP over sockets: publishers into the hub, players from it."""

from __future__ import annotations

import asyncio
import ssl
from typing import cast

import structlog

from engine.log import StormLog
from engine.origin.hub import Hub, Publisher, Wire, stream_path
from engine.origin.limits import OriginLimits
from engine.origin.pushes import Push, PushEnd
from engine.origin.reader import Refusal, TransportReader, check_each
from engine.origin.rtmp_session import NAME_CHARACTERS, Closed, Play, Publish, RtmpServe, State
from engine.origin.total import Total

_log = structlog.get_logger()
_strangers = StormLog()

_FAREWELL_S = 1.0
_ENDS = {
    "FCUnpublish": PushEnd.DELETE_STREAM,  # which follows it
    "deleteStream": PushEnd.DELETE_STREAM,
    "closeStream": PushEnd.CLOSE_STREAM,
    "": PushEnd.MALFORMED,
}


class RtmpServer:
    """Accepts RTMP connections for a hub.

    Args:
        hub: Where streams are published and played.
        limits: What one peer may cost.
        backlogs: What all readers leave unread.
        close_on_unpublish: Disconnect players whose stream has ended. Otherwise they are told so, and have
            `handshake_s` to ask for another.
    """

    def __init__(self, hub: Hub, limits: OriginLimits, backlogs: Total, *, close_on_unpublish: bool) -> None:
        self.hub = hub
        self.limits = limits
        self.backlogs = backlogs
        self.incoming = Total(limits.incoming_bytes)
        self.close_on_unpublish = close_on_unpublish
        self._server: asyncio.Server | None = None
        self._connections: set[_Connection] = set()
        self._deserted = asyncio.Event()

    @property
    def connections(self) -> int:
        """Open connections."""
        return len(self._connections)

    async def start(self, host: str, port: int, tls: ssl.SSLContext | None) -> int:
        """Listens; returns the port.

        Raises:
            OSError: the address cannot be had.
        """
        self._server = await asyncio.get_running_loop().create_server(
            self._accept,
            host,
            port,
            ssl=tls,
            ssl_handshake_timeout=self.limits.handshake_s if tls else None,
        )
        bound: int = self._server.sockets[0].getsockname()[1]
        return bound

    async def stop(self) -> None:
        """Stops listening; publishers are cut off, and players get a second to read the end."""
        if self._server is None:
            return
        self._server.close()
        for connection in tuple(self._connections):
            if not connection.playing:
                connection.abort()
        for patience_s in (_FAREWELL_S, None):
            try:
                async with asyncio.timeout(patience_s):
                    await self._wait_deserted()
                break
            except TimeoutError:
                for connection in tuple(self._connections):
                    connection.abort()
        await self._server.wait_closed()

    def check(self, now_s: float) -> None:
        """Cuts off players that stall, publishers that fell silent, and connections that do neither."""
        check_each(self._connections, now_s)

    def joined(self, connection: _Connection) -> None:
        """A connection was made."""
        self._connections.add(connection)

    def left(self, connection: _Connection) -> None:
        """A connection is gone."""
        self._connections.discard(connection)
        self.incoming.leave(connection)
        if not self._connections:
            self._deserted.set()

    def _accept(self) -> asyncio.BaseProtocol:
        return _Connection(self) if len(self._connections) < self.limits.connections else Refusal()

    async def _wait_deserted(self) -> None:
        while self._connections:
            self._deserted.clear()
            await self._deserted.wait()


class _Connection(asyncio.Protocol):
    """One client: its session, and the publisher or reader it became."""

    def __init__(self, server: RtmpServer) -> None:
        self._server = server
        self._limits = server.limits
        self._now_s = asyncio.get_running_loop().time
        self._session = RtmpServe()
        self._publisher: Publisher | None = None
        self._reader: TransportReader | None = None
        self._path = ""
        self._peer = ""
        self._heard_s = self._idle_since_s = self._now_s()
        self._ending = False
        self._is_cut = False
        self._draining: TransportReader | None = None  # has what it was sent before the end still to take

    @property
    def playing(self) -> bool:
        """The client plays, or is being told that its stream has ended."""
        return self._reader is not None or self._ending

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Waits for the handshake."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is one in all but name
        peer = transport.get_extra_info("peername")
        self._peer = str(peer[0]) if peer else ""
        self._server.joined(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Whatever the client did is over."""
        end = PushEnd.PEER_CLOSED if exc is None else PushEnd.CONNECTION_LOST
        self._leave(PushEnd.CUT if self._is_cut else end)
        self._server.left(self)

    def data_received(self, data: bytes) -> None:
        """Moves the session, and the media of a publisher."""
        self._heard_s = self._now_s()
        if self._ending:
            return
        self._session.receive(data)
        self._server.incoming.note(self)
        for event in self._session.take_events():
            match event:
                case Publish():
                    self._publish(event)
                case Play():
                    self._play(event)
                case Closed(command):
                    self._push()
                    self._leave(_ENDS[command])
        self._push()
        self._flush()
        if self._session.state is State.CLOSED:
            _strangers.warning("rtmp.malformed", peer=self._peer, error=str(self._session.error))
            self._end()

    @property
    def held_bytes(self) -> int:
        """Memory for the messages of the client that are not whole yet."""
        return self._session.held_bytes

    def let_go(self) -> None:
        """All connections together hold too much, and this one the most."""
        _strangers.warning("connection.cut", peer=self._peer, reason="memory", held_bytes=self.held_bytes)
        self.abort()

    def abort(self) -> None:
        """Cuts the connection."""
        self._is_cut = True
        self._transport.abort()

    def check(self, now_s: float) -> None:
        """Cuts the connection when it has been silent, stalled or useless for too long."""
        if self._reader is not None:
            self._reader.check(now_s)
        elif self._publisher is not None:
            if now_s - self._heard_s > self._limits.publisher_idle_s:
                _log.warning(
                    "publisher.timed_out",
                    stream=self._path,
                    peer=self._peer,
                    silent_s=self._limits.publisher_idle_s,
                )
                self.abort()
        elif self._draining is not None and self._draining.backlog_bytes:
            self._draining.check(now_s)
            self._idle_since_s = now_s
        elif now_s - self._idle_since_s > self._limits.handshake_s:
            if self._transport.is_closing():
                self.abort()  # it does not take what waits for it
            else:
                self._transport.close()

    def _publish(self, event: Publish) -> None:
        path = stream_path(event.app, event.stream)
        named = 0 < len(event.stream) <= NAME_CHARACTERS
        push = Push(path, event.host, event.query, self._peer)
        publisher = self._server.hub.publish(path, push=push, cut=self.abort) if named else None
        if publisher is None:
            self._session.refuse("NetStream.Publish.BadName", self._why_refused(path, named))
        elif self._session.accept_publish():
            self._publisher, self._path = publisher, path
            publisher.begin()
            _log.info("publisher.accepted", stream=path, peer=self._peer)
        else:
            publisher.close()

    def _why_refused(self, path: str, named: bool) -> str:
        if not named:
            return "no stream name, or one too long"
        return "the server ends" if self._server.hub.refuses_pushes else f"{path} is published already"

    def _play(self, event: Play) -> None:
        path = stream_path(event.app, event.stream)
        if not self._server.hub.published(path):
            self._session.refuse(
                "NetStream.Play.StreamNotFound", f"nobody publishes {path[:NAME_CHARACTERS]}"
            )
        elif self._session.accept_play():
            self._flush()  # the answer comes before the media
            self._path = path
            self._reader = TransportReader(
                Wire.RTMP,
                self._transport,
                self._limits,
                self._server.backlogs,
                f"rtmp {path}",
                self._stream_ended,
            )
            self._server.hub.play(path, self._reader)

    def _push(self) -> None:
        batch = self._session.take_batch()
        if batch is not None and self._publisher is not None:
            self._publisher.push(batch)

    def _leave(self, end: PushEnd) -> None:
        """Back to a connection that neither publishes nor plays."""
        if self._publisher is not None:
            _log.info("publisher.left", stream=self._path, peer=self._peer, end=end.name.lower())
            self._publisher.close(end)
        if self._reader is not None:
            self._server.hub.leave(self._path, self._reader)
        for reader in (self._reader, self._draining):
            if reader is not None:
                reader.close()
        self._publisher = self._reader = None
        self._idle_since_s = self._now_s()

    def _stream_ended(self) -> None:
        """The publisher of what the client plays has left."""
        self._session.end_play()
        self._flush()
        self._draining, self._reader = self._reader, None
        self._idle_since_s = self._now_s()
        if self._server.close_on_unpublish:
            self._end()

    def _end(self) -> None:
        """Closes our direction only, where TLS does not forbid it: closing the socket while the client's
        acknowledgements come in would make the kernel throw away what the client has not read yet."""
        self._ending = True
        if self._transport.is_closing():
            return
        if self._transport.can_write_eof():
            self._transport.write_eof()
        else:
            self._transport.close()

    def _flush(self) -> None:
        output = self._session.take_output()
        if not output or self._ending or self._transport.is_closing():
            return
        self._transport.write(output)
        if self._reader is not None:
            self._reader.check_backlog()  # answers count like media: a peer can ask faster than it reads
        elif self._transport.get_write_buffer_size() > self._limits.backlog_bytes:
            self.abort()

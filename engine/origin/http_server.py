"""HTTP-FLV: `GET /app/stream.flv` is answered with the stream until it ends."""

from __future__ import annotations

import asyncio
import contextlib
import ssl

from aiohttp import HttpVersion11, hdrs, web
from aiohttp.web_protocol import RequestHandler

from engine.origin.hub import Hub, Wire, stream_path
from engine.origin.limits import OriginLimits
from engine.origin.reader import Refusal, TransportReader, check_each
from engine.origin.total import Total

_HEADERS = {
    hdrs.CONTENT_TYPE: "video/x-flv",
    hdrs.CACHE_CONTROL: "no-cache",
    hdrs.ACCESS_CONTROL_ALLOW_ORIGIN: "*",  # players in a web page of another origin
}


class HttpFlvServer:
    """Serves a hub's streams over HTTP.

    Media is written to the transport and not through the response: a response waits for its peer, and here
    it is the peer that must keep up. An HTTP/1.1 client gets a chunked body, so that the end of the stream
    can be told from a broken connection; an HTTP/1.0 client reads until the connection closes.
    """

    def __init__(self, hub: Hub, limits: OriginLimits, backlogs: Total) -> None:
        self._hub = hub
        self._limits = limits
        self._backlogs = backlogs
        self._readers: dict[asyncio.BaseTransport, TransportReader] = {}
        self._idle_since_s: dict[RequestHandler, float] = {}
        app = web.Application()
        app.router.add_get("/{path:.+}.flv", self._play)
        self._runner = web.AppRunner(app, handler_cancellation=True, access_log=None, shutdown_timeout=1.0)
        self._server: asyncio.Server | None = None

    @property
    def connections(self) -> int:
        """Open connections."""
        server = self._runner.server
        return len(server.connections) if server else 0

    async def start(self, host: str, port: int, tls: ssl.SSLContext | None) -> int:
        """Listens; returns the port.

        Raises:
            OSError: the address cannot be had.
        """
        await self._runner.setup()
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            self._accept,
            host,
            port,
            ssl=tls,
            ssl_handshake_timeout=self._limits.handshake_s if tls else None,
        )
        bound: int = self._server.sockets[0].getsockname()[1]
        return bound

    async def stop(self) -> None:
        """Stops listening and closes every connection."""
        if self._server is not None:
            self._server.close()
        await self._runner.cleanup()
        if self._server is not None:
            await self._server.wait_closed()

    def check(self, now_s: float) -> None:
        """Cuts off readers that stall, and connections that ask for nothing or do not go away."""
        check_each(self._readers.values(), now_s)
        server = self._runner.server
        idle_since_s: dict[RequestHandler, float] = {}
        for connection in server.connections if server else ():
            transport = connection.transport
            if transport is None or transport in self._readers:
                continue
            since_s = idle_since_s[connection] = self._idle_since_s.get(connection, now_s)
            if now_s - since_s > self._limits.handshake_s:
                connection.force_close()
                transport.abort()
        self._idle_since_s = idle_since_s

    def _accept(self) -> asyncio.BaseProtocol:
        server = self._runner.server
        if server is None or len(server.connections) >= self._limits.connections:
            return Refusal()
        return server()

    async def _play(self, request: web.Request) -> web.StreamResponse:
        path = stream_path("", request.match_info["path"])
        if not self._hub.published(path):
            raise web.HTTPNotFound(text=f"no such stream: {path}\n")
        response = web.StreamResponse(headers=_HEADERS)
        response.force_close()
        await response.prepare(request)
        transport = request.transport
        if request.method == hdrs.METH_HEAD or transport is None:
            return response
        ended = asyncio.Event()

        wire = Wire.FLV_CHUNKED if request.version >= HttpVersion11 else Wire.FLV
        reader = TransportReader(wire, transport, self._limits, self._backlogs, f"http {path}", ended.set)
        self._readers[transport] = reader
        try:
            if self._hub.play(path, reader):
                await ended.wait()
            with contextlib.suppress(ConnectionError):  # the client left as the stream ended
                await response.write_eof()
        finally:
            self._hub.leave(path, reader)
            reader.close()
            del self._readers[transport]
        return response

"""RTMP and RTMPS pull: connect, play, follow redirects, then media until the stream ends."""

from __future__ import annotations

import asyncio

from engine.errors import BadResponse, ConnectFailed, ReelError, UsageError
from engine.ingest.connection import Connection
from engine.ingest.network import NetworkReader
from engine.ingest.rtmp_session import RtmpPlay, State, parse_rtmp_url
from engine.ingest.source import SourceOptions
from engine.masking import masked
from engine.media.batch import Batch
from engine.media.limits import CONNECT_TIMEOUT_S, MAX_REDIRECTS


class RtmpSource:
    """Pulls one RTMP stream."""

    def __init__(self, url: str, options: SourceOptions) -> None:
        self._url = url
        self._target = parse_rtmp_url(url)
        self._options = options
        self._connection: Connection | None = None
        self._reader: NetworkReader | None = None
        self._session: RtmpPlay | None = None
        self._redirects = 0

    @property
    def is_live(self) -> bool:
        """A network stream may come back."""
        return True

    @property
    def ended(self) -> bool:
        """The server said that the publisher left, or that it plays no more."""
        return self._session is not None and self._session.stream_ended

    async def open(self) -> None:
        """Connect and play, following up to `MAX_REDIRECTS` redirects; as `Source.open`."""
        redirect = await self._play()
        while redirect is not None:
            redirect = await self._follow(redirect)

    async def _follow(self, redirect: str) -> str | None:
        """Play the target of a redirect; where that one leads if it is one too."""
        self.close()
        self._redirects += 1
        if self._redirects > MAX_REDIRECTS:
            raise BadResponse(f"{masked(self._url)} redirects more than {MAX_REDIRECTS} times")
        try:
            self._url, self._target = redirect, parse_rtmp_url(redirect)
        except UsageError as error:
            raise BadResponse(f"{masked(self._url)} redirects to a wrong URL: {error}") from None
        return await self._play()

    async def _play(self) -> str | None:
        """One connection, up to the start of play; the redirect's target if it is one."""
        target, where = self._target, masked(self._url)
        tls = self._options.tls_context() if target.secure else None
        self._connection = await Connection.open(target.host, target.port, tls, where)
        session = self._session = RtmpPlay(target)
        self._reader = NetworkReader(self._connection, session, where, self._options)
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                while session.state is not State.PLAYING:
                    if session.redirect is not None:
                        return session.redirect
                    self._raise_if_over(session, where)
                    await self._reader.exchange()
        except TimeoutError:
            raise ConnectFailed(f"{where}: RTMP gave no answer in {CONNECT_TIMEOUT_S:g} s") from None
        return None

    def _raise_if_over(self, session: RtmpPlay, where: str) -> None:
        error: ReelError | None = session.error
        if error is not None:
            raise error
        assert self._connection is not None
        if self._connection.eof or session.ended:
            raise ConnectFailed(f"{where}: the origin closed before it played the stream")

    async def read(self) -> Batch | None:
        """As `Source.read`. An origin may redirect in answer to `play` too."""
        assert self._reader is not None, "open() comes first"
        batch = await self._reader.read()
        if batch is None and self._session is not None and (redirect := self._session.redirect) is not None:
            while redirect is not None:
                redirect = await self._follow(redirect)
            return Batch.empty()
        return batch

    def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.close()

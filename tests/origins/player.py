"""A player on our own RTMP session, which keeps what it gets."""

from __future__ import annotations

import asyncio
import ssl

from origins.footage import media

from engine.ingest.rtmp_session import EndReason, RtmpPlay, parse_rtmp_url
from engine.media.batch import Batch


class Player:
    """Our client session on a socket.

    Args:
        url: What to play.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self.session = RtmpPlay(parse_rtmp_url(url))
        self.batches: list[Batch] = []

    @property
    def media(self) -> list[tuple[int, int, bytes]]:
        """(kind, timestamp, body) of the audio and video it got."""
        return [row for batch in self.batches for row in media(batch)]

    @property
    def end_reason(self) -> EndReason | None:
        """How the play ended."""
        return self.session.ended.reason if self.session.ended else None

    async def run(self, tls: ssl.SSLContext | None = None) -> None:
        """Plays until the stream ends or the connection closes."""
        host, port = self._url.split("/")[2].rsplit(":", 1)
        reader, writer = await asyncio.open_connection(host, int(port), ssl=tls)
        try:
            writer.write(self.session.take_output())
            while data := await reader.read(1 << 16):
                self.session.receive(data)
                if (batch := self.session.take_batch()) is not None:
                    self.batches.append(batch)
                writer.write(self.session.take_output())
        finally:
            writer.close()
            await writer.wait_closed()


async def play(url: str, tls: ssl.SSLContext | None = None) -> Player:
    """Plays to the end."""
    player = Player(url)
    await player.run(tls)
    return player

"""What every source is, and which one a URL means."""

from __future__ import annotations

import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Protocol
from urllib.parse import unquote, urlsplit

from engine.ingest.address import check_url
from engine.ingest.alarm import Slot
from engine.ingest.cookie_file import Cookie
from engine.media.batch import Batch


@dataclass(frozen=True, slots=True)
class SourceOptions:
    """How to connect."""

    headers: Mapping[str, str] = field(default_factory=dict)
    insecure: bool = False
    proxy: str | None = field(default=None, repr=False)  # as `proxy_for` takes it
    cookies: Sequence[Cookie] = ()
    user_agent: str | None = None
    random: Random = field(default_factory=Random)
    slot: Slot = field(default_factory=Slot)

    def tls_context(self) -> ssl.SSLContext:
        """Certificates are verified unless the user said otherwise."""
        context = ssl.create_default_context()
        if self.insecure:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context


class Source(Protocol):
    """One connection to a stream. Used once: a reconnect makes a new one."""

    @property
    def is_live(self) -> bool:
        """False for a file: it ends for good at its end."""

    @property
    def ended(self) -> bool:
        """The origin said that the stream is over. False for a connection that only broke or was closed: the
        push may go on without us."""

    async def open(self) -> None:
        """Connect and ask for the stream.

        Raises:
            SourceError: no stream to be had.
            ProtocolError: the origin's answer is malformed.
        """

    async def read(self) -> Batch | None:
        """Sleep a tick and read what came, which may be an empty batch; None at the stream's end.

        Raises:
            SourceError: the connection broke, or nothing came for the watchdog's time.
            ProtocolError: malformed bytes; everything before them was returned by earlier calls.
        """

    def close(self) -> None:
        """Let go of the connection."""


def open_source(url: str, options: SourceOptions) -> Source:
    """The source of a URL, not connected yet.

    Raises:
        UsageError: not a URL this recorder can pull.
    """
    from engine.ingest.file_replay import FileSource
    from engine.ingest.http_flv import HttpFlvSource
    from engine.ingest.rtmp_pull import RtmpSource

    check_url(url)
    scheme = urlsplit(url).scheme.lower()
    if scheme in ("rtmp", "rtmps"):
        return RtmpSource(url, options)
    if scheme in ("http", "https"):
        return HttpFlvSource(url, options)
    return FileSource(url)


def stream_name(url: str) -> tuple[str, str, str]:
    """(domain, app, stream) of a URL, for file names: the host, the path up to the last part, the last part
    without `.flv`."""
    parts = urlsplit(url)
    path = [unquote(part) for part in parts.path.split("/") if part]
    stream = path[-1] if path else "stream"
    app = "/".join(path[:-1])
    if parts.scheme == "file":
        app = "file"
    if stream.lower().endswith(".flv"):
        stream = stream[:-4] or stream
    return parts.hostname or "localhost", app or "live", stream

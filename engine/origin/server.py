"""The embedded origin: files and RTMP publishers in, RTMP play and HTTP-FLV out."""

from __future__ import annotations

import asyncio
import os
import ssl
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote

from engine.errors import UsageError
from engine.origin.address import Address
from engine.origin.http_server import HttpFlvServer
from engine.origin.hub import Hub
from engine.origin.limits import OriginLimits
from engine.origin.pushes import PushWatch
from engine.origin.replay import Replay, check_flv
from engine.origin.rtmp_server import RtmpServer
from engine.origin.total import Total

_DRAIN_POLL_S = 0.01


class Origin:
    """Serves streams while its `async with` block runs.

    Args:
        files: FLV files, each published as `live/<stem>`.
        rtmp: Where RTMP listens, `HOST:PORT` (port 0: any free one); None: nowhere.
        http: Where HTTP-FLV listens, likewise.
        once: Each file is played once, then its stream ends; otherwise they loop.
        speed: Times real time, for files; 0: as fast as the readers take them.
        wait_for_reader: Each file begins with its first reader.
        close_on_unpublish: RTMP readers are told that the publisher left (UnpublishNotify), and disconnected.
            Otherwise they are only told, and may ask for another stream. HTTP responses always end.
        tls: Both servers speak TLS with it.
        limits: What one peer may cost.
        watch: Hears of the RTMP publishers.
        keys: How the user names both addresses, for errors.

    Raises:
        UsageError: a wrong argument, or a file that cannot be read (on entering).
        NotFlv, MalformedFlv: a file without a readable tag (on entering).
        OriginError: an address is in use or not this machine's (on entering).
    """

    def __init__(
        self,
        files: Sequence[str | os.PathLike[str]] = (),
        *,
        rtmp: str | None = "127.0.0.1:0",
        http: str | None = "127.0.0.1:0",
        once: bool = False,
        speed: float = 1.0,
        wait_for_reader: bool = False,
        close_on_unpublish: bool = True,
        tls: ssl.SSLContext | None = None,
        limits: OriginLimits | None = None,
        watch: PushWatch | None = None,
        keys: tuple[str, str] = ("--rtmp", "--http"),
    ) -> None:
        if not 0 <= speed <= 1000:
            raise UsageError(f"speed {speed:g}: from 0 (as fast as the reader takes it) to 1000")
        self._files = _by_stream(files)
        self._rtmp_address = Address.parse(rtmp, keys[0]) if rtmp is not None else None
        self._http_address = Address.parse(http, keys[1]) if http is not None else None
        self._once = once
        self._speed = speed
        self._wait_for_reader = wait_for_reader
        self._tls = tls
        self._keys = keys
        self._limits = limits or OriginLimits()
        self.hub = Hub(self._limits, watch)
        backlogs = Total(self._limits.backlogs_bytes)
        self._rtmp = RtmpServer(self.hub, self._limits, backlogs, close_on_unpublish=close_on_unpublish)
        self._http = HttpFlvServer(self.hub, self._limits, backlogs)
        self._replays: list[asyncio.Task[None]] = []
        self._watch: asyncio.Task[None] | None = None

    @property
    def streams(self) -> list[str]:
        """The paths the files are published under."""
        return list(self._files)

    def rtmp_url(self, stream: str) -> str:
        """The RTMP URL of `app/name`, to push to and to play from."""
        return self._url("rtmp", self._rtmp_address, stream)

    def push_url(self, app: str) -> str:
        """The RTMP URL of an app, as a person types it into an encoder on any machine."""
        assert self._rtmp_address is not None
        scheme = "rtmps" if self._tls else "rtmp"
        return f"{scheme}://{self._rtmp_address.for_people}/{app}"

    def http_url(self, stream: str) -> str:
        """The HTTP-FLV URL of `app/name`."""
        return self._url("http", self._http_address, stream) + ".flv"

    async def __aenter__(self) -> Self:
        try:
            await self._start()
        except BaseException:
            await self._stop()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stop()

    async def wait_ended(self) -> None:
        """Waits for the end of every file, and until everybody has what they asked for and is gone.

        Files that loop have no end, and an origin without files neither. Connections that do nothing are
        closed after `handshake_s`, so they do not hold this up for ever.

        Raises:
            Exception: looking after the connections failed, which is a defect of ours.
        """
        assert self._watch is not None, "the block runs"
        playing = set(self._replays)
        while playing or not self._replays:
            done, _ = await asyncio.wait({*playing, self._watch}, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()  # the watch ends only by failing
            playing -= done
        while self._rtmp.connections + self._http.connections:
            await asyncio.wait({self._watch}, timeout=_DRAIN_POLL_S)
            if self._watch.done():
                self._watch.result()

    def refuse_pushes(self) -> None:
        """Let nobody begin to publish any more; those who do go on."""
        self.hub.refuses_pushes = True

    async def _start(self) -> None:
        for path in self._files.values():
            await asyncio.to_thread(check_flv, path)
        if self._rtmp_address is not None:
            self._rtmp_address = await self._listen(
                "RTMP", self._keys[0], self._rtmp_address, self._rtmp.start
            )
        if self._http_address is not None:
            self._http_address = await self._listen(
                "HTTP", self._keys[1], self._http_address, self._http.start
            )
        self._watch = asyncio.create_task(self._check(), name="origin-watch")
        for stream, path in self._files.items():
            replay = Replay(
                path,
                self.hub,
                stream,
                once=self._once,
                speed=self._speed,
                wait_for_reader=self._wait_for_reader,
            )
            self._replays.append(asyncio.create_task(replay.run(), name=f"origin-replay {stream}"))

    async def _listen(
        self,
        protocol: str,
        key: str,
        address: Address,
        start: Callable[[str, int, ssl.SSLContext | None], Awaitable[int]],
    ) -> Address:
        try:
            port = await start(address.host, address.port, self._tls)
        except OSError as error:
            raise address.refusal(protocol, key, error) from None
        return replace(address, port=port)

    async def _stop(self) -> None:
        tasks = [*self._replays, *([self._watch] if self._watch else [])]
        for task in tasks:
            task.cancel()
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        await self._rtmp.stop()
        await self._http.stop()
        for outcome in outcomes:
            if isinstance(outcome, Exception):  # a cancelled task's is none
                raise outcome

    async def _check(self) -> None:
        """Looks after the connections as often as their limits ask for."""
        loop = asyncio.get_running_loop()
        pause_s = min(1.0, self._limits.stall_s / 4, self._limits.handshake_s / 4)
        while True:
            await asyncio.sleep(pause_s)
            self._rtmp.check(loop.time())
            self._http.check(loop.time())

    def _url(self, scheme: str, address: Address | None, stream: str) -> str:
        if address is None:
            raise UsageError(f"this origin does not serve {scheme}")
        return f"{scheme}{'s' if self._tls else ''}://{address.for_url}/{quote(stream.strip('/'))}"


def _by_stream(files: Sequence[str | os.PathLike[str]]) -> dict[str, Path]:
    by_stream: dict[str, Path] = {}
    for file in files:
        path = Path(file)
        stream = f"live/{path.stem}"
        if stream in by_stream:
            raise UsageError(f"{by_stream[stream]} and {path} would both be {stream}")
        by_stream[stream] = path
    return by_stream

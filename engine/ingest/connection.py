"""A TCP or TLS connection that is read by tick: nothing wakes it when data arrives.

TLS runs over `ssl.MemoryBIO`, so that it ticks like plain TCP (design decision 1).
"""

from __future__ import annotations

import asyncio
import mmap
import os
import socket
import ssl
import sys
from collections.abc import Callable

from engine.errors import OUT_OF_FILES, ConnectFailed
from engine.ingest.hangup import Hangup
from engine.ingest.http_proxy import Proxy, Tunnel
from engine.media.limits import CONNECT_TIMEOUT_S, WINDOW_LAST_BYTES

if sys.platform != "win32":
    import fcntl
    import termios

_TLS_PIECE_BYTES = 64 << 10
PEEKED_BYTES = 4 << 20
"""What `peek` shows at the most."""

_NOWHERE = mmap.mmap(-1, PEEKED_BYTES)  # takes memory only where a system does copy what is skipped
_TUNNEL_BYTES = 4 << 10  # of a proxy's answer at once
_NO_TLS = ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE")
_UNSENT_BYTES = 1 << 20  # what we send is small: a peer that does not take this much is gone


class Connection:
    """One outgoing connection.

    `read_now` never waits; `wait_readable` does, for the exchanges before media flows.
    """

    def __init__(self, sock: socket.socket, tls: ssl.SSLContext | None, server_name: str, where: str) -> None:
        self._sock = sock
        self._where = where
        self._loop = asyncio.get_running_loop()
        self._hangup: Hangup | None = None
        self._unsent = bytearray()
        self._broken: OSError | None = None  # said when what came before it is read
        self.eof = False
        self._tls: ssl.SSLObject | None = None
        if tls is not None:
            self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
            self._tls = tls.wrap_bio(self._incoming, self._outgoing, server_hostname=server_name)
            self._raw = bytearray(_TLS_PIECE_BYTES)

    @classmethod
    async def open(
        cls, host: str, port: int, tls: ssl.SSLContext | None, where: str, proxy: Proxy | None = None
    ) -> Connection:
        """Connect, through a proxy where there is one, and shake hands when `tls` is given. `where` names the
        stream in messages.

        Raises:
            ConnectFailed: DNS, refusal, time-out, or a certificate that is not valid.
            AccessDenied, BadResponse: the proxy opens no tunnel, or is none.
        """
        dialled_host, dialled_port = (host, port) if proxy is None else (proxy.host, proxy.port)
        peer = f"{host}:{port}" if proxy is None else f"the proxy {proxy.label}"
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                sock = await _connect(dialled_host, dialled_port)
                try:
                    if proxy is not None:
                        await _open_tunnel(sock, Tunnel(proxy, host, port, where))
                    connection = cls(sock, tls, host, where)
                    if tls is not None:
                        await connection._shake_hands()
                except BaseException:
                    sock.close()
                    raise
                return connection
        except TimeoutError:
            raise ConnectFailed(f"{where}: {peer} did not answer in {CONNECT_TIMEOUT_S:g} s") from None
        except ssl.SSLCertVerificationError as error:
            reason = error.verify_message
            raise ConnectFailed(
                f"{where}: the certificate of {host} is not valid ({reason}); --insecure accepts it"
            ) from None
        except ssl.SSLError as error:
            hint = ": it does not speak TLS: write rtmp:// or http://" if error.reason in _NO_TLS else ""
            raise ConnectFailed(f"{where}: TLS with {host}:{port} failed ({error.reason}){hint}") from None
        except (socket.gaierror, UnicodeError):  # the latter: no name at all
            raise ConnectFailed(f"{where}: the name {dialled_host} cannot be resolved") from None
        except OSError as error:
            raise ConnectFailed(f"{where}: {peer}: {_reason(error)}") from None

    @property
    def window_bytes(self) -> int:
        """The kernel's receive buffer as it is now; autotuning grows it."""
        return self._sock.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)

    def widen(self, window_bytes: int) -> int:
        """Have the receive buffer grow to so many bytes, as far as the system lets it: what it is then.

        Autotuning sees the bursts of a start, and stops where chance has it. SO_RCVBUF would end it, and has
        a lower limit. Linux makes room for what a reader says that it waits for, and keeps it: nobody waits
        for so much here, so that is taken back at once.
        """
        if sys.platform == "linux":
            for least_bytes in (min(window_bytes, WINDOW_LAST_BYTES) // 2, 1):  # half of it is for overhead
                self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, least_bytes)
        return self.window_bytes

    def read_now(self, size_bytes: int) -> bytes:
        """Read what the kernel holds, up to a size; empty when there is nothing or at the end (`eof`).

        Raises:
            ConnectFailed: the connection broke (reset, TLS error), and all that came before is read.
        """
        if self._unsent:
            self._flush()
        try:
            if self._tls is None:
                data = self._sock.recv(size_bytes)
                self.eof = not data
            else:
                data = self._read_tls(size_bytes)
        except BlockingIOError:
            data = b""
        except OSError as error:
            self._broken, data = self._broken or error, b""
        if data or self._broken is None:
            return data
        if isinstance(self._broken, ssl.SSLError):
            raise ConnectFailed(f"{self._where}: TLS failed ({self._broken.reason})")
        reason = self._broken.strerror or self._broken
        raise ConnectFailed(f"{self._where}: the connection broke ({reason})")

    def peek(self) -> bytes:
        """What the kernel holds, `PEEKED_BYTES` at most, which stays there; nothing of a connection that is
        broken, or that is to be read with `read_now` for another reason."""
        if self._tls is not None or self._unsent or self._broken is not None or sys.platform == "win32":
            return b""
        try:
            size = int.from_bytes(fcntl.ioctl(self._sock, termios.FIONREAD, bytes(4)), sys.byteorder)
            return self._sock.recv(min(size, PEEKED_BYTES), socket.MSG_PEEK) if size else b""
        except BlockingIOError:
            return b""
        except OSError as error:
            self._broken = error
            return b""

    def skip(self, count: int) -> None:
        """Let go of bytes that `peek` has shown. Linux does not copy them once more. A connection that broke
        since then, and let go of them itself, says so at the next read."""
        try:
            while count and (skipped := self._sock.recv_into(_NOWHERE, count, socket.MSG_TRUNC)):
                count -= skipped
        except OSError as error:
            self._broken = error

    def write(self, data: bytes) -> None:
        """Send soon; what the kernel does not take now goes out with later reads, which also say when the
        connection is broken.

        Raises:
            ConnectFailed: the peer takes nothing.
        """
        if self._tls is not None:
            self._tls.write(data)
            data = self._outgoing.read()
        self._unsent += data
        self._flush()
        if len(self._unsent) > _UNSENT_BYTES:
            raise ConnectFailed(f"{self._where}: the origin does not read what we send")

    async def wait_readable(self) -> None:
        """Wait until the kernel holds something, or the peer closed."""
        readable = self._loop.create_future()
        self._loop.add_reader(self._sock, _set_once, readable)
        try:
            await readable
        finally:
            self._loop.remove_reader(self._sock)

    def watch(self, hung_up: Callable[[], None]) -> bool:
        """From the first call on, call `hung_up` once when the peer hangs up. Whether it has."""
        if self._hangup is None:
            self._hangup = Hangup(self._sock, hung_up)
        return self._hangup.happened

    def close(self) -> None:
        """Close without lingering."""
        if self._hangup is not None:
            self._hangup.close()
        self._sock.close()

    def _read_tls(self, size_bytes: int) -> bytes:
        records = []
        while size_bytes:
            try:
                record = self._decrypt(size_bytes)
            except OSError as error:  # ssl.SSLError is one
                self._broken = error
                break
            if not record:
                break
            records.append(record)
            size_bytes -= len(record)
        if self._outgoing.pending:
            self._unsent += self._outgoing.read()
            self._flush()
        return b"".join(records)

    def _decrypt(self, size_bytes: int) -> bytes:
        """Some plain bytes; empty when there are none now, or at the end (`eof`)."""
        assert self._tls is not None
        while True:
            try:
                data = self._tls.read(size_bytes)
            except ssl.SSLWantReadError:
                if not self._receive_raw():
                    return b""
            except ssl.SSLZeroReturnError:
                self.eof = True
                return b""
            else:
                self.eof = not data
                return data

    def _receive_raw(self) -> bool:
        """Move bytes from the socket to TLS; false when there are none."""
        try:
            count = self._sock.recv_into(self._raw)
        except BlockingIOError:
            return False
        if count == 0:
            self.eof = True
            return False
        self._incoming.write(memoryview(self._raw)[:count])
        return True

    def _flush(self) -> None:
        while self._unsent and self._broken is None:
            try:
                sent = self._sock.send(self._unsent)
            except BlockingIOError:
                return
            except OSError as error:
                self._broken = error
            else:
                del self._unsent[:sent]

    async def _shake_hands(self) -> None:
        assert self._tls is not None
        while True:
            try:
                self._tls.do_handshake()
            except ssl.SSLWantReadError:
                self._unsent += self._outgoing.read()
                self._flush()
                await self.wait_readable()
                if not self._receive_raw() and self.eof:
                    raise ConnectionResetError("closed during the TLS handshake") from None
            else:
                self._unsent += self._outgoing.read()
                self._flush()
                return


async def _connect(host: str, port: int) -> socket.socket:
    """The first address that answers."""
    loop = asyncio.get_running_loop()
    addresses = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    failure: OSError = OSError(f"no address for {host}")
    for family, kind, protocol, _, address in addresses:
        try:
            sock = socket.socket(family, kind, protocol)
        except OSError as error:  # a family that this machine does not have
            failure = error
            continue
        try:
            sock.setblocking(False)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            await loop.sock_connect(sock, address)
        except OSError as error:
            sock.close()
            failure = error
        except BaseException:
            sock.close()
            raise
        else:
            return sock
    raise failure


async def _open_tunnel(sock: socket.socket, tunnel: Tunnel) -> None:
    loop = asyncio.get_running_loop()
    await loop.sock_sendall(sock, tunnel.request)
    while not tunnel.open:
        tunnel.receive(await loop.sock_recv(sock, _TUNNEL_BYTES))


def _reason(error: OSError) -> str:
    """The system's own words; event loops put others in their place."""
    if error.errno in OUT_OF_FILES:
        return "too many files are open: raise the limit (ulimit -n)"
    return os.strerror(error.errno).lower() if error.errno else str(error)


def _set_once(readable: asyncio.Future[None]) -> None:
    if not readable.done():
        readable.set_result(None)

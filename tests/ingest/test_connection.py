"""The connection that is read by tick."""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import AsyncIterator

import pytest
from origins.process import free_port

from engine.errors import ConnectFailed
from engine.ingest.connection import Connection
from engine.media.limits import WINDOW_LAST_BYTES

Pair = tuple[Connection, socket.socket]


@pytest.fixture
async def pair() -> AsyncIterator[Pair]:
    """A connection and the peer's end of it."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        connection = await Connection.open("127.0.0.1", server.getsockname()[1], None, "rtmp://x")
        peer, _ = server.accept()
    with peer:
        yield connection, peer
        connection.close()


async def read_until(connection: Connection, size: int) -> bytes:
    """Bytes as they come, a few at a time, until so many or the end."""
    data = b""
    while len(data) < size and not connection.eof:
        await connection.wait_readable()
        while piece := connection.read_now(7):
            data += piece
    return data


async def test_nothing_to_read_is_no_wait(pair: Pair) -> None:
    connection, _ = pair
    assert connection.read_now(10) == b""
    assert not connection.eof
    assert connection.window_bytes > 10_000


async def test_what_is_peeked_at_stays_until_it_is_skipped(pair: Pair) -> None:
    connection, peer = pair
    assert connection.peek() == b""
    peer.sendall(b"0123456789")
    await connection.wait_readable()
    assert connection.peek() == b"0123456789"
    connection.skip(4)
    assert connection.peek() == b"456789"
    assert connection.read_now(10) == b"456789"
    peer.shutdown(socket.SHUT_WR)
    await connection.wait_readable()
    assert connection.peek() == b""
    assert not connection.eof
    assert connection.read_now(10) == b""
    assert connection.eof


@pytest.mark.skipif(sys.platform != "linux", reason="other systems are not asked")
async def test_the_window_is_widened_as_far_as_it_may_be(pair: Pair) -> None:
    connection, peer = pair
    narrow = connection.window_bytes
    wide = connection.widen(4 * narrow)
    assert 4 * narrow <= wide == connection.window_bytes
    assert connection.widen(narrow) == wide
    assert connection.widen(1 << 40) == connection.widen(1 << 50) < 3 * WINDOW_LAST_BYTES
    peer.sendall(b"1")
    await asyncio.wait_for(connection.wait_readable(), 10)  # nobody waits for more than a byte


@pytest.mark.parametrize("error", [ConnectionResetError(104, "Connection reset by peer"), None])
async def test_a_connection_that_breaks_before_it_is_skipped(
    error: OSError | None, pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Systems may let go of what came when the peer resets; Linux keeps it."""

    class Reset(socket.socket):
        def recv_into(self, *_: object) -> int:
            if error is not None:
                raise error
            return 0

    connection, peer = pair
    peer.sendall(b"0123456789")
    await connection.wait_readable()
    assert connection.peek() == b"0123456789"
    whole = connection._sock
    with monkeypatch.context() as patch, Reset(fileno=whole.fileno()) as reset:
        patch.setattr(connection, "_sock", reset)
        connection.skip(10)
        reset.detach()
    assert connection.peek() == (b"" if error else b"0123456789")
    if error is not None:
        assert connection.read_now(20) == b"0123456789"
        with pytest.raises(ConnectFailed, match="Connection reset by peer"):
            connection.read_now(20)


async def test_bytes_both_ways_and_the_end(pair: Pair) -> None:
    connection, peer = pair
    connection.write(b"hello")
    assert peer.recv(10) == b"hello"
    peer.sendall(b"0123456789" * 5)
    peer.shutdown(socket.SHUT_WR)
    assert await read_until(connection, 1000) == b"0123456789" * 5
    assert connection.eof
    assert connection.read_now(10) == b""


async def test_what_the_kernel_does_not_take_at_once_goes_out_with_reads(pair: Pair) -> None:
    connection, peer = pair
    peer.setblocking(False)
    data = bytes(range(256)) * 2048
    sent = 0
    while sent < 8:  # more than the buffers of both kernels
        try:
            connection.write(data)
        except ConnectFailed:
            break
        sent += 1
    received = 0
    loop = asyncio.get_running_loop()
    while received < sent * len(data):
        received += len(await loop.sock_recv(peer, 1 << 20))
        connection.read_now(10)
    assert sent > 0


async def test_a_peer_that_reads_nothing_is_given_up(pair: Pair) -> None:
    connection, _ = pair

    def write_on() -> None:
        for _ in range(200):
            connection.write(b"x" * (1 << 20))

    with pytest.raises(ConnectFailed, match="does not read"):
        write_on()


async def test_a_break_is_said_after_what_came_before_it(pair: Pair) -> None:
    connection, peer = pair
    peer.sendall(b"last words")
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    peer.close()
    for _ in range(3):
        connection.write(b"into the void")  # the first answer to it is the break
    data = bytearray()

    def read_on() -> None:
        while piece := connection.read_now(4):
            data.extend(piece)

    with pytest.raises(ConnectFailed, match="broke"):
        read_on()
    assert data == b"last words"
    with pytest.raises(ConnectFailed, match="broke"):
        connection.read_now(4)


@pytest.mark.parametrize(
    ("host", "words"),
    [("127.0.0.1", "refused"), ("nobody.invalid", "cannot be resolved"), ("a" * 70, "cannot be resolved")],
)
async def test_open_says_what_failed(host: str, words: str) -> None:
    with pytest.raises(ConnectFailed, match=f"rtmp://x: .*{words}"):
        await Connection.open(host, free_port(), None, "rtmp://x")

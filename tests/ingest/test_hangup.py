"""A recording that sleeps until its next read is woken by the end of its connection, and by nothing else."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Iterator

import pytest

from engine.ingest.connection import Connection

LONG_S = 600.0
GIVE_UP_S = 30.0


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Two ends of a TCP connection."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        ours = socket.create_connection(server.getsockname())
        theirs, _ = server.accept()
    ours.setblocking(False)
    with ours, theirs:
        yield ours, theirs


def fin(theirs: socket.socket) -> None:
    theirs.shutdown(socket.SHUT_WR)


def reset(theirs: socket.socket) -> None:
    theirs.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    theirs.close()


@pytest.mark.parametrize("hang_up", [fin, reset])
async def test_the_end_wakes_and_data_does_not(ends, hang_up) -> None:
    ours, theirs = ends
    connection = Connection(ours, None, "", "x")
    asleep = asyncio.create_task(connection.sleep(LONG_S))
    await asyncio.sleep(0)
    theirs.sendall(b"media")
    await asyncio.sleep(0.3)
    assert not asleep.done()
    hang_up(theirs)
    await asyncio.wait_for(asleep, GIVE_UP_S)
    buffer = memoryview(bytearray(16))
    assert connection.read_now(buffer) == 5, "what came before it is read"
    await asyncio.wait_for(connection.sleep(LONG_S), GIVE_UP_S)  # a longer rest would be waiting there
    connection.close()
    connection.close()


async def test_a_sleep_ends_by_itself_and_can_be_cancelled(ends) -> None:
    ours, _ = ends
    connection = Connection(ours, None, "", "x")
    await connection.sleep(0.01)
    asleep = asyncio.create_task(connection.sleep(LONG_S))
    await asyncio.sleep(0.05)
    asleep.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asleep
    await connection.sleep(0.01)
    connection.close()

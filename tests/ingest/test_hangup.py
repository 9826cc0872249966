"""A recording that sleeps until its next read is woken by the end of its connection, and by nothing else."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager

import pytest
from native.flv_bytes import START, PlainTag, tag_bytes
from origins.scripted import Client, head, scripted

from engine.errors import ConnectFailed
from engine.ingest import SourceOptions
from engine.ingest.connection import Connection
from engine.ingest.http_flv import HttpFlvSource

GIVE_UP_S = 30.0
Ends = tuple[socket.socket, socket.socket]


@pytest.fixture
def ends() -> Iterator[Ends]:
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
async def test_the_end_calls_once_and_data_does_not(
    ends: Ends, hang_up: Callable[[socket.socket], None]
) -> None:
    ours, theirs = ends
    connection = Connection(ours, None, "", "x")
    called = asyncio.Event()
    assert not connection.watch(called.set)
    theirs.sendall(b"media")
    await asyncio.sleep(0.3)
    assert not called.is_set()
    hang_up(theirs)
    await asyncio.wait_for(called.wait(), GIVE_UP_S)
    called.clear()
    assert connection.watch(called.set)
    await asyncio.sleep(0.1)
    assert not called.is_set()
    assert connection.read_now(16) == b"media", "what came before it is read"
    connection.close()
    connection.close()


async def test_nobody_is_called_once_it_is_closed(ends: Ends) -> None:
    ours, theirs = ends
    connection = Connection(ours, None, "", "x")
    called = asyncio.Event()
    connection.watch(called.set)
    fin(theirs)
    connection.close()
    await asyncio.sleep(0.1)
    assert not called.is_set()


@asynccontextmanager
async def asleep(answer: Callable[[Client], object]) -> AsyncIterator[HttpFlvSource]:
    """A source that read what came with the answer, and would sleep for minutes now."""
    async with scripted(answer) as origin:
        source = HttpFlvSource(origin.url(), SourceOptions())
        await source.open()
        while not (batch := await source.read()):
            assert batch is not None
        assert source._reader is not None
        source._reader._sleep_s = 600.0
        yield source
        source.close()


TAG = tag_bytes(PlainTag(8, 0, b"\x2f" + bytes(100)))


@pytest.mark.parametrize("is_reset", [False, True])
async def test_a_read_that_sleeps_takes_what_came_before_the_end(is_reset: bool) -> None:
    async def answer(client: Client) -> None:
        await client.send(head() + START + TAG)
        await asyncio.sleep(0.3)
        await client.send(TAG)
        await asyncio.sleep(0.3)
        if is_reset:
            client.reset()

    async with asleep(answer) as source:
        batch = await asyncio.wait_for(source.read(), GIVE_UP_S)
        assert batch is not None
        assert len(batch) == 1
        assert source._reader is not None
        source._reader._sleep_s = 600.0  # nothing more comes: no sleep is long now
        try:
            assert await asyncio.wait_for(source.read(), GIVE_UP_S) is None
        except ConnectFailed:
            assert is_reset


async def test_a_read_can_be_cancelled_and_begun_again() -> None:
    async def answer(client: Client) -> None:
        await client.send(head() + START + TAG)
        await asyncio.sleep(0.4)
        await client.send(TAG)

    async with asleep(answer) as source:
        reading = asyncio.ensure_future(source.read())
        await asyncio.sleep(0.05)
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
        batch = await asyncio.wait_for(source.read(), GIVE_UP_S)
        assert batch is not None
        assert len(batch) == 1


async def test_what_was_read_when_a_read_was_cancelled_comes_with_the_next() -> None:
    async def answer(client: Client) -> None:
        await client.send(head() + START + TAG)
        await asyncio.sleep(0.2)
        await client.send(TAG)
        await client.gone()

    async with asleep(answer) as source:
        reading = asyncio.ensure_future(source.read())
        await asyncio.sleep(0.5)
        assert source._reader is not None
        assert source._reader._sleeper is not None
        source._reader._sleeper.wake()
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
        batch = await asyncio.wait_for(source.read(), GIVE_UP_S)
        assert batch is not None
        assert len(batch) == 1

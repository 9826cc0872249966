"""A turn of reading is bounded; what it leaves in the kernel is read next, and not a tick later."""

from __future__ import annotations

import asyncio
import fcntl
import sys
import termios

import pytest
from native.flv_bytes import START, PlainTag, tag_bytes
from origins.scripted import Client, head, scripted

from engine.ingest import SourceOptions
from engine.ingest.connection import Connection
from engine.ingest.http_flv import HttpFlvSource, _Response
from engine.ingest.tick import Tick

GIVE_UP_S = 30.0
TURN_BYTES = 16 << 10
TAG = tag_bytes(PlainTag(8, 0, b"\x2f" + bytes(1000)))
TAGS = 50


def held_bytes(connection: Connection) -> int:
    """What the kernel holds of it."""
    return int.from_bytes(fcntl.ioctl(connection._sock, termios.FIONREAD, bytes(4)), sys.byteorder)


@pytest.mark.parametrize("in_place", [True, False])
async def test_a_tick_ends_when_the_kernel_holds_no_more(
    in_place: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.ingest.network.PEEKED_BYTES", TURN_BYTES)
    monkeypatch.setattr("engine.ingest.connection.PEEKED_BYTES", TURN_BYTES)
    monkeypatch.setattr("engine.ingest.network.READ_BYTES", TURN_BYTES // 64)
    if not in_place:
        monkeypatch.setattr(_Response, "reads_peeked", False)
    ticks: list[int] = []
    go_on, again, over = asyncio.Event(), asyncio.Event(), asyncio.Event()

    def next_s(tick: Tick, read_bytes: int, window_bytes: int) -> float:
        ticks.append(read_bytes)
        return 600.0 if go_on.is_set() else 0.0

    monkeypatch.setattr(Tick, "next_s", next_s)

    async def answer(client: Client) -> None:
        await client.send(head() + START + TAG)
        await go_on.wait()
        await client.send(TAG * TAGS)
        await again.wait()
        await client.send(TAG)
        await over.wait()

    async with scripted(answer) as origin, asyncio.timeout(GIVE_UP_S):
        source = HttpFlvSource(origin.url(), SourceOptions())
        await source.open()
        while not (batch := await source.read()):
            assert batch is not None
        assert source._connection is not None
        go_on.set()
        while held_bytes(source._connection) < len(TAG) * TAGS:
            await asyncio.sleep(0.01)
        ticks.clear()
        sizes = []
        while sum(sizes) < TAGS:
            batch = await source.read()
            assert batch is not None
            sizes.append(len(batch))
        assert source._reader is not None
        source._reader._sleep_s = 0.0
        again.set()
        while held_bytes(source._connection) < len(TAG):
            await asyncio.sleep(0.01)
        batch = await source.read()
        assert batch is not None
        assert len(batch) == 1
        source.close()
        over.set()
    assert len(sizes) == 4, "three turns that are full, and what is left"
    assert len(ticks) == 2
    assert ticks[0] >= len(TAG) * TAGS, "the tick is told of all that it read"
    assert ticks[1] == len(TAG), "and of nothing that the one before read"

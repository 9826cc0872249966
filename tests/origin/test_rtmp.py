"""RTMP from the origin, over real sockets, with our own session as the player."""

from __future__ import annotations

import asyncio
import ssl
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import trustme
from origins.footage import media, read_flv
from origins.player import Player, play

from engine.errors import StreamNotFound
from engine.ingest.rtmp_session import EndReason, RtmpPlay, parse_rtmp_url
from engine.media.batch import Flag, Kind, Role
from engine.origin import Origin, OriginLimits


@pytest.mark.parametrize("speed", [0, 50])
async def test_our_session_plays_every_message_of_a_file(footage: Path, speed: float) -> None:
    async with Origin([footage], http=None, once=True, speed=speed, wait_for_reader=True) as origin:
        playing = await play(origin.rtmp_url("live/clip"))
        assert playing.media == media(read_flv(footage.read_bytes()))
        assert playing.end_reason is EndReason.UNPUBLISHED
        await origin.wait_ended()


async def test_what_nobody_publishes_is_not_found_at_once() -> None:
    async with Origin(http=None) as origin:
        url = origin.rtmp_url("live/nobody")
        playing = Player(url)
        task = asyncio.create_task(playing.run())
        while not playing.session.ended:
            await asyncio.sleep(0.01)
        assert playing.end_reason is EndReason.REFUSED
        assert isinstance(playing.session.error, StreamNotFound)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_a_late_player_starts_at_the_last_keyframe(footage: Path) -> None:
    clip = read_flv(footage.read_bytes())
    async with Origin(http=None) as origin:
        publisher = origin.hub.publish("live/x")
        assert publisher is not None
        publisher.push(clip)
        task = asyncio.create_task(play(origin.rtmp_url("live/x")))
        while not publisher.has_readers:
            await asyncio.sleep(0)
        publisher.close()
        playing = await task
        key = np.flatnonzero((clip.tags["kind"] == Kind.VIDEO) & (clip.tags["flags"] & Flag.KEY != 0))[-1]
        assert playing.media[2:] == media(clip.rows(slice(int(key), None)))
        roles = [int(role) for batch in playing.batches for role in batch.tags["role"]]
        assert roles[:4] == [Role.SCRIPT, Role.CONFIG, Role.CONFIG, Role.FRAME]


async def test_a_slow_player_is_cut_and_the_others_go_on(footage: Path) -> None:
    clip = read_flv(footage.read_bytes())
    async with Origin(http=None, limits=OriginLimits(backlog_bytes=1 << 20)) as origin:
        publisher = origin.hub.publish("live/x")
        assert publisher is not None
        url = origin.rtmp_url("live/x")
        slow = RtmpPlay(parse_rtmp_url(url))
        reader, writer = await asyncio.open_connection(*url.split("/")[2].split(":"))
        writer.write(slow.take_output())
        while not publisher.has_readers:
            slow.receive(await reader.read(4096))
            writer.write(slow.take_output())
            await asyncio.sleep(0.01)
        reader._transport.pause_reading()  # type: ignore[attr-defined]
        (slow_reader,) = publisher.readers
        fast = asyncio.create_task(play(url))
        while len(publisher.readers) < 2:
            await asyncio.sleep(0)
        (fast_reader,) = set(publisher.readers) - {slow_reader}
        passes = 0
        while len(publisher.readers) == 2:
            publisher.push(clip)
            passes += 1
            while fast_reader.backlog_bytes:
                await asyncio.sleep(0)
            assert slow_reader.backlog_bytes < 3 << 20
        publisher.close()
        assert (await fast).media == media(clip) * passes
        writer.close()


@pytest.mark.parametrize("said", [b"", b"\x03", b"\x03" + bytes(1536)])
async def test_a_handshake_that_takes_too_long_is_cut(said: bytes) -> None:
    async with Origin(http=None, limits=OriginLimits(handshake_s=0.2)) as origin:
        reader, writer = await asyncio.open_connection(*origin.rtmp_url("x").split("/")[2].split(":"))
        writer.write(said)
        with suppress(ConnectionError):
            while await reader.read(4096):
                pass
        writer.close()


async def test_garbage_ends_the_connection_and_nothing_else(footage: Path) -> None:
    async with Origin([footage], http=None, once=True, speed=0) as origin:
        reader, writer = await asyncio.open_connection(*origin.rtmp_url("x").split("/")[2].split(":"))
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" * 200)
        with suppress(ConnectionError):
            await reader.read()
        writer.close()
        assert (await play(origin.rtmp_url("live/clip"))).media == media(read_flv(footage.read_bytes()))


@pytest.mark.parametrize("close", [True, False])
async def test_players_are_told_of_the_end_and_may_be_left_connected(close: bool) -> None:
    async with Origin(http=None, close_on_unpublish=close) as origin:
        publisher = origin.hub.publish("live/x")
        assert publisher is not None
        player = Player(origin.rtmp_url("live/x"))
        task = asyncio.create_task(player.run())
        while not publisher.has_readers:
            await asyncio.sleep(0)
        publisher.close()
        while not player.session.ended:
            await asyncio.sleep(0)
        assert player.end_reason is EndReason.UNPUBLISHED
        if close:
            await task
        else:
            assert not task.done()
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def test_rtmps(footage: Path) -> None:
    authority = trustme.CA()
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(server)
    client = ssl.create_default_context()
    authority.configure_trust(client)
    async with Origin([footage], http=None, once=True, speed=0, tls=server) as origin:
        url = origin.rtmp_url("live/clip")
        assert url.startswith("rtmps://")
        assert (await play(url, client)).media == media(read_flv(footage.read_bytes()))


async def test_connections_beyond_the_limit_are_closed() -> None:
    async with Origin(http=None, limits=OriginLimits(connections=1, handshake_s=1000)) as origin:
        address = origin.rtmp_url("x").split("/")[2].split(":")
        first, first_writer = await asyncio.open_connection(*address)
        first_writer.write(b"\x03" + bytes(1536))
        assert len(await first.readexactly(1)) == 1
        second, second_writer = await asyncio.open_connection(*address)
        with suppress(ConnectionError):
            assert await second.read() == b""
        first_writer.close()
        second_writer.close()

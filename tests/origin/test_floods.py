"""Peers that ask for too much, alone and together: they are cut, and everybody else loses nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import numpy as np
import pytest
from native.rtmp_wire import (
    COMMAND,
    HANDSHAKE,
    USER_CONTROL,
    VIDEO,
    ChunkWriter,
    PlainMessage,
    control,
    number,
    text,
)
from origins.footage import media, read_flv
from origins.player import Player, play
from structlog.testing import capture_logs

from engine.ingest.rtmp_session import State
from engine.media.batch import TAG, Batch, Kind, Role
from engine.origin import Origin, OriginLimits
from engine.origin.hub import Hub, Publisher, Wire

MIB = 1 << 20
PATIENCE_S = 30.0


def address(url: str) -> tuple[str, int]:
    """Where a URL points."""
    host, _, port = url.split("/")[2].rpartition(":")
    return host, int(port)


def connect_command() -> bytes:
    """A client's `connect`."""
    fields = b"\x03" + b"\x00\x03app" + text("live") + b"\x00\x00\x09"
    return ChunkWriter().write(3, PlainMessage(COMMAND, 0, text("connect") + number(1) + fields, 0))


def call(name: str, stream: str) -> bytes:
    """A client's `publish` or `play`."""
    payload = text(name) + number(5) + b"\x05" + text(stream)
    return ChunkWriter().write(3, PlainMessage(COMMAND, 0, payload))


async def until_closed(reader: asyncio.StreamReader) -> None:
    """Read until the origin has closed the connection."""
    async with asyncio.timeout(PATIENCE_S):
        with suppress(ConnectionError):
            while await reader.read(1 << 16):
                pass


@asynccontextmanager
async def peers(count: int, url: str, said: bytes) -> AsyncIterator[list[asyncio.StreamReader]]:
    """Connections that say something and read nothing."""
    opened = [await asyncio.open_connection(*address(url)) for _ in range(count)]
    try:
        for reader, writer in opened:
            reader._transport.pause_reading()  # type: ignore[attr-defined]
            writer.write(said)
        yield [reader for reader, _ in opened]
    finally:
        for _, writer in opened:
            writer.transport.abort()


@asynccontextmanager
async def live(origin: Origin, clip: Batch) -> AsyncIterator[Publisher]:
    """A publisher and a player of `live/x`, who gets all that is pushed meanwhile."""
    publisher = origin.hub.publish("live/x")
    assert publisher is not None
    player = asyncio.create_task(play(origin.rtmp_url("live/x")))
    while not publisher.has_readers:
        await asyncio.sleep(0)
    try:
        publisher.push(clip)
        yield publisher
        publisher.push(clip)
    finally:
        publisher.close()
        played = await player
    assert played.media == media(clip) * 2


@pytest.fixture
def clip(footage: Path) -> Batch:
    return read_flv(footage.read_bytes())


# One peer


@pytest.mark.parametrize(
    ("opening", "drip"),
    [
        pytest.param(b"", b"\x03" + bytes(1536), id="the handshake"),
        pytest.param(HANDSHAKE, connect_command(), id="the first command"),
        pytest.param(HANDSHAKE + connect_command(), control(3, 1) * 100, id="nothing of use"),
    ],
)
async def test_an_rtmp_peer_that_drips_is_cut(opening: bytes, drip: bytes) -> None:
    async with Origin(http=None, limits=OriginLimits(handshake_s=0.3)) as origin:
        reader, writer = await asyncio.open_connection(*address(origin.rtmp_url("live/x")))
        writer.write(opening)
        closed = asyncio.create_task(until_closed(reader))
        with suppress(ConnectionError):
            for byte in drip * 100:
                if closed.done():
                    break
                writer.write(bytes([byte]))
                await asyncio.sleep(0.02)
        assert closed.done()
        writer.close()


async def test_a_request_that_drips_is_cut(footage: Path) -> None:
    async with Origin([footage], rtmp=None, limits=OriginLimits(handshake_s=0.3)) as origin:
        reader, writer = await asyncio.open_connection(*address(origin.http_url("live/x")))
        closed = asyncio.create_task(until_closed(reader))
        with suppress(ConnectionError):
            for byte in b"GET /live/clip.flv HTTP/1.1\r\n" + b"X: y\r\n" * 1000:
                if closed.done():
                    break
                writer.write(bytes([byte]))
                await asyncio.sleep(0.02)
        assert closed.done()
        writer.close()


def begun(chunk_stream: int) -> bytes:
    """The first chunk of a message of 16 MiB - 1."""
    return bytes([0, chunk_stream - 64]) + b"\0\0\0\xff\xff\xff\x09" + bytes(4 + 128)


DEEP = PlainMessage(COMMAND, 0, text("x") + b"\x0a\0\0\0\1" * 40)
COUNT = PlainMessage(COMMAND, 0, b"\x0a\xff\xff\xff\xff" + b"\x05" * 70_000)


@pytest.mark.parametrize(
    ("wire", "words"),
    [
        (control(1, 2**32 - 1), "chunk size"),
        (ChunkWriter().write(3, DEEP), "nest deeper"),
        (ChunkWriter().write(3, COUNT), "AMF values"),
        (control(USER_CONTROL, 0, fmt=">B"), "user control"),
        (b"".join(begun(stream) for stream in range(70, 140)), "64 chunk streams"),
    ],
)
async def test_malformed_bytes_cost_their_peer_alone(clip: Batch, wire: bytes, words: str) -> None:
    async with Origin(http=None) as origin, live(origin, clip):
        with capture_logs() as logs:
            reader, writer = await asyncio.open_connection(*address(origin.rtmp_url("live/x")))
            writer.write(HANDSHAKE + connect_command() + wire)
            await until_closed(reader)
            writer.close()
        (line,) = [log["error"] for log in logs if log["event"] == "rtmp.malformed"]
        assert words in line
        assert "\n" not in line


async def test_a_name_of_a_megabyte_is_refused() -> None:
    async with Origin(http=None, limits=OriginLimits(handshake_s=0.3)) as origin:
        reader, writer = await asyncio.open_connection(*address(origin.rtmp_url("live/y")))
        name = b"\x0c" + (900_000).to_bytes(4, "big") + b"n" * 900_000
        payload = text("publish") + number(5) + b"\x05" + name
        wire = ChunkWriter()
        writer.write(HANDSHAKE + connect_command() + wire.write(3, PlainMessage(COMMAND, 0, payload)))
        async with asyncio.timeout(PATIENCE_S):
            said = await reader.read()
        assert b"NetStream.Publish.BadName" in said
        assert len(said) < 10_000
        assert not origin.hub._streams
        writer.close()


async def test_a_publisher_whose_bytes_break_keeps_what_it_sent(clip: Batch) -> None:
    async with Origin(http=None) as origin:
        reader, writer = await asyncio.open_connection(*address(origin.rtmp_url("live/y")))
        writer.write(HANDSHAKE + connect_command() + call("publish", "y"))
        while not origin.hub.published("live/y"):
            await asyncio.sleep(0)
        player = Player(origin.rtmp_url("live/y"))
        playing = asyncio.create_task(player.run())
        while player.session.state is not State.PLAYING:
            await asyncio.sleep(0)
        frame = PlainMessage(VIDEO, 40, b"\x17\1\0\0\0frame")
        writer.write(ChunkWriter().write(6, frame) + control(1, 0))
        await playing
        assert player.media == [(VIDEO, 40, frame.payload)]
        await until_closed(reader)
        writer.close()


async def test_a_player_that_asks_and_never_reads_is_cut() -> None:
    """Pings are answered with six times their bytes, whether media flows or not."""
    async with Origin(http=None, limits=OriginLimits(backlog_bytes=MIB, stall_s=1000)) as origin:
        publisher = origin.hub.publish("live/x")
        assert publisher is not None
        reader, writer = await asyncio.open_connection(*address(origin.rtmp_url("live/x")))
        writer.write(HANDSHAKE + connect_command() + call("play", "x"))
        while not publisher.has_readers:
            await asyncio.sleep(0)
        reader._transport.pause_reading()  # type: ignore[attr-defined]
        pings = ChunkWriter().write(2, PlainMessage(USER_CONTROL, 0, b"\0\6", 0)) + b"\xc2\0\6" * 20_000
        async with asyncio.timeout(PATIENCE_S):
            with suppress(ConnectionError):
                while publisher.has_readers:
                    writer.write(pings)
                    await writer.drain()
        assert not publisher.has_readers
        writer.close()


async def test_a_malformed_peer_that_reads_nothing_is_gone_in_the_end() -> None:
    limits = OriginLimits(handshake_s=0.2, backlog_bytes=64 * MIB)
    async with Origin(http=None, limits=limits) as origin:
        reader, writer = await asyncio.open_connection(*address(origin.rtmp_url("live/x")))
        reader._transport.pause_reading()  # type: ignore[attr-defined]
        pings = ChunkWriter().write(2, PlainMessage(USER_CONTROL, 0, b"\0\6", 0)) + b"\xc2\0\6" * 2_000_000
        writer.write(HANDSHAKE + pings + control(1, 0))
        async with asyncio.timeout(PATIENCE_S):
            while origin._rtmp.connections == 0:
                await asyncio.sleep(0.01)
            while origin._rtmp.connections:
                await asyncio.sleep(0.01)
        writer.close()


# Many of them


@pytest.mark.parametrize("protocol", ["rtmp", "http"])
async def test_a_flood_of_connections_is_refused_at_once(clip: Batch, protocol: str) -> None:
    limits = OriginLimits(connections=20, handshake_s=1000)
    async with Origin(limits=limits) as origin, live(origin, clip) as publisher:
        url = origin.rtmp_url("live/x") if protocol == "rtmp" else origin.http_url("live/x")
        server = origin._rtmp if protocol == "rtmp" else origin._http
        idle = []
        while server.connections < limits.connections:
            idle.append(await asyncio.open_connection(*address(url)))
            await asyncio.sleep(0)
        for _ in range(200):
            reader, writer = await asyncio.open_connection(*address(url))
            await until_closed(reader)
            writer.close()
        assert server.connections <= limits.connections
        assert publisher.has_readers
        for _, writer in idle:
            writer.close()


async def test_unfinished_messages_of_all_connections_are_bounded(clip: Batch) -> None:
    """Each connection stays below its own bound; together they are beyond that of all."""
    async with Origin(http=None, limits=OriginLimits(incoming_bytes=8 * MIB)) as origin, live(origin, clip):
        large = ChunkWriter(MIB).write(6, PlainMessage(VIDEO, 0, bytes(4 * MIB)))
        peers = [await asyncio.open_connection(*address(origin.rtmp_url("live/y"))) for _ in range(12)]
        for size, (_, writer) in enumerate(peers):
            writer.write(HANDSHAKE + control(1, MIB) + large[: MIB + size * 4096])
        async with asyncio.timeout(PATIENCE_S):
            while origin._rtmp.connections > 9:  # eight of them and the player
                await asyncio.sleep(0.01)
        await asyncio.sleep(0.1)
        assert 2 <= origin._rtmp.connections <= 9
        assert origin._rtmp.incoming.held_bytes <= 8 * MIB
        for _, writer in peers:
            writer.close()


async def test_what_all_readers_leave_unread_is_bounded(clip: Batch) -> None:
    """Each reader is within its own bound. The one furthest behind goes, and one that keeps up stays."""
    limits = OriginLimits(backlogs_bytes=16 * MIB, backlog_bytes=1000 * MIB, handshake_s=1000)
    request = b"GET /live/y.flv HTTP/1.1\r\nHost: x\r\n\r\n"
    async with Origin(limits=limits) as origin, live(origin, clip) as publisher:
        other = origin.hub.publish("live/y")
        assert other is not None
        async with peers(6, origin.http_url("live/y"), request):
            async with asyncio.timeout(PATIENCE_S):
                while len(other.readers) < 6:
                    await asyncio.sleep(0)
            for turn in range(60):
                other.push(Batch(bytes(MIB), frame(MIB, key=turn == 0)))
                for _ in range(3):  # a connection that is cut takes a moment to go
                    await asyncio.sleep(0)
                assert sum(reader.backlog_bytes for reader in other.readers) <= limits.backlogs_bytes
            assert len(other.readers) < 6
            assert publisher.has_readers
        other.close()


def frame(size: int, role: Role = Role.FRAME, track: int = 0, key: bool = True) -> np.ndarray:
    """The table of one video row."""
    tags = np.zeros(1, dtype=TAG)
    tags["kind"], tags["role"], tags["flags"], tags["track"] = Kind.VIDEO, role, int(key), track
    tags["size"] = tags["media_size"] = size
    return tags


# What is kept


def test_what_is_kept_over_all_streams_is_bounded() -> None:
    limits = OriginLimits(gop_bytes=4 * MIB, kept_bytes=8 * MIB)
    hub = Hub(limits)
    publishers = [hub.publish(f"live/{name}") for name in range(40)]
    for turn in range(4):
        for size, publisher in enumerate(publishers):
            assert publisher is not None
            publisher.push(Batch(bytes(50_000 + size), frame(50_000 + size, key=turn == 0)))
            assert hub.kept_bytes <= limits.kept_bytes
    assert hub.kept_bytes > limits.kept_bytes // 2
    for publisher in publishers:
        assert publisher is not None
        publisher.close()
    assert hub.kept_bytes == 0


def test_the_stream_that_keeps_the_most_gives_way() -> None:
    hub = Hub(OriginLimits(gop_bytes=4 * MIB, kept_bytes=4 * MIB))
    small, large = hub.publish("live/small"), hub.publish("live/large")
    assert small is not None
    assert large is not None
    small.push(Batch(bytes(MIB), frame(MIB)))
    large.push(Batch(bytes(2 * MIB), frame(2 * MIB)))
    large.push(Batch(bytes(2 * MIB), frame(2 * MIB, key=False)))
    early, late = Counted(), Counted()
    hub.play("live/small", early)
    hub.play("live/large", late)
    assert (early.size > MIB, late.size) == (True, 0)
    large.push(Batch(bytes(10), frame(10)))
    assert late.size > 0


def test_the_heads_of_a_stream_are_bounded() -> None:
    """A configuration on every track, each of which an FLV tag could make 16 MiB large."""
    limits = OriginLimits(head_bytes=MIB)
    hub = Hub(limits)
    publisher = hub.publish("live/x")
    assert publisher is not None
    for track in range(256):
        for role in (Role.CONFIG, Role.METADATA):
            publisher.push(Batch(bytes(100_000), frame(100_000, role, track)))
    assert hub.kept_bytes <= 2 * MIB
    reader = Counted()
    hub.play("live/x", reader)
    publisher.push(Batch(bytes(10), frame(10)))
    assert 900_000 < reader.size < MIB


def test_rows_without_bytes_count_too() -> None:
    limits = OriginLimits(gop_bytes=MIB)
    hub = Hub(limits)
    publisher = hub.publish("live/x")
    assert publisher is not None
    publisher.push(Batch(b"x", frame(1)))
    empty = Batch(b"", np.repeat(frame(0, Role.OTHER, key=False), 1000))
    for _ in range(100):
        publisher.push(empty)
        assert hub.kept_bytes <= limits.gop_bytes
    assert hub.kept_bytes == 0


class Counted:
    """A reader that counts its bytes."""

    wire = Wire.FLV
    backlog_bytes = 0

    def __init__(self) -> None:
        self.size = 0

    def send(self, data: bytes) -> None:
        self.size += len(data)

    def end(self) -> None:
        """Nothing to do."""


# The watch


async def test_a_peer_that_cannot_be_checked_is_cut_and_the_others_are_checked(
    clip: Batch, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Origin(http=None, limits=OriginLimits(handshake_s=0.2)) as origin, live(origin, clip):
        reader, writer = await asyncio.open_connection(*address(origin.rtmp_url("live/x")))
        while origin._rtmp.connections < 2:
            await asyncio.sleep(0)
        with capture_logs() as logs:
            (idle,) = [connection for connection in origin._rtmp._connections if not connection.playing]
            monkeypatch.setattr(idle, "_idle_since_s", None)
            await until_closed(reader)
            writer.close()
            other, other_writer = await asyncio.open_connection(*address(origin.rtmp_url("live/x")))
            await until_closed(other)
            other_writer.close()
        assert [log["event"] for log in logs if log["log_level"] == "error"] == ["peer.check_failed"]


async def test_a_watch_that_fails_ends_the_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(now_s: float) -> None:
        raise RuntimeError("a defect")

    told: list[BaseException] = []

    async def serve(origin: Origin) -> None:
        async with origin:
            try:
                await asyncio.wait_for(origin.wait_ended(), PATIENCE_S)
            except RuntimeError as error:
                told.append(error)

    origin = Origin(http=None, limits=OriginLimits(handshake_s=0.1))
    monkeypatch.setattr(origin._rtmp, "check", fail)
    with pytest.raises(RuntimeError, match="a defect"):
        await serve(origin)
    assert told

"""HTTP-FLV from the origin, over real sockets."""

from __future__ import annotations

import asyncio
import socket
import ssl
from pathlib import Path

import aiohttp
import pytest
import trustme
from origins.footage import frames, media, read_flv

from engine import _native
from engine.errors import NotFlv, OriginError, UsageError
from engine.media.batch import Batch, Role
from engine.origin.limits import OriginLimits
from engine.origin.server import Origin


async def fetch(url: str, **options: object) -> bytes:
    """A whole response."""
    async with aiohttp.ClientSession() as session, session.get(url, **options) as response:  # type: ignore[arg-type]
        assert response.status == 200
        assert response.headers["Content-Type"] == "video/x-flv"
        return await response.read()


async def ask(url: str, request: bytes | None = None) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection on which the URL was asked for, or something else said."""
    _, _, address, path = url.split("/", 3)
    host, port = address.rsplit(":", 1)
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(f"GET /{path} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode() if request is None else request)
    return reader, writer


async def rest(reader: asyncio.StreamReader) -> bytes:
    """What comes until the peer closes, in whatever way it does."""
    try:
        return await reader.read()
    except ConnectionError:
        return b""


@pytest.mark.parametrize("speed", [0, 50])
async def test_once_sends_every_tag_and_ends(footage: Path, speed: float) -> None:
    async with Origin([footage], rtmp=None, once=True, speed=speed, wait_for_reader=True) as origin:
        await asyncio.sleep(0.2)  # the file would be over, had it not waited
        assert await fetch(origin.http_url("live/clip")) == footage.read_bytes()
        await origin.wait_ended()
        assert not origin.hub.published("live/clip")


async def test_our_own_reader_sees_a_complete_body(footage: Path) -> None:
    limits = OriginLimits(handshake_s=1000)  # it is the end of the stream that closes the connection
    async with Origin([footage], rtmp=None, once=True, speed=0, limits=limits) as origin:
        reader, writer = await ask(
            origin.http_url("live/clip"), b"GET /live/clip.flv HTTP/1.1\r\nHost: x\r\n\r\n"
        )
        flv = _native.HttpFlvReader()
        flv.feed(await reader.read())
        writer.close()
        assert flv.ended
        assert flv.fault is None
        taken = flv.take()
        assert taken is not None
        assert media(Batch.from_native(taken)) == media(read_flv(footage.read_bytes()))


async def test_http_1_0_reads_until_the_connection_closes(footage: Path) -> None:
    async with Origin([footage], rtmp=None, once=True, speed=0) as origin:
        reader, writer = await ask(origin.http_url("live/clip"), b"GET /live/clip.flv HTTP/1.0\r\n\r\n")
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
        writer.close()
        assert b"chunked" not in head.lower()
        assert media(read_flv(body)) == media(read_flv(footage.read_bytes()))


async def test_two_readers_get_equal_bytes(footage: Path) -> None:
    clip = read_flv(footage.read_bytes())
    async with Origin(rtmp=None) as origin:
        publisher = origin.hub.publish("live/x")
        assert publisher is not None
        fetches = [asyncio.create_task(fetch(origin.http_url("live/x"))) for _ in range(2)]
        while len(publisher.readers) < 2:
            await asyncio.sleep(0)
        for row in range(len(clip)):
            publisher.push(clip.rows(slice(row, row + 1)))
        publisher.close()
        first, second = await asyncio.gather(*fetches)
        assert first == second
        assert media(read_flv(first)) == media(clip)


async def test_what_nobody_publishes_is_404(footage: Path) -> None:
    async with Origin([footage], rtmp=None) as origin, aiohttp.ClientSession() as session:
        for method in ("GET", "HEAD"):
            async with session.request(method, origin.http_url("live/nobody")) as response:
                assert response.status == 404
        async with session.head(origin.http_url("live/clip")) as response:
            assert response.status == 200


async def test_paths_of_several_segments_and_queries() -> None:
    async with Origin(rtmp=None) as origin:
        publisher = origin.hub.publish("a/b c/d")
        assert publisher is not None
        fetching = asyncio.create_task(fetch(origin.http_url("a/b c/d") + "?token=1"))
        while not publisher.has_readers:
            await asyncio.sleep(0)
        publisher.close()
        assert await fetching == b""


async def test_looping_goes_on_at_the_seam(footage: Path) -> None:
    clip = frames(read_flv(footage.read_bytes()))
    data = b""
    async with (
        Origin([footage], rtmp=None, speed=0) as origin,
        aiohttp.ClientSession() as session,
        session.get(origin.http_url("live/clip")) as response,
    ):
        while len(frames(read_flv(data))) < 3 * len(clip):
            data += await response.content.readany()
    ends = []
    for track in (8, 9):
        times = [time for kind, time, _ in clip if kind == track]
        ends.append(times[-1] + times[-1] - times[-2])
    pass_ms = max(ends) - min(time for _, time, _ in clip)
    assert frames(read_flv(data))[: 3 * len(clip)] == [
        (kind, time + turn * pass_ms, body) for turn in range(3) for kind, time, body in clip
    ]
    script_tags = read_flv(data).tags["role"] == Role.SCRIPT
    assert script_tags.sum() == 1  # FFmpeg takes a later onMetaData for subtitles


async def test_a_slow_reader_is_cut_and_the_others_go_on(footage: Path) -> None:
    clip = read_flv(footage.read_bytes())
    limits = OriginLimits(backlog_bytes=1 << 20)
    async with Origin(rtmp=None, limits=limits) as origin:
        publisher = origin.hub.publish("live/x")
        assert publisher is not None
        slow, writer = await ask(origin.http_url("live/x"))
        slow._transport.pause_reading()  # type: ignore[attr-defined]
        while not publisher.has_readers:
            await asyncio.sleep(0)
        (slow_reader,) = publisher.readers
        fast = asyncio.create_task(fetch(origin.http_url("live/x")))
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
        publisher.push(clip)
        publisher.close()
        assert media(read_flv(await fast)) == media(clip) * (passes + 1)
        writer.close()


async def test_a_reader_that_takes_nothing_is_cut(footage: Path) -> None:
    """Also when little is waiting for it: the time decides."""
    clip = read_flv(footage.read_bytes())
    async with Origin(rtmp=None, limits=OriginLimits(stall_s=0.2)) as origin:
        publisher = origin.hub.publish("live/x")
        assert publisher is not None
        slow, writer = await ask(origin.http_url("live/x"))
        slow._transport.pause_reading()  # type: ignore[attr-defined]
        while not publisher.has_readers:
            await asyncio.sleep(0)
        while not publisher.backlog_bytes:
            publisher.push(clip)
            await asyncio.sleep(0)
        while publisher.has_readers:
            await asyncio.sleep(0.01)
        writer.close()


async def test_as_fast_as_the_reader_takes_it_is_no_faster(footage: Path) -> None:
    limits = OriginLimits(backlog_bytes=1 << 20)
    async with Origin([footage], rtmp=None, speed=0, limits=limits) as origin:
        reader, writer = await ask(origin.http_url("live/clip"))
        for _ in range(160):
            await reader.readexactly(100_000)
            await asyncio.sleep(0.001)
        writer.close()


async def test_a_stalled_reader_does_not_hold_a_replay_for_ever(footage: Path) -> None:
    async with Origin([footage], rtmp=None, speed=0, limits=OriginLimits(stall_s=0.5)) as origin:
        slow, writer = await ask(
            origin.http_url("live/clip"), b"GET /live/clip.flv HTTP/1.1\r\nHost: x\r\n\r\n"
        )
        slow._transport.pause_reading()  # type: ignore[attr-defined]
        async with aiohttp.ClientSession() as session, session.get(origin.http_url("live/clip")) as response:
            size = 0
            while size < 64 << 20:  # more than every buffer on the way to the slow one
                size += len(await response.content.readany())
        writer.close()


async def test_connections_that_ask_for_nothing_are_closed(footage: Path) -> None:
    async with Origin([footage], rtmp=None, limits=OriginLimits(handshake_s=0.2)) as origin:
        reader, writer = await ask(origin.http_url("live/clip"), b"GET /live/cl")
        assert await rest(reader) == b""
        writer.close()


async def test_connections_beyond_the_limit_are_closed(footage: Path) -> None:
    async with Origin([footage], rtmp=None, limits=OriginLimits(connections=2, handshake_s=1000)) as origin:
        kept = [await ask(origin.http_url("live/clip")) for _ in range(2)]
        for reader, _ in kept:
            assert (await reader.readexactly(12)) == b"HTTP/1.1 200"
        refused, refused_writer = await ask(origin.http_url("live/clip"), b"")
        assert await rest(refused) == b""
        for writer in (refused_writer, *(writer for _, writer in kept)):
            writer.close()


async def test_https(footage: Path) -> None:
    authority = trustme.CA()
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(server)
    client = ssl.create_default_context()
    authority.configure_trust(client)
    async with Origin([footage], rtmp=None, once=True, speed=0, tls=server) as origin:
        assert origin.http_url("live/clip").startswith("https://")
        data = await fetch(origin.http_url("live/clip"), ssl=client)
        assert media(read_flv(data)) == media(read_flv(footage.read_bytes()))


async def test_an_address_in_use_is_named() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(OriginError, match=rf"{address} for HTTP: Address already in use: change --http"):
            async with Origin(rtmp=None, http=address):
                pass


async def test_files_are_looked_at_before_anything_is_served(tmp_path: Path, footage: Path) -> None:
    text = tmp_path / "text.flv"
    text.write_bytes(b"not FLV at all")
    with pytest.raises(UsageError, match=r"missing.flv: No such file"):
        async with Origin([tmp_path / "missing.flv"]):
            pass
    with pytest.raises(NotFlv, match=r"text\.flv"):
        async with Origin([text]):
            pass
    with pytest.raises(UsageError, match="would both be live/clip"):
        Origin([footage, tmp_path / "clip.flv"])
    with pytest.raises(UsageError, match="speed"):
        Origin(speed=-1)


async def test_a_damaged_file_is_served_as_far_as_it_goes(tmp_path: Path, footage: Path) -> None:
    cut = tmp_path / "cut.flv"
    cut.write_bytes(footage.read_bytes()[:-100])
    async with Origin([cut], rtmp=None, once=True, speed=0) as origin:
        data = await fetch(origin.http_url("live/cut"))
        assert media(read_flv(data)) == media(read_flv(cut.read_bytes()))

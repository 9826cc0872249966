"""RTMP in and out of the origin, with ffmpeg as publisher and as player, and with our own session."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import pytest
import trustme
from origins.footage import frames, media, read_flv
from origins.process import in_thread
from origins.push import push
from programs import modern_ffmpeg, need

from engine import _native
from engine.ingest.rtmp_session import EndReason, RtmpPlay, parse_rtmp_url
from engine.media.batch import Batch, Role
from engine.origin import Origin, OriginLimits

PROGRAM_S = 30


class Playing:
    """Our client session on a socket; what it got is kept."""

    def __init__(self, url: str) -> None:
        self.session = RtmpPlay(parse_rtmp_url(url))
        self.batches: list[Batch] = []

    @property
    def media(self) -> list[tuple[int, int, bytes]]:
        return [row for batch in self.batches for row in media(batch)]

    async def run(self, url: str, tls: ssl.SSLContext | None = None) -> None:
        """Plays until the stream ends or the connection closes."""
        host, port = url.split("/")[2].rsplit(":", 1)
        reader, writer = await asyncio.open_connection(host, int(port), ssl=tls)
        try:
            writer.write(self.session.take_output())
            while data := await reader.read(1 << 16):
                self.session.receive(data)
                if (batch := self.session.take_batch()) is not None:
                    self.batches.append(batch)
                writer.write(self.session.take_output())
        finally:
            writer.close()
            await writer.wait_closed()


async def play(url: str, tls: ssl.SSLContext | None = None) -> Playing:
    """Plays to the end."""
    playing = Playing(url)
    await playing.run(url, tls)
    return playing


@asynccontextmanager
async def pushed(
    origin: Origin, source: Path, stream: str, folder: Path, ffmpeg: str, loop: bool = True
) -> AsyncIterator[None]:
    async with in_thread(push(source, origin.rtmp_url(stream), folder, ffmpeg=ffmpeg, loop=loop)):
        yield


async def run_program(*command: str) -> tuple[int, str, str]:
    """Exit code, stdout and stderr."""
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        out, err = await asyncio.wait_for(process.communicate(), PROGRAM_S)
    except TimeoutError:
        process.kill()
        await process.communicate()
        raise
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


async def probe(url: str) -> dict[str, dict[str, object]]:
    """Streams by their type, as Debian's ffprobe sees them."""
    code, out, err = await run_program(
        need("ffprobe"), "-v", "error", "-show_streams", "-print_format", "json", url
    )
    assert (code, err) == (0, "")
    return {stream["codec_type"]: stream for stream in json.loads(out)["streams"]}


@pytest.mark.parametrize("speed", [0, 50])
async def test_our_session_plays_every_message_of_a_file(footage: Path, speed: float) -> None:
    async with Origin([footage], http=None, once=True, speed=speed, wait_for_reader=True) as origin:
        playing = await play(origin.rtmp_url("live/clip"))
        assert playing.media == media(read_flv(footage.read_bytes()))
        assert playing.session.ended is not None
        assert playing.session.ended.reason is EndReason.UNPUBLISHED
        await origin.wait_ended()


@pytest.mark.parametrize("which", ["debian", "modern"])
async def test_ffmpeg_pushes_h264_and_ffmpeg_plays_it(footage: Path, tmp_path: Path, which: str) -> None:
    ffmpeg = need("ffmpeg") if which == "debian" else modern_ffmpeg()
    async with Origin() as origin, pushed(origin, footage, "some/app/x", tmp_path, ffmpeg):
        for url in (origin.rtmp_url("some/app/x"), origin.http_url("some/app/x")):
            streams = await probe(url)
            assert (streams["video"]["codec_name"], streams["video"]["width"]) == ("h264", 320)
            assert streams["audio"]["codec_name"] == "aac"
            code, _, err = await run_program(
                ffmpeg, "-v", "error", "-xerror", "-i", url, "-t", "1", "-f", "null", "-"
            )
            assert (code, err) == (0, "")


async def test_ffmpeg_pushes_enhanced_hevc(hevc_footage: Path, tmp_path: Path) -> None:
    ffmpeg = modern_ffmpeg()
    async with Origin() as origin, pushed(origin, hevc_footage, "live/hevc", tmp_path, ffmpeg):
        for url in (origin.rtmp_url("live/hevc"), origin.http_url("live/hevc")):
            code, _, err = await run_program(
                ffmpeg, "-v", "error", "-xerror", "-i", url, "-t", "1", "-f", "null", "-"
            )
            assert (code, err) == (0, "")
        playing = Playing(origin.rtmp_url("live/hevc"))
        task = asyncio.create_task(playing.run(origin.rtmp_url("live/hevc")))
        while not playing.media:
            await asyncio.sleep(0.01)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        (config,) = [body for kind, _, body in playing.media if kind == 9 and body[1:5] == b"hvc1"][:1]
        assert config[0] == 0x90  # keyframe, sequence start


async def test_what_ffmpeg_pushes_comes_out_unchanged(footage: Path, tmp_path: Path) -> None:
    """The payloads of one whole push, from our own player's point of view."""
    async with Origin(http=None) as origin:
        holder = origin.hub.publish("live/x")  # so that the player is there before the first message
        assert holder is not None
        playing = Playing(origin.rtmp_url("live/x"))
        task = asyncio.create_task(playing.run(origin.rtmp_url("live/x")))
        while not holder.has_readers:
            await asyncio.sleep(0.01)
        relay = origin.rtmp_url("live/y")
        async with in_thread(push(footage, relay, tmp_path, ffmpeg=modern_ffmpeg(), loop=False)) as pushing:
            relayed = Playing(relay)
            await relayed.run(relay)
            assert await asyncio.to_thread(pushing.wait, PROGRAM_S) == 0
        assert relayed.session.ended is not None
        assert relayed.session.ended.reason is EndReason.UNPUBLISHED
        sent = [body for _, _, body in frames(read_flv(footage.read_bytes()))]
        got = [row for batch in relayed.batches for row in frames(batch)]
        bodies = [body for _, _, body in got]
        first = sent.index(bodies[0])
        assert bodies == sent[first:]
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_a_second_publisher_is_refused(footage: Path, tmp_path: Path) -> None:
    async with Origin([footage], http=None, speed=50) as origin:
        code, _, err = await run_program(
            *(modern_ffmpeg(), "-v", "error", "-re", "-i", str(footage), "-c", "copy", "-f", "flv"),
            origin.rtmp_url("live/clip"),
        )
        assert code != 0
        assert "NetStream.Publish.BadName" in err or "published already" in err
        assert origin.hub.published("live/clip")
        async with pushed(origin, footage, "live/other", tmp_path, modern_ffmpeg()):
            assert origin.hub.published("live/other")


async def test_what_nobody_publishes_is_not_found_at_once() -> None:
    async with Origin(http=None) as origin:
        url = origin.rtmp_url("live/nobody")
        playing = Playing(url)
        task = asyncio.create_task(playing.run(url))
        while playing.session.ended is None:
            await asyncio.sleep(0.01)
        assert playing.session.ended.reason is EndReason.REFUSED
        assert type(playing.session.ended.error).__name__ == "StreamNotFound"
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_a_publisher_that_dies_ends_its_stream(footage: Path, tmp_path: Path) -> None:
    async with Origin() as origin:
        url = origin.rtmp_url("live/x")
        async with in_thread(push(footage, url, tmp_path, ffmpeg=modern_ffmpeg())) as pushing:
            task = asyncio.create_task(play(url))
            await asyncio.to_thread(pushing.vanish)
            playing = await task
            assert playing.session.ended is not None
            assert playing.session.ended.reason is EndReason.UNPUBLISHED
        async with pushed(origin, footage, "live/x", tmp_path, modern_ffmpeg()):
            assert origin.hub.published("live/x")


async def test_a_publisher_that_falls_silent_loses_its_name(footage: Path, tmp_path: Path) -> None:
    async with Origin(http=None, limits=OriginLimits(publisher_idle_s=0.5)) as origin:
        url = origin.rtmp_url("live/x")
        async with in_thread(push(footage, url, tmp_path, ffmpeg=modern_ffmpeg())) as pushing:
            pushing.freeze()
            while origin.hub.published("live/x"):
                await asyncio.sleep(0.01)


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
        key = np.flatnonzero(
            (clip.tags["kind"] == 9) & (clip.tags["flags"] & 1 != 0) & (clip.tags["role"] == 0)
        )[-1]
        expected = media(clip.rows(slice(int(key), None)))
        assert [row for row in playing.media[2:]] == expected
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
        try:
            while await reader.read(4096):
                pass
        except ConnectionError:
            pass
        writer.close()


async def test_garbage_ends_the_connection_and_nothing_else(footage: Path) -> None:
    async with Origin([footage], http=None, once=True, speed=0) as origin:
        reader, writer = await asyncio.open_connection(*origin.rtmp_url("x").split("/")[2].split(":"))
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" * 200)
        assert await reader.read() in (b"",) or True
        writer.close()
        assert (await play(origin.rtmp_url("live/clip"))).media == media(read_flv(footage.read_bytes()))


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
    async with Origin(http=None, limits=OriginLimits(connections=1)) as origin:
        address = origin.rtmp_url("x").split("/")[2].split(":")
        first, first_writer = await asyncio.open_connection(*address)
        first_writer.write(b"\x03" + bytes(1536))
        assert len(await first.readexactly(1)) == 1
        second, second_writer = await asyncio.open_connection(*address)
        try:
            assert await second.read() == b""
        except ConnectionError:
            pass
        first_writer.close()
        second_writer.close()


def test_rtmp_messages_fit_what_the_session_announced() -> None:
    assert callable(_native.rtmp_messages)

"""The serving session behind a plain socket, with clients that are not ours: ffmpeg old and new, rtmpdump."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import pytest
from origins.footage import media, read_flv
from programs import modern_ffmpeg, need

from engine import _native
from engine.media.batch import TAG, Batch, Kind
from engine.origin.rtmp_session import (
    CHUNK_SIZE,
    MESSAGE_STREAM,
    Closed,
    Play,
    Publish,
    RtmpServe,
    ServeEvent,
)

PROGRAM_S = 60

FFMPEGS = {"debian": lambda: need("ffmpeg"), "modern": modern_ffmpeg}


class Bridge:
    """One session a connection: takes every publish, plays `footage` to every player, then ends."""

    def __init__(self, footage: Batch) -> None:
        self.footage = footage
        self.published: list[Batch] = []
        self.events: list[ServeEvent] = []
        self.sessions: list[RtmpServe] = []
        self.serving: set[asyncio.Task[None]] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """A connection."""
        task = asyncio.current_task()
        assert task is not None
        self.serving.add(task)
        session = RtmpServe()
        self.sessions.append(session)
        while data := await reader.read(65_536):
            session.receive(data)
            if (batch := session.take_batch()) is not None:
                self.published.append(batch)
            for event in session.take_events():
                self.events.append(event)
                match event:
                    case Publish():
                        session.accept_publish()
                    case Play():
                        session.accept_play()
                        writer.write(session.take_output())
                        writer.write(self.messages())
                        session.end_play()
                    case Closed():
                        pass
            writer.write(session.take_output())
            await writer.drain()
        writer.close()

    def messages(self) -> bytes:
        """The footage on the wire."""
        table = self.footage.tags.tobytes()
        return _native.rtmp_messages(self.footage.arena, table, MESSAGE_STREAM, CHUNK_SIZE)

    def media(self) -> list[tuple[int, int, bytes]]:
        """The published audio and video."""
        return [row for batch in self.published for row in media(batch)]


@asynccontextmanager
async def bridged(footage: Batch) -> AsyncIterator[tuple[Bridge, str]]:
    """A bridge and its URL without the stream."""
    bridge = Bridge(footage)
    server = await asyncio.start_server(bridge.serve, "127.0.0.1", 0)
    async with server:
        yield bridge, f"rtmp://127.0.0.1:{server.sockets[0].getsockname()[1]}/live"
        # A program has ended before all it sent is read here.
        _, unread = await asyncio.wait(bridge.serving, timeout=PROGRAM_S)
        assert not unread
    assert [session.error for session in bridge.sessions] == [None] * len(bridge.sessions)


async def run(*command: str | Path, exit_codes: Sequence[int] = (0,)) -> str:
    """Runs a program to its end and gives what it said."""

    def call() -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            [str(part) for part in command],
            timeout=PROGRAM_S,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
        )

    done = await asyncio.to_thread(call)
    said = (done.stdout + done.stderr).decode(errors="replace")
    assert done.returncode in exit_codes, said
    return said


def flv(path: Path) -> Batch:
    """The tags of a file."""
    return read_flv(path.read_bytes())


async def copied(ffmpeg: str, source: Path, folder: Path) -> Batch:
    """What the same ffmpeg makes of the source without RTMP between."""
    target = folder / "copy.flv"
    await run(ffmpeg, "-v", "error", "-i", source, "-c", "copy", "-f", "flv", target)
    return flv(target)


@pytest.mark.parametrize("program", FFMPEGS)
async def test_ffmpeg_publishes(program: str, footage: Path, tmp_path: Path) -> None:
    ffmpeg = FFMPEGS[program]()
    async with bridged(flv(footage)) as (bridge, url):
        source = ("-v", "error", "-i", footage, "-c", "copy", "-f", "flv")
        await run(ffmpeg, *source, f"{url}/clip?key=1")
    assert bridge.events == [Publish("live", "clip", "key=1", "127.0.0.1"), Closed("FCUnpublish")]
    assert bridge.media() == media(await copied(ffmpeg, footage, tmp_path))
    scripts = [
        batch.body(row)
        for batch in bridge.published
        for row in np.flatnonzero(batch.tags["kind"] == Kind.SCRIPT)
    ]
    assert scripts
    name, metadata = _native.amf0_decode(scripts[0])
    assert name == "onMetaData"
    assert isinstance(metadata, dict)
    assert metadata["width"] == 320.0


async def test_a_modern_ffmpeg_publishes_enhanced_video(hevc_footage: Path, tmp_path: Path) -> None:
    ffmpeg = modern_ffmpeg()
    async with bridged(flv(hevc_footage)) as (bridge, url):
        await run(ffmpeg, "-v", "error", "-i", hevc_footage, "-c", "copy", "-f", "flv", f"{url}/hevc")
    assert bridge.media() == media(await copied(ffmpeg, hevc_footage, tmp_path))
    assert bridge.media()[0][2][1:5] == b"hvc1"


@pytest.mark.parametrize("start_ms", [0, 2**24 - 2000, 2**31 - 2000])
async def test_rtmpdump_plays_over_every_border_of_the_clock(
    start_ms: int, footage: Path, tmp_path: Path
) -> None:
    rtmpdump = need("rtmpdump")
    source = flv(footage)
    source.tags["dts"] += start_ms
    target = tmp_path / "out.flv"
    async with bridged(source) as (bridge, url):
        # It exits with 2 when the last timestamp is short of the duration in the metadata.
        await run(rtmpdump, "-q", "-v", "-r", f"{url}/clip", "-o", target, exit_codes=(0, 2))
    assert bridge.events == [Play("live", "clip", "")]
    sent = [(kind, time + start_ms, body) for kind, time, body in media(source) if len(body) > 5]
    assert len(media(source)) - len(sent) == 1  # the end of sequence, which it leaves out
    assert media(flv(target)) == sent


async def probed(command: Sequence[str], url: str) -> list[str]:
    """ffprobe's packets, `codec_type,pts,dts` a line."""
    entries = ("-show_entries", "packet=codec_type,pts,dts", "-of", "csv=p=0")
    said = await run(*command, "-v", "error", *entries, url)
    return said.split()


async def test_ffprobe_sees_the_same_packets(footage: Path) -> None:
    ffprobe = need("ffprobe")
    async with bridged(flv(footage)) as (_, url):
        over_rtmp = await probed([ffprobe], f"{url}/clip")
    assert len(over_rtmp) > 200
    assert over_rtmp == await probed([ffprobe], str(footage))


@pytest.mark.parametrize("program", FFMPEGS)
async def test_ffmpeg_plays_without_a_word(program: str, footage: Path, tmp_path: Path) -> None:
    ffmpeg = FFMPEGS[program]()
    target = tmp_path / "out.flv"
    async with bridged(flv(footage)) as (bridge, url):
        said = await run(ffmpeg, "-v", "warning", "-i", f"{url}/clip", "-c", "copy", "-f", "flv", target)
    assert said == ""
    assert isinstance(bridge.events[0], Play)
    assert media(flv(target)) == media(await copied(ffmpeg, footage, tmp_path))


def test_the_footage_is_what_the_tests_think(footage: Path) -> None:
    tags = flv(footage).tags
    assert tags.dtype == TAG
    assert int((tags["size"] > 128).sum()) > 50  # more than one chunk of the default size

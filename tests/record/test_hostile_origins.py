"""Origins that send what cannot be: a recording ends with one line that names it, and keeps what it has."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from itertools import repeat
from pathlib import Path

import pytest
from e2e.recordings import Recorder
from ingest.scripted_rtmp import RtmpClient, scripted_rtmp
from native.rtmp_wire import COMMAND, VIDEO, ChunkWriter, PlainMessage, control, text
from oracle.packets import source_packets
from oracle.rules import assert_f1, assert_f2, assert_f3
from origins.footage import read_flv
from origins.scripted import Client, chunk, head, scripted
from programs import need_file
from reel import reel

from engine.errors import ConnectFailed, MalformedFlv, MalformedHttp, MalformedRtmp, ReelError
from engine.media import events
from engine.media.codecs import Format

SAMPLE = "h264_aac_bframes"
MIB = 1 << 20
LARGEST_TAG = b"\x09\xff\xff\xff" + bytes(7)

Sample = Callable[[str], Path]


@dataclass(frozen=True, slots=True)
class Lie:
    """What comes behind good media, and what it must end with. `before` is what the response begins with."""

    behind: Callable[[], Iterator[bytes]]
    error: type[ReelError]
    words: str
    before: bytes = head()
    framed: Callable[[bytes], bytes] = bytes


def once(data: bytes) -> Callable[[], Iterator[bytes]]:
    """One piece."""
    return lambda: iter([data])


def endless(data: bytes) -> Callable[[], Iterator[bytes]]:
    """The same for ever, in pieces of about 64 KiB."""
    return lambda: repeat(data * (1 + 65_536 // len(data)))


def begun(chunk_stream: int, size: int) -> bytes:
    """The first chunk of a message of `size` bytes."""
    basic = bytes([chunk_stream]) if chunk_stream < 64 else bytes([0, chunk_stream - 64])
    return basic + bytes(3) + size.to_bytes(3, "big") + bytes([VIDEO]) + bytes(4) + bytes(128)


def command(payload: bytes) -> bytes:
    """A command message."""
    return ChunkWriter().write(3, PlainMessage(COMMAND, 0, payload, 0))


def unfinished() -> Iterator[bytes]:
    """Messages of 16 MiB - 1 on many chunk streams in turn; none gets its last byte."""
    yield control(1, MIB)
    chunks = [
        ChunkWriter(MIB).chunks(stream, PlainMessage(VIDEO, 0, bytes(2**24 - 1))) for stream in range(70, 75)
    ]
    for pieces in zip(*chunks, strict=True):
        yield from pieces


CHUNKED = head("Transfer-Encoding: chunked")

HTTP_LIES = {
    "a chunk of 4 GiB that breaks off": Lie(
        once(b"100000000\r\n" + LARGEST_TAG + bytes(MIB)),
        ConnectFailed,
        "bytes of the last chunk are missing",
        CHUNKED,
        chunk,
    ),
    "a body of 4 GiB that breaks off": Lie(
        once(LARGEST_TAG + bytes(MIB)),
        ConnectFailed,
        "bytes of the declared body are missing",
        head(f"Content-Length: {2**32}"),
    ),
    "a chunk beyond 64 bits": Lie(
        once(b"1" + b"0" * 16 + b"\r\n"), MalformedHttp, "is no chunk size", CHUNKED, chunk
    ),
    "a chunk size line without an end": Lie(
        endless(b"0"), MalformedHttp, "a chunk size line is longer", CHUNKED, chunk
    ),
    "trailers without an end": Lie(
        lambda: iter([b"0\r\n", *[b"x: y\r\n"] * 200]), MalformedHttp, "trailer section", CHUNKED, chunk
    ),
    "a tag of another type": Lie(endless(b"\x0b" + bytes(10)), MalformedFlv, "has type 11"),
    "a tag whose length lies": Lie(
        once(b"\x09\0\0\x04" + bytes(7) + b"\x17\1\0\0" + b"\0\1\0\0"), MalformedFlv, "PreviousTagSize"
    ),
    "a tag of 16 MiB that breaks off": Lie(
        once(LARGEST_TAG + bytes(9 * MIB)), ConnectFailed, "bytes are missing"
    ),
}

RTMP_LIES = {
    "a chunk size of 4 GiB": Lie(once(control(1, 2**32 - 1)), MalformedRtmp, "chunk size"),
    "messages on endless chunk streams": Lie(
        lambda: iter([b"".join(begun(stream, 2**24 - 1) for stream in range(70, 170))]),
        MalformedRtmp,
        "64 chunk streams",
    ),
    "messages that never end": Lie(unfinished, MalformedRtmp, "unfinished messages hold more"),
    "values 10,000 deep": Lie(
        once(command(text("onStatus") + b"\x0a\0\0\0\1" * 10_000)), MalformedRtmp, "nest deeper"
    ),
    "an array of 4 billion values": Lie(
        once(command(b"\x0a\xff\xff\xff\xff" + b"\x05" * 100_000)), MalformedRtmp, "AMF"
    ),
    "an endless string": Lie(
        once(command(b"\x0c\xff\xff\xff\xff" + bytes(5000))), MalformedRtmp, "AMF value of"
    ),
}


def resident_bytes() -> int:
    """What the process has in memory."""
    return int(need_file("/proc", "/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


async def assert_kept(origin: AbstractAsyncContextManager[str], lie: Lie, sample: Path, folder: Path) -> None:
    """Records all formats that fit from `origin`: each file holds everything that came before the lie."""
    before = resident_bytes()
    async with origin as url, Recorder(folder) as recorder:
        recorder.start(url, format="flv,hls,mp4,aac")
        (recorded,) = await recorder.ended()
    assert resident_bytes() - before < 300 * MIB
    error = recorded.outcome.error
    if issubclass(lie.error, ConnectFailed):
        # An interruption of a stream that was live, as every broken connection is.
        assert error is None
    else:
        assert type(error) is lie.error
        assert lie.words in str(error)
        assert "\n" not in str(error)
    recorded.assert_tidy()
    source = source_packets(sample)
    assert recorded.formats == {Format.FLV, Format.HLS, Format.MP4, Format.AAC}
    for format in (Format.FLV, Format.HLS, Format.MP4):
        (path,) = recorded.paths(format)
        assert_f1(source, path)
        assert_f2(source, path, timestamps="zero" if format is Format.MP4 else "original")
        assert_f3(path)


@asynccontextmanager
async def over_http(lie: Lie, sample: Path) -> AsyncIterator[str]:
    """An origin that lies behind the sample."""

    async def answer(client: Client) -> None:
        await client.send(lie.before + lie.framed(sample.read_bytes()))
        for piece in lie.behind():
            await client.send(piece)

    async with scripted(answer) as origin:
        yield origin.url()


@asynccontextmanager
async def over_rtmp(lie: Lie, sample: Path) -> AsyncIterator[str]:
    """An origin that lies behind the sample."""

    async def play(client: RtmpClient) -> None:
        await client.accept_play()
        await client.media(read_flv(sample.read_bytes()))
        for piece in lie.behind():
            client.writer.write(piece)
            await client.writer.drain()
        await client.gone()

    async with scripted_rtmp(play) as origin:
        yield origin.url()


@pytest.mark.parametrize("name", HTTP_LIES)
async def test_lies_over_http(name: str, sample: Sample, tmp_path: Path) -> None:
    lie, source = HTTP_LIES[name], sample(SAMPLE)
    await assert_kept(over_http(lie, source), lie, source, tmp_path)


@pytest.mark.parametrize("name", RTMP_LIES)
async def test_lies_over_rtmp(name: str, sample: Sample, tmp_path: Path) -> None:
    lie, source = RTMP_LIES[name], sample(SAMPLE)
    await assert_kept(over_rtmp(lie, source), lie, source, tmp_path)


async def test_the_command_says_one_line(sample: Sample, tmp_path: Path) -> None:
    lie, source = RTMP_LIES["values 10,000 deep"], sample(SAMPLE)
    async with over_rtmp(lie, source) as url:
        done = await reel("record", url, "--reconnect", "0", "-f", "flv", "-o", tmp_path)
    done.assert_fails(1, "nest deeper")
    (file,) = tmp_path.rglob("*.flv")
    assert_f1(source_packets(source), file)


def drip(opening: bytes, forever: bytes) -> Callable[[Client], Awaitable[None]]:
    """Says `opening`, then `forever` byte by byte until the client leaves."""

    async def answer(client: Client) -> None:
        await client.send(opening)
        for byte in forever * 10_000:
            await client.send(bytes([byte]))
            await asyncio.sleep(0.01)

    return answer


async def test_a_tag_that_drips_and_is_never_whole_is_a_stall(
    sample: Sample, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.ingest.network.NO_DATA_TIMEOUT_S", 0.5)
    source = sample(SAMPLE)
    answer = drip(head() + source.read_bytes() + LARGEST_TAG, b"\0")
    async with scripted(answer) as origin, Recorder(tmp_path) as recorder:
        recorder.start(origin.url(), format="flv")
        (recorded,) = await recorder.ended()
    assert recorded.outcome.error is None
    assert_f1(source_packets(source), recorded.paths(Format.FLV)[0])
    assert recorded.of(events.Finished)[0].reason == "stream_ended"


async def test_a_tag_that_drips_is_told_as_stalled_when_the_stream_may_return(
    sample: Sample, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.ingest.network.NO_DATA_TIMEOUT_S", 0.3)
    answer = drip(head() + sample(SAMPLE).read_bytes() + LARGEST_TAG, b"\0")
    async with scripted(answer) as origin, Recorder(tmp_path) as recorder:
        recording = recorder.start(origin.url(), format="flv", reconnect=30)
        while not recorder.heard(recording, events.Warned):
            await asyncio.sleep(0.01)
        recording.stop()
        (recorded,) = await recorder.ended()
    (warning,) = recorded.warnings("stalled")
    assert re.search("no media for", warning.message)
    assert "stalled" in [gap.reason for gap in recorded.of(events.GapOpened)]


async def test_a_response_head_that_drips_times_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.ingest.http_flv.CONNECT_TIMEOUT_S", 0.3)
    async with scripted(drip(b"HTTP/1.1 200 OK\r\n", b"x: y\r\n")) as origin, Recorder(tmp_path) as recorder:
        recorder.start(origin.url(), format="flv")
        (recorded,) = await recorder.ended()
    assert isinstance(recorded.outcome.error, ConnectFailed)
    assert "no answer in 0.3 s" in str(recorded.outcome.error)


async def test_an_rtmp_handshake_that_drips_times_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.ingest.rtmp_pull.CONNECT_TIMEOUT_S", 0.3)

    async def greet(client: RtmpClient) -> None:
        for byte in b"\x03" + bytes(1536):
            client.writer.write(bytes([byte]))
            await client.writer.drain()
            await asyncio.sleep(0.01)

    async with scripted_rtmp(greet) as origin, Recorder(tmp_path) as recorder:
        recorder.start(origin.url(), format="flv")
        (recorded,) = await recorder.ended()
    assert isinstance(recorded.outcome.error, ConnectFailed)
    assert "no answer in 0.3 s" in str(recorded.outcome.error)

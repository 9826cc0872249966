"""Whatever is no stream ends with 3, and one line says what it seems to be and what to do."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
import trustme
from native.rtmp_wire import control
from origins.scripted import chunk, head
from reel import reel

from engine.media.events import Failed

Answer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

HTML = b"<!DOCTYPE html><html><title>Live</title></html>"
FLV = b"FLV\1\5\0\0\0\x09"
SHAKEN = b"\x03" + bytes(3072)  # version, S1 and S2
SSH = b"SSH-2.0-OpenSSH_9.2\r\n"
ALERT = b"\x15\x03\x01\x00\x02\x02\x46"
BAD_REQUEST = head(status="400 Bad Request") + HTML
CHUNKED = head("Transfer-Encoding: chunked")


def says(data: bytes) -> Answer:
    """Says this to whatever comes, and hangs up when the client does."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(data)
        await writer.drain()
        writer.write_eof()
        while await reader.read(4096):
            pass

    return answer


def stays(data: bytes) -> Answer:
    """Says this, and nothing more for as long as the client stays."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(data)
        while await reader.read(4096):
            pass

    return answer


async def hangs_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Closes at once."""


@asynccontextmanager
async def listening(answer: Answer, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """A port with such a peer."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            await answer(reader, writer)
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls) as server:
        yield server.sockets[0].getsockname()[1]


# The peer, the code of the failure, and words of the line.
RTMP: dict[str, tuple[Answer, str, str]] = {
    "a web server": (
        says(head(status="400 Bad Request") + HTML),
        "not_a_stream",
        "this is a web server: write",
    ),
    "a web server that sends no head": (says(HTML), "not_a_stream", "this is a web server"),
    "an SSH banner": (
        says(SSH),
        "not_a_stream",
        "this is an SSH server: check the port",
    ),
    "an SSH banner first": (stays(SSH), "not_a_stream", "this is an SSH server"),
    "a mail server": (stays(b"220 mail ESMTP\r\n"), "not_a_stream", "a mail or FTP server"),
    "a TLS alert": (says(ALERT), "not_a_stream", "this is a TLS server: write rtmps://"),
    "FLV": (says(FLV), "not_a_stream", "FLV without HTTP"),
    "zeros": (says(bytes(4000)), "not_a_stream", "version 0, not 3 (or not RTMP at all): check the port"),
    "silence": (stays(b""), "connect_failed", "RTMP gave no answer in 5 s"),
    "half a handshake": (says(SHAKEN[:100]), "connect_failed", "closed before it played"),
    "a handshake and no more": (says(SHAKEN), "connect_failed", "closed before it played"),
    "an end": (hangs_up, "connect_failed", ""),
    "a wrong chunk size": (says(SHAKEN + control(1, 0)), "bad_response", "chunk size"),
    "garbage behind the handshake": (says(SHAKEN + b"\xff" * 64), "bad_response", ""),
}
HTTP: dict[str, tuple[Answer, str, str]] = {
    "an SSH banner": (says(SSH), "not_a_stream", "this is an SSH server: check the port"),
    "an RTMP server": (says(SHAKEN), "not_a_stream", "this is an RTMP server: write rtmp://"),
    "a TLS alert": (says(ALERT), "not_a_stream", "this is a TLS server: write rtmps:// or https://"),
    "FLV without a head": (says(FLV), "not_a_stream", "FLV without HTTP"),
    "garbage": (says(b"\xff" * 64), "not_a_stream", "the answer is not HTTP"),
    "silence": (stays(b""), "connect_failed", "no answer in 5 s"),
    "an end": (hangs_up, "connect_failed", ""),
    "an unreadable head": (says(b"HTTP/1.1 200 OK\r\n\xff: x\r\n\r\n"), "bad_response", "cannot be read"),
    "a status that is none": (says(b"HTTP/1.1 hello\r\n\r\n"), "bad_response", "head cannot be read"),
    "a length that is none": (says(head("Content-Length: many")), "bad_response", "content-length"),
    "a wrong chunk size": (says(CHUNKED + b"many\r\n"), "bad_response", "no chunk size"),
    "a wrong chunk": (says(CHUNKED + b"3\r\nFLVFLV"), "bad_response", "a chunk does not end"),
    "a web page": (says(head("Content-Type: text/html") + HTML), "not_flv", "a web page (HTML): name"),
    "a web page in chunks": (says(CHUNKED + chunk(HTML)), "not_flv", "seems to be a web page (HTML)"),
    "a playlist": (says(head() + b"#EXTM3U\n"), "not_flv", "seems to be an HLS playlist"),
    "JSON": (says(head() + b'{"code": 404}'), "not_flv", "seems to be JSON"),
    "MP4": (says(head() + b"\0\0\0\x20ftypisom"), "not_flv", "seems to be MP4: only FLV is read"),
    "other bytes": (says(head() + b"\xff" * 64), "not_flv", "where \"FLV\" should stand"),
    "an empty 200": (says(head("Content-Length: 0")), "stream_not_found", "before it sent any media"),
    "an empty 200 that ends with the connection": (says(head()), "not_flv", "empty"),
    "another version of FLV": (says(head() + b"FLV\7\5\0\0\0\x09"), "bad_response", "FLV version 7"),
    "a header of FLV that is too long": (says(head() + b"FLV\1\5\xff\0\0\x09"), "bad_response", "begins at"),
    "a wrong first size": (says(head() + FLV + b"\0\0\0\7" + bytes(20)), "bad_response", "PreviousTagSize"),
    "a tag of another type": (says(head() + FLV + bytes(4) + b"\x42" * 20), "bad_response", "type"),
}  # fmt: skip
FILES: dict[str, tuple[bytes, str, str]] = {
    "a web page": (HTML, "not_flv", "seems to be a web page (HTML)"),
    "an MP4 file": (b"\0\0\0\x20ftypisom", "not_flv", "seems to be MP4: only FLV is read"),
    "a transport stream": ((b"G" + bytes(187)) * 3, "not_flv", "seems to be an MPEG transport stream"),
    "other bytes": (b"\xff" * 64, "not_flv", "where \"FLV\" should stand"),
    "an empty file": (b"", "not_flv", "empty: there is no FLV header"),
    "half a header": (FLV[:5], "bad_response", "FLV header ends after 5"),
    "a header alone": (FLV, "stream_not_found", ""),
    "a tag of another type": (FLV + bytes(4) + b"\x42" * 20, "bad_response", "type"),
}  # fmt: skip


async def assert_no_stream(url: str, folder: Path, code: str, words: str) -> None:
    """Records it: nothing is made, one line has the URL and the words, and the exit code is 3."""
    done = await reel("record", url, "--reconnect", "0", "-o", folder / "out", "--json")
    done.assert_fails(3, url.removeprefix("file://"), words)
    failed = done.events[-1]
    assert isinstance(failed, Failed)
    assert (failed.code, failed.exit_code, failed.files) == (code, 3, 0)
    assert failed.message in done.err
    assert not (folder / "out").exists()


@pytest.mark.parametrize("name", RTMP)
async def test_peers_that_are_no_rtmp_stream(name: str, tmp_path: Path) -> None:
    answer, code, words = RTMP[name]
    async with listening(answer) as port:
        await assert_no_stream(f"rtmp://127.0.0.1:{port}/live/x", tmp_path, code, words)


@pytest.mark.parametrize("name", HTTP)
async def test_peers_that_are_no_http_stream(name: str, tmp_path: Path) -> None:
    answer, code, words = HTTP[name]
    async with listening(answer) as port:
        await assert_no_stream(f"http://127.0.0.1:{port}/live/x.flv", tmp_path, code, words)


@pytest.mark.parametrize("name", FILES)
async def test_files_that_are_no_stream(name: str, tmp_path: Path) -> None:
    data, code, words = FILES[name]
    (tmp_path / "x.flv").write_bytes(data)
    await assert_no_stream(f"file://{tmp_path}/x.flv", tmp_path, code, words)


async def test_a_folder_is_no_stream(tmp_path: Path) -> None:
    await assert_no_stream(f"file://{tmp_path}", tmp_path, "stream_not_found", "Is a directory")


@pytest.mark.parametrize("scheme", ["rtmps", "https"])
async def test_a_server_that_does_not_speak_tls(scheme: str, tmp_path: Path) -> None:
    async with listening(says(head(status="400 Bad Request") + HTML)) as port:
        url = f"{scheme}://127.0.0.1:{port}/live/x.flv"
        await assert_no_stream(url, tmp_path, "connect_failed", "it does not speak TLS: write rtmp://")


@pytest.mark.parametrize("scheme", ["rtmp", "http"])
async def test_a_server_that_speaks_tls_alone(scheme: str, tmp_path: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    async with listening(says(b""), context) as port:
        done = await reel(
            "record", f"{scheme}://127.0.0.1:{port}/a/b", "--reconnect", "0", "-o", tmp_path / "out"
        )
    done.assert_fails(3, f"{scheme}://127.0.0.1:{port}/a/b")


async def test_nobody_waits_for_an_ssh_server_to_become_a_stream(tmp_path: Path) -> None:
    async with listening(stays(SSH)) as port:
        done = await reel(
            "record", f"rtmp://127.0.0.1:{port}/a/b", "--reconnect", "10h", "-o", tmp_path / "out"
        )
    done.assert_fails(3, "an SSH server")

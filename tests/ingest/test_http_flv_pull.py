"""HTTP-FLV pull against servers that answer byte by byte as told."""

from __future__ import annotations

import asyncio
import base64
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from ingest.reading import Row, file_rows, read_source
from native.flv_bytes import START, PlainTag, tag_bytes
from origins.process import free_port
from origins.scripted import Client, chunk, head, says, scripted

from engine.errors import AccessDenied, BadResponse, ConnectFailed, StreamNotFound
from engine.ingest.http_flv import HttpFlvSource
from engine.ingest.source import SourceOptions
from engine.media.limits import MAX_REDIRECTS


@pytest.fixture(scope="module")
def flv(sample: Callable[[str], Path]) -> bytes:
    """A stream of 9 s."""
    return sample("h264_aac_bframes").read_bytes()


@pytest.fixture(scope="module")
def rows(sample: Callable[[str], Path]) -> list[Row]:
    """What it holds."""
    return file_rows(sample("h264_aac_bframes"))


def in_chunks(data: bytes) -> bytes:
    """Chunks of all sizes, so that their borders fall anywhere in tags."""
    out, at, size = b"", 0, 1
    while at < len(data):
        out += chunk(data[at : at + size])
        at, size = at + size, size * 3 % 9973 + 1
    return out + chunk(b"")


SIZES = [100, 9_000_000, 5000, 12_000_000, 70]


BODIES: dict[str, Callable[[bytes], bytes]] = {
    "content-length": lambda data: head(f"Content-Length: {len(data)}") + data,
    "chunked": lambda data: head("Transfer-Encoding: chunked") + in_chunks(data),
    "until close": lambda data: head() + data,
    "HTTP/1.0": lambda data: head().replace(b"HTTP/1.1", b"HTTP/1.0") + data,
    "after interim answers": lambda data: b"HTTP/1.1 102 Processing\r\n\r\n" * 2 + head() + data,
}


@pytest.mark.parametrize("name", BODIES)
async def test_bodies(name: str, flv: bytes, rows: list[Row]) -> None:
    async with scripted(says(BODIES[name](flv))) as origin:
        read = await read_source(origin.url())
    assert (read.rows, read.error) == (rows, None)


@pytest.mark.parametrize("name", ["content-length", "chunked"])
async def test_the_end_is_known_before_the_connection_closes(name: str, flv: bytes, rows: list[Row]) -> None:
    async def answer(client: Client) -> None:
        await client.send(BODIES[name](flv))
        await client.gone()

    async with scripted(answer) as origin:
        read = await read_source(origin.url())
    assert (read.rows, read.error) == (rows, None)


async def test_small_pieces_and_small_reads(
    flv: bytes, rows: list[Row], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.ingest.network.READ_BYTES", 20_000)

    async def answer(client: Client) -> None:
        data = BODIES["chunked"](flv)
        for at in range(200):
            await client.send(data[at : at + 1])
            await asyncio.sleep(0)
        await client.send(data[200:])

    async with scripted(answer) as origin:
        read = await read_source(origin.url())
    assert (read.rows, read.error) == (rows, None)


@pytest.mark.parametrize("name", ["content-length", "until close"])
async def test_pieces_of_tags(name: str, flv: bytes, rows: list[Row]) -> None:
    """Tags that are still coming when they are read for the first time."""

    async def answer(client: Client) -> None:
        data, at, size = BODIES[name](flv), 0, 7
        while at < len(data):
            await client.send(data[at : at + size])
            at, size = at + size, size * 5 % 39_989 + 1
            await asyncio.sleep(0.01)

    async with scripted(answer) as origin:
        read = await read_source(origin.url())
    assert (read.rows, read.error) == (rows, None)


async def test_a_window_that_is_half_full_is_widened() -> None:
    size = 60_000

    async def answer(client: Client) -> None:
        await client.send(head() + START + tag_bytes(PlainTag(9, 0, b"\x27\1\0\0\0" + bytes(size))))
        await client.gone()

    async with scripted(answer) as origin:
        source = HttpFlvSource(origin.url(), SourceOptions())
        await source.open()
        try:
            while not (batch := await source.read()):
                assert batch is not None
            assert source._connection is not None
            assert source._connection.window_bytes > 3 * size  # 131,072 bytes at first
        finally:
            source.close()


@pytest.mark.parametrize("previous_tag_size", [None, 0])
async def test_a_tag_that_no_kernel_holds(previous_tag_size: int | None) -> None:
    tags = [PlainTag(9, 40 * number, b"\x27\1\0\0\0" + bytes(size)) for number, size in enumerate(SIZES)]
    data = START + b"".join(tag_bytes(tag, previous_tag_size) for tag in tags)

    async def answer(client: Client) -> None:
        await client.send(head() + START)
        await asyncio.sleep(0.1)
        await client.send(data[len(START) :])

    async with scripted(answer) as origin:
        read = await read_source(origin.url())
    assert (read.rows, read.error) == ([tuple(tag) for tag in tags], None)


@pytest.mark.parametrize("missing", [1, 9, 500])
async def test_a_tag_cut_by_the_end(missing: int, flv: bytes, rows: list[Row]) -> None:
    async def answer(client: Client) -> None:
        await client.send(head())
        await asyncio.sleep(0.05)
        await client.send(flv[: 13 + 5000])
        await asyncio.sleep(0.2)
        await client.send(flv[13 + 5000 : -missing])

    async with scripted(answer) as origin:
        read = await read_source(origin.url())
    assert read.rows == rows[: len(read.rows)]
    assert len(rows) - len(read.rows) <= (0 if missing == 1 else 5)
    assert read.error is None or isinstance(read.error, ConnectFailed)


async def test_the_request(flv: bytes) -> None:
    async with scripted(says(head() + flv)) as origin:
        url = origin.url("/live/直播 1.flv?txSecret=a%2Fb&txTime=é")
        assert (await read_source(url, headers={"X-A": "ü", "host": "cdn.example"})).error is None
    (request,) = origin.requests
    assert request.target == "/live/%E7%9B%B4%E6%92%AD%201.flv?txSecret=a%2Fb&txTime=%C3%A9"
    assert request.headers["host"] == "cdn.example"
    assert request.headers["x-a"].encode("latin-1").decode() == "ü"
    assert request.headers["accept-encoding"] == "identity"
    assert request.headers["user-agent"].startswith("reelkeeper/")


async def test_authentication_in_the_url(flv: bytes) -> None:
    async with scripted(says(head() + flv)) as origin:
        url = origin.url().replace("http://", "http://me:p%40ss%3Aword@")
        assert (await read_source(url)).error is None
    (request,) = origin.requests
    kind, _, value = request.headers["authorization"].partition(" ")
    assert (kind, base64.b64decode(value)) == ("Basic", b"me:p@ss:word")
    assert request.headers["host"] == f"127.0.0.1:{origin.port}"


async def test_complaints_keep_secrets() -> None:
    async with scripted(says(head(status="403 Forbidden"))) as origin:
        url = origin.url("/live/x.flv?sign=secret").replace("http://", "http://me:password@")
        error = (await read_source(url)).error
    assert isinstance(error, AccessDenied)
    assert origin.url() in str(error)
    assert "secret" not in str(error)
    assert "password" not in str(error)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        ("401 Unauthorized", AccessDenied),
        ("404 Not Found", StreamNotFound),
        ("410 Gone", StreamNotFound),
        ("204 No Content", BadResponse),
        ("206 Partial Content", BadResponse),
        ("503 Busy", BadResponse),
    ],
)
async def test_statuses(status: str, kind: type[Exception], flv: bytes) -> None:
    async with scripted(says(head(status=status) + flv)) as origin:
        read = await read_source(origin.url())
    assert type(read.error) is kind
    assert read.rows == []


@pytest.mark.parametrize("coding", ["gzip", "br", "identity, gzip"])
async def test_compressed_bodies_are_refused(coding: str, flv: bytes) -> None:
    async with scripted(says(head(f"Content-Encoding: {coding}") + flv)) as origin:
        read = await read_source(origin.url())
    assert isinstance(read.error, BadResponse)
    assert read.rows == []


# Redirects

_KINDS = ("301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent")


def redirecting(times: int, flv: bytes) -> Callable[[Client], Awaitable[None]]:
    """Redirects so often, by all kinds of statuses, then answers."""

    async def answer(client: Client) -> None:
        if client.number < times:
            status = _KINDS[client.number % len(_KINDS)]
            await client.send(head(f"Location: /{client.number}.flv", "Content-Length: 0", status=status))
        else:
            await client.send(head() + flv)

    return answer


async def test_five_redirects_are_followed(flv: bytes, rows: list[Row]) -> None:
    async with scripted(redirecting(MAX_REDIRECTS, flv)) as origin:
        read = await read_source(origin.url())
    assert (read.rows, read.error) == (rows, None)
    assert [request.target for request in origin.requests] == [
        "/live/x.flv",
        *(f"/{number}.flv" for number in range(5)),
    ]


async def test_the_sixth_redirect_is_refused(flv: bytes) -> None:
    async with scripted(redirecting(MAX_REDIRECTS + 1, flv)) as origin:
        read = await read_source(origin.url())
    assert isinstance(read.error, BadResponse)
    assert "more than 5 times" in str(read.error)
    assert len(origin.requests) == 6


@pytest.mark.parametrize(
    ("location", "target"),
    [
        ("y.flv", "/live/y.flv"),
        ("/y.flv?a=b", "/y.flv?a=b"),
        ("//127.0.0.1:{port}/y.flv", "/y.flv"),
        ("http://127.0.0.1:{port}/y.flv#part", "/y.flv"),
        ("/直播.flv", "/%E7%9B%B4%E6%92%AD.flv"),
        ("/%E7%9B%B4.flv", "/%E7%9B%B4.flv"),
    ],
)
async def test_where_redirects_lead(location: str, target: str, flv: bytes) -> None:
    async def answer(client: Client) -> None:
        if client.number:
            await client.send(head() + flv)
            return
        where = location.replace("{port}", str(origin.port)).encode().decode("latin-1")
        await client.send(head(f"Location: {where}", status="302 Found"))

    async with scripted(answer) as origin:
        assert (await read_source(origin.url())).error is None
    assert origin.requests[-1].target == target


@pytest.mark.parametrize(
    "location",
    [
        None,
        "",
        "rtmp://127.0.0.1/live/x",
        "file:///etc/passwd",
        "http://h:99999/",
        "http://[::1/",
    ],
)
async def test_redirects_that_lead_nowhere(location: str | None) -> None:
    lines = () if location is None else (f"Location: {location}",)
    async with scripted(says(head(*lines, status="302 Found"))) as origin:
        read = await read_source(origin.url())
    assert isinstance(read.error, BadResponse)
    assert "redirects" in str(read.error)
    assert len(origin.requests) == 1


async def test_a_redirect_to_another_server_takes_no_secrets_along(flv: bytes) -> None:
    """Neither those of the URL nor those of --header; the same server gets them again."""
    secrets = ("authorization", "cookie")
    headers = {"Cookie": "session=1", "X-Plain": "2"}
    async with scripted(says(head() + flv)) as other:

        async def answer(client: Client) -> None:
            where = other.url() if client.number else f"http://127.0.0.1:{first.port}/again.flv"
            await client.send(head(f"Location: {where}", status="302 Found"))

        async with scripted(answer) as first:
            url = first.url().replace("http://", "http://me:password@")
            assert (await read_source(url, headers=headers)).error is None
    for request in first.requests:
        assert set(secrets) <= request.headers.keys()
    (request,) = other.requests
    assert not set(secrets) & request.headers.keys()
    assert request.headers["x-plain"] == "2"


# Broken connections


@pytest.mark.parametrize("framing", ["content-length", "chunked", "until close"])
async def test_a_reset_inside_a_tag_keeps_everything_before_it(
    framing: str, flv: bytes, rows: list[Row]
) -> None:
    data = BODIES[framing](flv)
    cut = len(data) * 2 // 3

    async def answer(client: Client) -> None:
        await client.send(data[:cut])
        await asyncio.sleep(0.3)  # or the reset overtakes what it should come behind
        client.reset()

    async with scripted(answer) as origin:
        read = await read_source(origin.url())
    assert isinstance(read.error, ConnectFailed)
    assert "broke" in str(read.error)
    assert len(rows) / 2 < len(read.rows) < len(rows)
    assert read.rows == rows[: len(read.rows)]
    assert sum(len(body) for _, _, body in read.rows) > cut * 0.85


async def test_a_reset_behind_a_tag_without_its_previous_tag_size_keeps_the_tag(
    flv: bytes, rows: list[Row]
) -> None:
    end = 13 + sum(15 + len(body) for _, _, body in rows[:100]) - 4

    async def answer(client: Client) -> None:
        await client.send(head() + flv[:end])
        await asyncio.sleep(0.3)
        client.reset()

    async with scripted(answer) as origin:
        read = await read_source(origin.url())
    assert isinstance(read.error, ConnectFailed)
    assert read.rows == rows[:100]


@pytest.mark.parametrize("framing", ["content-length", "chunked", "until close"])
async def test_a_body_that_is_cut_is_a_broken_connection(framing: str, flv: bytes, rows: list[Row]) -> None:
    data = BODIES[framing](flv)
    async with scripted(says(data[: len(data) // 2])) as origin:
        read = await read_source(origin.url())
    assert isinstance(read.error, ConnectFailed)
    assert "closed early" in str(read.error)
    assert read.rows == rows[: len(read.rows)]
    assert len(read.rows) > len(rows) / 3


async def test_another_address_of_the_name_is_tried(
    flv: bytes, rows: list[Row], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A family that the machine does not have, a port that refuses, then the one."""
    refusing = ("127.0.0.1", free_port())

    async def addresses(host: str, port: int, **_: object) -> list[tuple[int, int, int, str, object]]:
        assert host == "several.example"
        found = [(9999, (host, port)), (socket.AF_INET, refusing), (socket.AF_INET, ("127.0.0.1", port))]
        return [(family, socket.SOCK_STREAM, 0, "", address) for family, address in found]

    async with scripted(says(head() + flv)) as origin:
        monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", addresses)
        read = await read_source(origin.url().replace("127.0.0.1", "several.example"))
    assert (read.rows, read.error) == (rows, None)

"""HTTP(S)-FLV through a proxy: CONNECT, its login, its refusals, and which URLs go through which."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
import trustme
from hypothesis import given
from hypothesis import strategies as st
from ingest.reading import file_rows, read_source
from origins.process import free_port
from origins.proxy import http_proxy
from origins.scripted import Client, head, says, scripted
from reel import reel

from engine.errors import AccessDenied, BadResponse, ConnectFailed, ReelError, UsageError
from engine.ingest.http_proxy import Proxy, Tunnel, proxy_for
from engine.media.events import Warned

Sample = Callable[[str], Path]

SAMPLE = "mp3_only"
VARIABLES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment of the tests has none."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


async def test_a_tunnel_with_a_login(sample: Sample) -> None:
    """The proxy resolves the name, and the server hears nothing of the login."""
    async with (
        scripted(says(head() + sample(SAMPLE).read_bytes())) as origin,
        http_proxy("me:p@ss", to=origin.port) as proxy,
    ):
        read = await read_source("http://origin.invalid/live/x.flv", proxy=proxy.url("me:p%40ss"))
    assert read.error is None
    assert read.rows == file_rows(sample(SAMPLE))
    assert proxy.asked == ["origin.invalid:80"]
    assert "proxy-authorization" not in origin.requests[0].headers
    assert origin.requests[0].headers["host"] == "origin.invalid"


async def test_a_tunnel_for_tls(sample: Sample, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The certificate is that of the server, and is verified."""
    ca = trustme.CA()
    ca.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("origin.invalid").configure_cert(context)
    async with (
        scripted(says(head() + sample(SAMPLE).read_bytes()), tls=context) as origin,
        http_proxy(to=origin.port) as proxy,
    ):
        read = await read_source("https://origin.invalid/live/x.flv", proxy=proxy.url())
        wrong = await read_source("https://other.invalid/live/x.flv", proxy=proxy.url())
    assert read.error is None
    assert read.rows == file_rows(sample(SAMPLE))
    assert proxy.asked == ["origin.invalid:443", "other.invalid:443"]
    assert isinstance(wrong.error, ConnectFailed)
    assert "the certificate of other.invalid is not valid" in str(wrong.error)


@pytest.mark.parametrize("login", ["", "me:wrong"])
async def test_a_login_that_is_wrong(login: str) -> None:
    async with http_proxy("me:hush") as proxy:
        error = (await read_source("http://h.invalid/x.flv?key=hush", proxy=proxy.url(login))).error
    assert isinstance(error, AccessDenied)
    assert f"http://h.invalid/x.flv: the proxy 127.0.0.1:{proxy.port} answers 407 Proxy" in str(error)
    assert "it wants a user and password" in str(error)
    assert "wrong" not in str(error)
    assert "hush" not in str(error)


ANSWERS: dict[str, tuple[bytes, type[ReelError], str]] = {
    "a refusal": (head(status="403 Forbidden"), AccessDenied, "it opens no tunnel to h.invalid:80"),
    "a web server": (head(status="405 Method Not Allowed"), AccessDenied, "it opens no tunnel"),
    "a server that is down": (head(status="502 Bad Gateway"), ConnectFailed, "does not reach h.invalid"),
    "an end": (b"", ConnectFailed, "closed before it answered"),
    "half an answer": (b"HTTP/1.1 200 OK\r\nVia: x\r\n", ConnectFailed, "closed before it answered"),
    "garbage": (b"\xff" * 40, BadResponse, "does not answer as an HTTP proxy: check the port"),
    "an SSH server": (b"SSH-2.0-x\r\n", BadResponse, "HTTP proxy: this is an SSH server"),
    "an endless head": (head() [:-2] + b"x: y\r\n" * 9999, BadResponse, "does not answer as an HTTP proxy"),
    "a status that is none": (b"HTTP/1.1 yes\r\n\r\n", BadResponse, "does not answer as an HTTP proxy"),
    "more than an answer": (head() + b"FLV\1", BadResponse, "does not answer as an HTTP proxy"),
}  # fmt: skip


@asynccontextmanager
async def answering(data: bytes) -> AsyncIterator[int]:
    """A port where every request is answered with this, and the connection closed."""
    closed = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(data)
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()
        closed.set()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1]
        await closed.wait()


@pytest.mark.parametrize("name", ANSWERS)
async def test_proxies_that_open_no_tunnel(name: str) -> None:
    answer, kind, words = ANSWERS[name]
    async with answering(answer) as port:
        error = (await read_source("http://h.invalid/x.flv", proxy=f"me:hush@127.0.0.1:{port}")).error
    assert type(error) is kind
    assert f"http://h.invalid/x.flv: the proxy 127.0.0.1:{port}" in str(error)
    assert words in str(error)
    assert "hush" not in str(error)


async def test_a_proxy_that_is_not_there() -> None:
    port = free_port()
    error = (await read_source("http://h.invalid/x.flv", proxy=f"127.0.0.1:{port}")).error
    assert isinstance(error, ConnectFailed)
    assert f"the proxy 127.0.0.1:{port}: connection refused" in str(error)


async def test_a_proxy_that_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.ingest.connection.CONNECT_TIMEOUT_S", 0.3)

    gone = asyncio.Event()

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.read(4096):
            pass
        writer.close()
        await writer.wait_closed()
        gone.set()

    async with await asyncio.start_server(listen, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        error = (await read_source("http://h.invalid/x.flv", proxy=f"127.0.0.1:{port}")).error
        await gone.wait()
    assert isinstance(error, ConnectFailed)
    assert f"the proxy 127.0.0.1:{port} did not answer in 0.3 s" in str(error)


async def test_a_redirect_goes_through_the_proxy_too(sample: Sample) -> None:
    async def answer(client: Client) -> None:
        if client.request.target == "/x.flv":
            await client.send(head("Location: http://other.invalid/y.flv", status="302 Found"))
        else:
            await client.send(head() + sample(SAMPLE).read_bytes())

    async with scripted(answer) as origin, http_proxy(to=origin.port) as proxy:
        read = await read_source("http://origin.invalid/x.flv", proxy=proxy.url())
    assert read.rows == file_rows(sample(SAMPLE))
    assert proxy.asked == ["origin.invalid:80", "other.invalid:80"]


async def test_the_command_takes_the_environments_and_waits_as_for_an_origin(
    sample: Sample, tmp_path: Path
) -> None:
    async with (
        scripted(says(head("Content-Length: 3") + b"FLV")) as origin,
        http_proxy("me:hush", to=origin.port) as proxy,
    ):
        done = await reel(
            *("record", "http://origin.invalid/x.flv", "--reconnect", "0", "-o", tmp_path, "--json"),
            env={"http_proxy": proxy.url("me:hush"), "no_proxy": "localhost"},
        )
        given = await reel(
            *("record", origin.url(), "--reconnect", "0", "-o", tmp_path, "--proxy", proxy.url("me:hush"))
        )
    assert done.code == given.code == 3
    assert proxy.asked == ["origin.invalid:80", f"127.0.0.1:{origin.port}"]
    assert "hush" not in done.out + done.err + given.out + given.err
    assert done.of(Warned) == []


@pytest.mark.parametrize(
    ("url", "environment", "given", "port"),
    [
        ("http://h/x", {}, None, None),
        ("http://h/x", {"http_proxy": "http://p:1"}, None, 1),
        ("http://h/x", {"HTTP_PROXY": "http://p:1"}, None, None),
        ("http://h/x", {"https_proxy": "http://p:1"}, None, None),
        ("https://h/x", {"https_proxy": "p:1"}, None, 1),
        ("https://h/x", {"HTTPS_PROXY": "p:1"}, None, 1),
        ("https://h/x", {"https_proxy": "p:1", "HTTPS_PROXY": "p:2", "all_proxy": "p:3"}, None, 1),
        ("https://h/x", {"ALL_PROXY": "p:3"}, None, 3),
        ("http://h/x", {"http_proxy": "p:1"}, "q:2", 2),
        ("http://h/x", {"http_proxy": "p:1"}, "", None),
        ("http://a.h.org/x", {"http_proxy": "p:1", "no_proxy": "x, .h.org"}, None, None),
        ("http://h.org/x", {"http_proxy": "p:1", "NO_PROXY": "h.org"}, None, None),
        ("http://ah.org/x", {"http_proxy": "p:1", "no_proxy": "h.org"}, None, 1),
        ("http://h.org/x", {"http_proxy": "p:1", "no_proxy": "*"}, None, None),
        ("http://h.org/x", {"no_proxy": "h.org"}, "q:2", None),
        ("http://10.1.2.3/x", {"http_proxy": "p:1", "no_proxy": "10.0.0.0/8"}, None, None),
        ("http://11.1.2.3/x", {"http_proxy": "p:1", "no_proxy": "10.0.0.0/8,bad/x"}, None, 1),
        ("http://[fe80::1]/x", {"http_proxy": "p:1", "no_proxy": "[fe80::1]"}, None, None),
        ("http://127.0.0.1/x", {"http_proxy": "p:1"}, None, None),
        ("http://localhost/x", {"all_proxy": "p:1"}, None, None),
        ("http://127.0.0.1/x", {}, "q:2", 2),
    ],
)
def test_which_proxy(
    url: str,
    environment: dict[str, str],
    given: str | None,
    port: int | None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    proxy = proxy_for(url, given)
    assert (proxy and proxy.port) == port


def test_a_wrong_proxy_of_the_environment_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("all_proxy", "socks5://me:hush@h:1080")
    with pytest.raises(
        UsageError, match=r"https_proxy or all_proxy in the environment: socks5://h:1080"
    ) as raised:
        proxy_for("https://origin.invalid/x", None)
    assert "hush" not in str(raised.value)


@given(st.binary(max_size=200), st.integers(1, 50))
def test_any_answer_is_a_tunnel_or_an_error(data: bytes, size: int) -> None:
    """However it is split."""
    for whole in (data, b"HTTP/1.1 200 OK\r\n" + data, b"HTTP/1.1 2" + data):
        outcomes = []
        for step in (len(whole) or 1, size):
            tunnel = Tunnel(Proxy("p", 1), "h", 80, "http://h/x")
            try:
                for at in range(0, len(whole), step):
                    tunnel.receive(whole[at : at + step])
                    if tunnel.open:
                        break
            except (AccessDenied, BadResponse, ConnectFailed) as error:
                outcomes.append(type(error))
            else:
                outcomes.append(tunnel.open)
        # What comes behind a whole answer may come with it, or not be read any more.
        assert outcomes[0] == outcomes[1] or outcomes == [BadResponse, True]

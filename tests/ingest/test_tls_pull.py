"""RTMPS and HTTPS-FLV: certificates are verified, TLS ticks like TCP, and nothing before a break is lost."""

from __future__ import annotations

import asyncio
import datetime
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import trustme
from ingest.reading import file_rows, read_source
from origins.scripted import Client, head, says, says_at_once, scripted
from reel import reel

from engine.errors import ConnectFailed, MalformedHttp
from engine.origin import Origin

Sample = Callable[[str], Path]


@dataclass(frozen=True, slots=True)
class Authority:
    """A certificate authority, its certificate in a file."""

    ca: trustme.CA
    file: Path

    def server(self, *names: str, **options: object) -> ssl.SSLContext:
        """What a server of these names speaks TLS with."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.ca.issue_cert(*names, **options).configure_cert(context)  # type: ignore[arg-type]
        return context


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """An authority that nobody knows until SSL_CERT_FILE says so."""
    ca = trustme.CA()
    file = tmp_path_factory.mktemp("ca") / "ca.pem"
    ca.cert_pem.write_to_path(str(file))
    return Authority(ca, file)


@pytest.fixture
def trusted(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> Authority:
    """The authority, trusted."""
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    return authority


def url_of(origin: Origin, protocol: str, stream: str) -> str:
    """rtmps:// or https://."""
    return origin.rtmp_url(stream) if protocol == "rtmps" else origin.http_url(stream)


PROTOCOLS = pytest.mark.parametrize("protocol", ["rtmps", "https"])


@PROTOCOLS
async def test_a_capture_over_tls(protocol: str, trusted: Authority, shared_media: Path) -> None:
    """Four megabytes at once: many TLS records in a tick."""
    path = shared_media / "bun33s.flv"
    options = {"once": True, "speed": 0, "wait_for_reader": True, "tls": trusted.server("127.0.0.1")}
    async with Origin([path], **options) as origin:  # type: ignore[arg-type]
        url = url_of(origin, protocol, "live/bun33s")
        assert url.startswith(f"{protocol}://")
        read = await read_source(url)
    assert read.error is None
    assert read.rows == file_rows(path)


@PROTOCOLS
async def test_an_unknown_authority_is_refused(protocol: str, authority: Authority, sample: Sample) -> None:
    async with Origin([sample("mp3_only")], tls=authority.server("127.0.0.1")) as origin:
        url = url_of(origin, protocol, "live/mp3_only")
        error = (await read_source(url)).error
        assert isinstance(error, ConnectFailed)
        assert "certificate" in str(error)
        assert "--insecure" in str(error)
        assert len((await read_source(url, insecure=True, up_to=5)).rows) == 5


@PROTOCOLS
@pytest.mark.parametrize("fault", ["name", "expired"])
async def test_wrong_certificates_are_refused(
    protocol: str, fault: str, trusted: Authority, sample: Sample
) -> None:
    past = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=1)
    expired = {"not_before": past - datetime.timedelta(days=1), "not_after": past}
    server = trusted.server("other.example") if fault == "name" else trusted.server("127.0.0.1", **expired)
    async with Origin([sample("mp3_only")], tls=server) as origin:
        url = url_of(origin, protocol, "live/mp3_only")
        error = (await read_source(url)).error
        assert isinstance(error, ConnectFailed)
        assert ("not valid for" if fault == "name" else "expired") in str(error)
        assert len((await read_source(url, insecure=True, up_to=5)).rows) == 5


async def test_the_command(authority: Authority, sample: Sample, tmp_path: Path) -> None:
    tls = authority.server("127.0.0.1")
    async with Origin([sample("mp3_only")], once=True, speed=0, wait_for_reader=True, tls=tls) as origin:
        record = ("record", origin.http_url("live/mp3_only"), "-o", tmp_path, "--reconnect", "0", "-f", "mp3")
        refused = await reel(*record, env={"SSL_CERT_FILE": "/dev/null"})
        accepted = await reel(*record, "--insecure", env={"SSL_CERT_FILE": "/dev/null"})
    refused.assert_fails(3, "certificate", "--insecure")
    accepted.assert_done()
    assert len(list(tmp_path.rglob("*.mp3"))) == 1


@pytest.mark.parametrize("to_tls", [True, False])
async def test_redirects_from_one_scheme_to_the_other(
    to_tls: bool, trusted: Authority, sample: Sample
) -> None:
    data, server = sample("mp3_only").read_bytes(), trusted.server("127.0.0.1")
    async with scripted(says(head() + data), tls=server if to_tls else None) as target:
        redirect = says(head(f"Location: {target.url()}", status="302 Found"))
        async with scripted(redirect, tls=None if to_tls else server) as first:
            read = await read_source(first.url())
    assert (read.rows, read.error) == (file_rows(sample("mp3_only")), None)


async def test_a_server_without_tls() -> None:
    async with says_at_once(head(status="400 Bad Request")) as port:
        error = (await read_source(f"https://127.0.0.1:{port}/x.flv")).error
    assert isinstance(error, ConnectFailed)
    assert "TLS" in str(error)


async def test_a_server_with_tls_that_is_asked_without(authority: Authority) -> None:
    async with scripted(says(head()), tls=authority.server("127.0.0.1")) as origin:
        error = (await read_source(origin.url().replace("https", "http"))).error
    assert isinstance(error, ConnectFailed | MalformedHttp)


@pytest.mark.parametrize("how", ["close", "reset", "cut"])
async def test_what_came_before_a_break_is_kept(how: str, trusted: Authority, sample: Sample) -> None:
    """By close_notify, by RST, and by FIN without close_notify; in one tick with the last media."""
    data = sample("mp3_only").read_bytes()

    async def answer(client: Client) -> None:
        await client.send(head() + (data if how == "close" else data[:-100]))
        if how == "reset":
            client.reset()
        elif how == "cut":
            client.writer.get_extra_info("socket").shutdown(1)
            await client.gone()

    async with scripted(answer, tls=trusted.server("127.0.0.1")) as origin:
        read = await read_source(origin.url())
    rows = file_rows(sample("mp3_only"))
    if how == "close":
        assert (read.rows, read.error) == (rows, None)
    else:
        assert isinstance(read.error, ConnectFailed)
        assert read.rows == rows[:-1]


async def test_a_silent_handshake_times_out(trusted: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    """The limit is that of connecting, lowered here."""
    monkeypatch.setattr("engine.ingest.connection.CONNECT_TIMEOUT_S", 0.3)

    async def swallow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_server(swallow, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        error = (await read_source(f"https://127.0.0.1:{port}/x.flv")).error
    assert isinstance(error, ConnectFailed)
    assert "did not answer" in str(error)

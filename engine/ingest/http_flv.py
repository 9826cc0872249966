"""HTTP-FLV pull: GET, follow redirects, then FLV until the body ends."""

from __future__ import annotations

import asyncio
import base64
import re
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, unquote, urljoin, urlsplit

import engine
from engine import _native
from engine.errors import (
    AccessDenied,
    BadResponse,
    ConnectFailed,
    NotAStream,
    NotFlv,
    ReelError,
    StreamNotFound,
    UsageError,
    from_fault,
)
from engine.ingest.address import split_url
from engine.ingest.connection import Connection
from engine.ingest.cookie_file import cookie_header
from engine.ingest.http_proxy import proxy_for
from engine.ingest.network import NetworkReader
from engine.ingest.other_protocols import SEEN_BYTES, recognize_media, recognize_server
from engine.ingest.source import SourceOptions
from engine.masking import hide_secrets, masked, printable
from engine.media.batch import Batch
from engine.media.limits import CONNECT_TIMEOUT_S, MAX_REDIRECTS

_REDIRECTS = (301, 302, 303, 307, 308)
_CUT = ("http.truncated", "flv.truncated")
_FIRST_BYTES = 32 << 10  # a head and what is looked at of the body
_SECRETS = ("authorization", "cookie", "proxy-authorization")
_HEADER_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+", re.ASCII)
_PRINTABLE = "".join(map(chr, range(0x21, 0x7F)))


@dataclass(frozen=True, slots=True)
class _Target:
    """A URL taken apart for one request."""

    host: str
    port: int
    secure: bool
    request: bytes
    url: str

    @classmethod
    def of(cls, url: str, options: SourceOptions, redirected_from: str | None = None) -> _Target:
        """The request for a URL. A redirect passes what proves who we are on to the same server only."""
        parts = split_url(url)
        if not parts.hostname:
            raise UsageError(f"{masked(url)} names no host")
        secure = parts.scheme.lower() == "https"
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        # Names in UTF-8, percent-encoded; what is percent-encoded already stays as it is.
        lines = [f"GET {quote(path, safe=_PRINTABLE)} HTTP/1.1"]
        headers = _headers(url, options, redirected_from)
        lines += (f"{name}: {value}" for name, value in headers.items())
        request = "\r\n".join([*lines, "", ""]).encode("utf-8")
        return cls(parts.hostname, parts.port or (443 if secure else 80), secure, request, url)


def _headers(url: str, options: SourceOptions, redirected_from: str | None) -> dict[str, str]:
    check_headers(options.headers, options.user_agent)
    headers = {
        "Host": urlsplit(url).netloc.rpartition("@")[2],
        "User-Agent": options.user_agent or f"reelkeeper/{engine.__version__}",
        "Accept": "*/*",
        "Accept-Encoding": "identity",
        "Connection": "close",
    }
    extra = dict(options.headers)
    login = _login(url)
    if redirected_from is not None and _server(redirected_from) == _server(url):
        login = login or _login(redirected_from)
    elif redirected_from is not None:
        extra = {name: value for name, value in extra.items() if name.lower() not in _SECRETS}
    if login is not None:
        headers["Authorization"] = login
    if (cookies := cookie_header(options.cookies, url)) is not None:
        headers["Cookie"] = cookies
    overridden = {name.lower() for name in extra}
    return {name: value for name, value in headers.items() if name.lower() not in overridden} | extra


def check_headers(headers: Mapping[str, str], user_agent: str | None = None) -> None:
    """Refuse headers that would end, or begin, another one. Their values are secrets, and are not shown.

    Raises:
        UsageError: a name that is none, or a line break or control character.
    """
    for name, value in (*headers.items(), ("User-Agent", user_agent or "")):
        if not _HEADER_NAME.fullmatch(name):
            raise UsageError(f"header {printable(name)[:60]!r}: a name has letters, digits and hyphens only")
        if any((char < " " and char != "\t") or "\x7f" <= char <= "\x9f" for char in value):
            raise UsageError(f"header {name}: a line break or another control character is in its value")
        if any("\ud800" <= char <= "\udfff" for char in value):
            raise UsageError(f"header {name}: its value is not UTF-8")


def _login(url: str) -> str | None:
    """The value of Authorization for the user and password in a URL."""
    parts = urlsplit(url)
    if parts.username is None:
        return None
    login = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return "Basic " + base64.b64encode(login.encode()).decode()


def _server(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    return parts.scheme.lower(), parts.hostname, parts.port


class _Response:
    """The sans-IO side: one request, one response with FLV in it."""

    def __init__(self, request: bytes, where: str) -> None:
        self._output = request
        self._where = where
        self._reader = _native.HttpFlvReader()
        self._batch: Batch | None = None  # read in place
        self._first = bytearray()  # of the answer, and of its body: neither may be what it should
        self.receive: Callable[[bytes], None] = self._receive_first
        """Take in bytes of the response."""

    @property
    def head(self) -> tuple[int, str, list[tuple[str, str]]] | None:
        """The response head, once it is whole."""
        return self._reader.head

    @property
    def ended(self) -> bool:
        """The body is complete."""
        return self._reader.ended

    @property
    def is_over(self) -> bool:
        """It is complete, or cannot be read on."""
        return self._reader.ended or self._reader.fault is not None

    @property
    def error(self) -> ReelError | None:
        """The fault of the response or of the FLV in it; what is only cut is no fault of its bytes."""
        fault = self._reader.fault
        if fault is None:
            return None
        code, message = fault
        if code in _CUT:
            return ConnectFailed(f"{self._where}: the origin closed early: {message}")
        if code == "http.head" and not self._first.startswith(b"HTTP/"):
            server = recognize_server(bytes(self._first))
            return NotAStream(f"{self._where}: {message}{f'; this is {server}' if server else ''}")
        if code == "not.flv" and (media := recognize_media(self._body)):
            return NotFlv(f"{self._where}: this is not FLV; it seems to be {media}")
        return from_fault(fault, self._where)

    def _receive_first(self, data: bytes) -> None:
        """Keep what comes first, until the body has begun."""
        self._first += data[: _FIRST_BYTES - len(self._first)]
        self._reader.feed(data)
        if len(self._body) >= SEEN_BYTES or len(self._first) == _FIRST_BYTES:
            self.receive = self._reader.feed

    @property
    def _body(self) -> bytes:
        """What the body begins with."""
        head = self._reader.head
        body = bytes(self._first.partition(b"\r\n\r\n")[2])
        is_chunked = head is not None and any(name == "transfer-encoding" for name, _ in head[2])
        return body.partition(b"\r\n")[2] if is_chunked else body

    def receive_eof(self) -> None:
        """The peer closed."""
        self._reader.finish()

    def take_output(self) -> bytes:
        """The request, once."""
        output, self._output = self._output, b""
        return output

    @property
    def reads_peeked(self) -> bool:
        """As `Machine.reads_peeked`."""
        return self._reader.reads_in_place

    def read_peeked(self, data: bytes) -> int | None:
        """As `Machine.read_peeked`: whole tags, which stay where they are and are a batch."""
        read = self._reader.read_in_place(data)
        if read is None:
            return None
        count, table = read
        if count:
            self._batch = Batch.from_native((data, table))
        return count

    def take_batch(self) -> Batch | None:
        """Media since the last call."""
        if self._batch is not None:
            batch, self._batch = self._batch, None
            return batch
        taken = self._reader.take()
        return None if taken is None else Batch.from_native(taken)


class HttpFlvSource:
    """Pulls one HTTP-FLV or HTTPS-FLV stream."""

    def __init__(self, url: str, options: SourceOptions) -> None:
        self._url = url
        self._options = options
        self._connection: Connection | None = None
        self._reader: NetworkReader | None = None
        _Target.of(url, options)
        proxy_for(url, options.proxy)

    @property
    def is_live(self) -> bool:
        """A network stream may come back."""
        return True

    @property
    def ended(self) -> bool:
        """The body was declared, and is complete; one that ends with the connection declares nothing."""
        return self._reader is not None and bool(self._reader.ended)

    async def open(self) -> None:
        """Request the stream, following up to `MAX_REDIRECTS` redirects; as `Source.open`."""
        url = self._url
        target = _Target.of(url, self._options)
        for _ in range(MAX_REDIRECTS + 1):
            location = await self._request(target, masked(url))
            if location is None:
                return
            self.close()
            url, target = self._redirected(url, location)
        raise BadResponse(f"{masked(self._url)} redirects more than {MAX_REDIRECTS} times")

    def _redirected(self, url: str, location: str) -> tuple[str, _Target]:
        try:
            following = urljoin(url, location)
            if not location or urlsplit(following).scheme not in ("http", "https"):
                raise BadResponse(
                    f"{masked(url)} redirects to {masked(location)!r}, which is not an HTTP URL"
                )
            return following, _Target.of(following, self._options, self._url)
        except UsageError as error:
            raise BadResponse(f"{masked(url)} redirects to a wrong URL: {error}") from None
        except ValueError:  # its words quote the URL
            raise BadResponse(f"{masked(url)} redirects to {masked(location)!r}, which is no URL") from None

    async def _request(self, target: _Target, where: str) -> str | None:
        """One request; the Location of a redirect if it is one."""
        tls = self._options.tls_context() if target.secure else None
        proxy = proxy_for(target.url, self._options.proxy)
        self._connection = await Connection.open(target.host, target.port, tls, where, proxy)
        response = _Response(target.request, where)
        self._reader = NetworkReader(self._connection, response, where, self._options)
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                while (head := response.head) is None:
                    if response.error is not None:
                        raise response.error
                    await self._reader.exchange()
        except TimeoutError:
            raise ConnectFailed(f"{where}: no answer in {CONNECT_TIMEOUT_S:g} s") from None
        status, reason, headers = head
        if status in _REDIRECTS:
            location = next((value for name, value in headers if name == "location"), "")
            return quote(location.encode("latin-1"), safe=_PRINTABLE)
        if status != 200:
            raise _refusal(status, hide_secrets(reason, self._url), where)
        return None

    def read(self) -> Coroutine[Any, Any, Batch | None]:
        """As `Source.read`."""
        assert self._reader is not None, "open() comes first"
        return self._reader.read()

    def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.close()


def _refusal(status: int, reason: str, where: str) -> ReelError:
    line = f"{where}: the origin answers {status} {reason}".rstrip()
    if status in (401, 403, 407):
        return AccessDenied(f"{line}: check the credentials or the signature in the URL")
    if status in (404, 410):
        return StreamNotFound(f"{line}: nobody publishes this stream")
    return BadResponse(line)

"""A call as it was received: nothing decoded that a signature covers."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from urllib.parse import parse_qsl

from aiohttp import web

MAX_BODY = 10 << 20
"""Bytes of a body that are read, the most that any dialect allows: TC3's 10 MB."""
MAX_TARGET = 32 << 10
"""Bytes of a request target: Tencent's limit for a GET."""

_BODY_S = 30.0
_FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True)
class Call:
    """One HTTP request.

    `query` is what stands behind the `?`, byte for byte. `headers` does not know case. A body longer than
    MAX_BODY is cut and `is_cut` says so. Text that is not UTF-8 is kept with surrogate escapes, so that it
    encodes to the bytes that were received.
    """

    method: str
    path: str
    query: bytes
    headers: Mapping[str, str]
    body: bytes = b""
    peer: str = ""
    is_cut: bool = False

    def header(self, name: str) -> str:
        """The first header of that name, empty when there is none."""
        return self.headers.get(name, "")

    @property
    def media_type(self) -> str:
        """The Content-Type in lower case, without its parameters."""
        return self.header("Content-Type").partition(";")[0].strip().lower()

    @cached_property
    def query_pairs(self) -> tuple[tuple[str, str], ...]:
        """Names and values of the query, decoded, in the order they were sent."""
        return _pairs(self.query)

    @cached_property
    def form_pairs(self) -> tuple[tuple[str, str], ...]:
        """Names and values of the body when it is a form."""
        return _pairs(self.body) if self.media_type == _FORM else ()

    @cached_property
    def names(self) -> frozenset[str]:
        """Names of all parameters in query and form."""
        return frozenset(name for name, _ in (*self.query_pairs, *self.form_pairs))

    @property
    def is_from_page(self) -> bool:
        """Whether a web page made it."""
        return is_from_page(self.headers)


def is_from_page(headers: Mapping[str, str]) -> bool:
    """Whether a browser says that a web page made a call. A person who types into a browser is no page."""
    return "Origin" in headers or headers.get("Sec-Fetch-Site", "") not in ("", "none")


async def read_call(request: web.Request) -> Call:
    """Everything of a request, its body up to MAX_BODY.

    Raises:
        web.HTTPRequestTimeout: the body does not come.
        web.HTTPBadRequest: the caller left in the middle of it, or it breaks its encoding.
    """
    target = request.raw_path.encode("utf-8", "surrogateescape")
    body, is_cut = b"", False
    if request.can_read_body:
        try:
            async with asyncio.timeout(_BODY_S):
                body, is_cut = await _read_body(request)
        except TimeoutError:
            raise web.HTTPRequestTimeout from None
        except (ConnectionError, web.RequestPayloadError):
            raise web.HTTPBadRequest from None
    return Call(
        method=request.method,
        path=request.rel_url.raw_path,
        query=target.partition(b"?")[2],
        headers=request.headers,
        body=body,
        peer=request.remote or "",
        is_cut=is_cut,
    )


async def _read_body(request: web.Request) -> tuple[bytes, bool]:
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.content.iter_any():
        chunks.append(chunk)
        size += len(chunk)
        if size > MAX_BODY:
            return b"".join(chunks)[:MAX_BODY], True
    return b"".join(chunks), False


def _pairs(data: bytes) -> tuple[tuple[str, str], ...]:
    # As text: given bytes, parse_qsl takes ASCII only.
    text = data.decode("utf-8", "surrogateescape")
    return tuple(parse_qsl(text, keep_blank_values=True, errors="surrogateescape"))

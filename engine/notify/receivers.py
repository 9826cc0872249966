"""One exchange with a receiver: a request, and as much of the answer as matters."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Self

import aiohttp

from engine.masking import hide_secrets
from engine.notify.addresses import PublicResolver, may_be_public

_AGENT = "reelkeeper"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a request. `status` is None when there was no answer, `error` says why."""

    status: int | None
    answer: bytes
    error: str
    took_ms: int

    @property
    def is_ok(self) -> bool:
        """The receiver has the message; what it says besides, and whether in full, is no matter."""
        return self.status == 200


class Receivers:
    """An HTTP client for URLs that others chose: it follows no redirect, keeps no cookie and no connection,
    unpacks nothing and reads no more of an answer than it is told. An async context manager."""

    def __init__(self) -> None:
        self._stack = AsyncExitStack()
        self._sessions: dict[bool, aiohttp.ClientSession] = {}

    async def __aenter__(self) -> Self:
        for public_only in (False, True):
            connector = aiohttp.TCPConnector(
                limit=0, force_close=True, resolver=PublicResolver() if public_only else None
            )
            self._sessions[public_only] = await self._stack.enter_async_context(
                aiohttp.ClientSession(
                    connector=connector,
                    cookie_jar=aiohttp.DummyCookieJar(),
                    auto_decompress=False,
                    timeout=aiohttp.ClientTimeout(total=None),
                    headers={"User-Agent": _AGENT, "Accept-Encoding": "identity"},
                )
            )
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def exchange(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        body: bytes | None = None,
        timeout_s: float,
        most_bytes: int,
        private_addresses: bool = True,
    ) -> Outcome:
        """Ask and hear. `timeout_s` is for all of it; `most_bytes` of the answer are kept, and with them it
        ends."""
        if not private_addresses and not may_be_public(url):
            return Outcome(None, b"", "the URL names a private address", 0)
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        status, answer, error = None, bytearray(), ""
        request = self._sessions[not private_addresses].request(
            method, url, headers=headers, data=body, allow_redirects=False
        )
        try:
            async with asyncio.timeout(timeout_s), request as response:
                status = response.status
                async for chunk in response.content.iter_any():
                    answer += chunk[: most_bytes - len(answer)]
                    if len(answer) == most_bytes:
                        break
                response.close()
        except TimeoutError:
            error = f"no {'answer' if status is None else 'end of the answer'} within {timeout_s:g} s"
        except (aiohttp.ClientError, OSError, ValueError) as trouble:
            error = hide_secrets(f"{type(trouble).__name__}: {trouble}", url)
        return Outcome(status, bytes(answer), error, round((loop.time() - began_s) * 1000))

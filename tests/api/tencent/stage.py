"""Tencent's dialects on a real port, with a real catalog and control; recordings do what a test says."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta

from aiohttp import web
from api.tencent.sdk import TencentSdk
from api.tiny import Tiny
from api.vectors import KEY
from control.house import House

from engine.api.application import RUNNER_OPTIONS, application
from engine.api.dialect import Dialects
from engine.api.keys import Key, KeyRing
from engine.api.services import Services
from engine.api.tencent.dialect import Legacy, Tencent
from engine.media.civil_time import china_text

DOMAIN = "push.example.com"
PUBLIC = "http://files.example.com/f"
GUEST = Key("AKIDGUEST", "SECRETGUEST", ("guest.example.com",))
"""A key of one domain."""

WAYS = [
    ("POST", "TC3-HMAC-SHA256"),
    ("GET", "TC3-HMAC-SHA256"),
    ("POST", "HmacSHA1"),
    ("GET", "HmacSHA256"),
]
"""Each method and each signature of the SDK."""


@dataclass(kw_only=True)
class Stage(TencentSdk):
    """A server of both dialects, and its official client."""

    house: House

    def as_guest(self) -> Stage:
        """The same server, called with the key of one domain."""
        return replace(self, key=GUEST)

    def text(self, seconds: float) -> str:
        """China-time text of a moment so many seconds from now."""
        return china_text(self.house.clock() + timedelta(seconds=seconds))

    def unix(self, seconds: float = 0) -> int:
        return int(self.house.clock().timestamp() + seconds)


@asynccontextmanager
async def staged(house: House, *, domain: str = DOMAIN, **limits: int) -> AsyncIterator[Stage]:
    """The server, around an open house. Signatures are checked by the real clock, which the SDKs sign by."""
    services = Services(
        catalog=house.catalog,
        control=house.control,
        root=house.root,
        public_url=PUBLIC,
        domain=domain,
        now=house.clock,
        **limits,
    )
    dialects = Dialects(Tencent(services), Legacy(services), Tiny([]))
    runner = web.AppRunner(application(dialects, keys=KeyRing([KEY, GUEST])), **RUNNER_OPTIONS)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield Stage(house=house, port=runner.addresses[0][1])
    finally:
        await runner.cleanup()

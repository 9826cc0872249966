"""Aliyun's dialect on a real port, with a real catalog and control; recordings do what a test says."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from aiohttp import web
from api.aliyun.sdk import AliyunSdk
from api.tiny import Tiny
from api.vectors import KEY
from control.house import KEY as STREAM
from control.house import House
from waiting import until

from engine.api.aliyun import aliyun
from engine.api.application import RUNNER_OPTIONS, application
from engine.api.dialect import Dialects
from engine.api.keys import Key, KeyRing
from engine.api.rates import Rates
from engine.api.services import Services
from engine.control.streams import StreamKey
from engine.media.civil_time import iso_text

DOMAIN = STREAM.domain
PUBLIC = "http://files.example.com/f"
GUEST = Key("AKIDGUEST", "SECRETGUEST", ("guest.example.com",))
"""A key of one domain."""
PREFIX = "record/{AppName}/{StreamName}/{Sequence}_{EscapedStartTime}_{EscapedEndTime}"
SLICES = "record/{AppName}/{StreamName}/{UnixTimestamp}_{Sequence}"


@dataclass(kw_only=True)
class Stage(AliyunSdk):
    """A server of the dialect, and its official clients."""

    house: House

    def as_guest(self) -> Stage:
        """The same server, called with the key of one domain."""
        return replace(self, key=GUEST)

    def text(self, seconds: float) -> str:
        """A moment so many seconds from now."""
        return iso_text(self.house.clock() + timedelta(seconds=seconds))

    async def configure(self, **more: Any) -> None:
        """A configuration of all streams of the domain, of FLV unless `more` says otherwise."""
        await self.call("AddLiveAppRecordConfig", **{**config("flv"), **more})

    async def command(self, command: str) -> dict[str, Any]:
        return await self.call("RealTimeRecordCommand", **names(STREAM), Command=command)

    async def told(self, what: str, id: str) -> None:
        """Waits until the recorder was told to do that to a recording."""
        await until(lambda: (what, id) in self.house.fleet.told)


def names(key: StreamKey) -> dict[str, str]:
    return {"DomainName": key.domain, "AppName": key.app, "StreamName": key.stream}


def entry(format: str, **more: Any) -> dict[str, Any]:
    """A RecordFormat."""
    sliced = {"SliceOssObjectPrefix": SLICES, "SliceDuration": 10} if format in ("m3u8", "cmaf") else {}
    return {"Format": format, "OssObjectPrefix": PREFIX, **sliced, **more}


def config(*formats: str, **more: Any) -> dict[str, Any]:
    """Parameters of AddLiveAppRecordConfig."""
    return {
        "DomainName": DOMAIN,
        "AppName": "*",
        "OssBucket": "b",
        "OssEndpoint": "oss-cn-shanghai.aliyuncs.com",
        "RecordFormat": [entry(format) for format in formats],
        **more,
    }


@asynccontextmanager
async def staged(
    house: House, *, private_addresses: bool = True, rates: Rates | None = None
) -> AsyncIterator[Stage]:
    """The server, around an open house; `rates=None` counts no calls. Signatures are checked by the real
    clock, which the SDKs sign by."""
    services = Services(
        catalog=house.catalog,
        control=house.control,
        root=house.root,
        public_url=PUBLIC,
        private_addresses=private_addresses,
        now=house.clock,
    )
    dialects = Dialects(Tiny([]), Tiny([]), aliyun(services))
    app = application(dialects, keys=KeyRing([KEY, GUEST]), rates=rates or Rates(is_on=False))
    runner = web.AppRunner(app, **RUNNER_OPTIONS)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield Stage(house=house, port=runner.addresses[0][1])
    finally:
        await runner.cleanup()

"""What stories of the whole server share: settings made by SDK, and what must hold of files and callbacks."""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path
from typing import Any

import aiohttp
from oracle.packets import output_packets, source_packets
from oracle.playback import assert_f3
from serve.server import DOMAIN, Receiver, Server

CALLBACK_KEY = "callback-key"


async def settle(server: Server, receiver: Receiver, **template: Any) -> int:
    """A record template, a rule for the whole domain, and a receiver of every event; the template's id."""

    def call() -> int:
        urls = ("StreamBegin", "StreamEnd", "Record", "RecordStatus", "RecordException")
        members = {f"{name}NotifyUrl": f"{receiver.url}/{name}" for name in urls}
        told = server.tencent(
            "CreateLiveCallbackTemplate", TemplateName="told", CallbackKey=CALLBACK_KEY, **members
        )
        names = {"DomainName": DOMAIN, "AppName": "live"}
        server.tencent("CreateLiveCallbackRule", **names, TemplateId=told["TemplateId"])
        made = server.tencent("CreateLiveRecordTemplate", TemplateName="made", **template)
        server.tencent("CreateLiveRecordRule", DomainName=DOMAIN, TemplateId=made["TemplateId"])
        return int(made["TemplateId"])

    return await asyncio.to_thread(call)


def assert_signed(bodies: list[dict[str, Any]]) -> None:
    assert bodies
    for body in bodies:
        expected = hashlib.md5(f"{CALLBACK_KEY}{body['t']}".encode()).hexdigest()
        assert body["sign"] == expected


async def assert_found(server: Server, told: list[dict[str, Any]]) -> None:
    """SearchMedia knows every file that was told of, and a range of it can be had under its URL."""
    found = await asyncio.to_thread(
        server.tencent, "SearchMedia", StreamIds=["x"], SourceTypes=["Record"], Limit=100
    )
    assert {one["FileId"] for one in found["MediaInfoSet"]} == {body["file_id"] for body in told}
    by_id = {one["FileId"]: one for one in found["MediaInfoSet"]}
    async with aiohttp.ClientSession() as client:
        for body in told:
            assert by_id[body["file_id"]]["BasicInfo"]["MediaUrl"] == body["video_url"]
            async with client.get(body["video_url"], headers={"Range": "bytes=0-9"}) as answer:
                assert answer.status == 206
                assert len(await answer.read()) == 10


def path_of(server: Server, body: dict[str, Any]) -> Path:
    return server.root / body["video_url"].removeprefix(f"{server.url}/files/")


def assert_from_source(source: Path, path: Path) -> None:
    """Only what was pushed, frame by frame, and it plays."""
    sent = {packet.digest for packet in source_packets(source).packets}
    packets = output_packets(path).packets
    assert packets
    assert {packet.digest for packet in packets} <= sent
    assert_f3(path)

"""What outside origins tell of their publishers: real ones where Debian and npm have them, and the documented
messages of all."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from api.served import served
from origins.nginx_rtmp import nginx_rtmp
from origins.node_media_server import node_media_server
from origins.process import in_thread
from origins.push import push
from programs import modern_ffmpeg

from engine.api.hooks import add_hooks, domain_of
from engine.control.streams import StreamKey

Sample = Callable[[str], Path]
DOMAIN = "push.example.com"
KEY = StreamKey(DOMAIN, "live", "x")
OTHER = StreamKey("a.example.org", "live", "x")


@dataclass
class Heard:
    """Who wants to know, and remembers."""

    told: list[tuple[str, StreamKey, dict[str, str]]] = field(default_factory=list)

    async def push_began(self, key: StreamKey, **more: str) -> None:
        self.told.append(("began", key, more))

    async def push_ended(self, key: StreamKey) -> None:
        self.told.append(("ended", key, {}))

    async def until(self, count: int) -> None:
        async with asyncio.timeout(30):
            while len(self.told) < count:
                await asyncio.sleep(0.02)


def hooks(heard: Heard, secret: str = "s3") -> web.Application:
    app = web.Application()
    add_hooks(app, heard, secret=secret, domain=DOMAIN)
    return app


async def test_nginx_rtmp(sample: Sample, tmp_path: Path) -> None:
    heard = Heard()
    async with served(hooks(heard)) as url:
        where = f"{url}/hooks/nginx-rtmp?secret=s3"
        lines = (f"on_publish {where};", f"on_publish_done {where};")
        (tmp_path / "nginx").mkdir()
        async with in_thread(nginx_rtmp(tmp_path / "nginx", directives=lines)) as origin:
            target = origin.rtmp_url("live/x") + "?a=b&c=d%20e"
            async with in_thread(push(sample("h264_aac_bframes"), target, tmp_path, ffmpeg=modern_ffmpeg())):
                await heard.until(1)
            await heard.until(2)
    (_, key, more), ended = heard.told
    assert key == KEY
    assert more["source"] == "nginx-rtmp"
    assert more["client_ip"] == "127.0.0.1"
    assert "a=b" in more["params"]
    assert ended == ("ended", KEY, {})


async def test_node_media_server(sample: Sample, tmp_path: Path) -> None:
    heard = Heard()
    async with served(hooks(heard)) as url:
        where = f"{url}/hooks/node-media-server?secret=s3"
        (tmp_path / "node").mkdir()
        async with in_thread(node_media_server(tmp_path / "node", notify=where)) as origin:
            target = origin.rtmp_url("live/x") + "?a=b"
            async with in_thread(push(sample("h264_aac_bframes"), target, tmp_path, ffmpeg=modern_ffmpeg())):
                await heard.until(1)
            await heard.until(2)
    assert heard.told == [
        ("began", KEY, {"params": "a=b", "client_ip": "127.0.0.1", "source": "node-media-server"}),
        ("ended", KEY, {}),
    ]


SRS = {
    "server_id": "vid-1",
    "service_id": "s",
    "client_id": "9308h583",
    "ip": "10.0.0.9",
    "vhost": "__defaultVhost__",
    "app": "live",
    "stream": "x",
    "tcUrl": "rtmp://127.0.0.1/live",
    "stream_url": "/live/x",
}
ZLM = {"app": "live", "stream": "x", "vhost": "__defaultVhost__", "mediaServerId": "m"}
CASES: list[tuple[str, dict[str, Any], list[tuple[str, StreamKey, dict[str, str]]]]] = [
    (
        "srs",
        {**SRS, "action": "on_publish", "param": "?a=b&vhost=a.example.org"},
        [("began", OTHER, {"params": "a=b&vhost=a.example.org", "client_ip": "10.0.0.9", "source": "srs"})],
    ),
    ("srs", {**SRS, "action": "on_unpublish", "param": ""}, [("ended", KEY, {})]),
    ("srs", {**SRS, "action": "on_unpublish", "vhost": "a.example.org"}, [("ended", OTHER, {})]),
    ("srs", {**SRS, "action": "on_unpublish", "tcUrl": "rtmp://a.example.org/live"}, [("ended", OTHER, {})]),
    ("srs", {**SRS, "action": "on_play"}, []),
    (
        "zlmediakit",
        {**ZLM, "id": "1", "ip": "10.0.0.9", "params": "a=b", "port": 5, "schema": "rtmp"},
        [("began", KEY, {"params": "a=b", "client_ip": "10.0.0.9", "source": "zlmediakit"})],
    ),
    ("zlmediakit", {**ZLM, "regist": True, "schema": "rtmp"}, []),
    ("zlmediakit", {**ZLM, "regist": False, "schema": "rtmp"}, [("ended", KEY, {})]),
    ("zlmediakit", {**ZLM, "regist": False, "schema": "hls"}, []),
    (
        "mediamtx",
        {"event": "ready", "path": "live/x", "query": "a=b"},
        [("began", KEY, {"params": "a=b", "client_ip": "", "source": "mediamtx"})],
    ),
    ("mediamtx", {"event": "not_ready", "path": "live/x"}, [("ended", KEY, {})]),
    ("mediamtx", {"event": "not_ready", "path": "x"}, [("ended", KEY, {})]),
    ("node-media-server", {"action": "donePlay", "app": "live", "name": "x"}, []),
    ("nginx-rtmp", {"call": "play", "app": "live", "name": "x"}, []),
]


@pytest.mark.parametrize(("kind", "message", "told"), CASES)
@pytest.mark.parametrize("form", [False, True])
async def test_documented_messages(kind: str, message: dict[str, Any], told: list[Any], form: bool) -> None:
    if form and any(not isinstance(value, str) for value in message.values()):
        form = False  # only origins that speak JSON have such members
    heard = Heard()
    async with served(hooks(heard)) as url, aiohttp.ClientSession() as client:
        body = {"data": message} if form else {"json": message}
        async with client.post(f"{url}/hooks/{kind}?secret=s3", **body) as answer:
            assert answer.status == 200
            if kind in ("srs", "zlmediakit"):
                assert (await answer.json())["code"] == 0
    assert heard.told == told


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("srs", b"{}", 403),
        ("srs?secret=", b"{}", 403),
        ("srs?secret=s4", b"{}", 403),
        ("srs?secret=s3%c3%a9", b"{}", 403),
        ("flussonic?secret=s3", b"{}", 404),
        ("srs?secret=s3", b"{", 400),
        ("srs?secret=s3", b"[]", 400),
        ("srs?secret=s3", b"[" * 60_000, 400),
        ("srs?secret=s3", b"\xff", 400),
        ("srs?secret=s3", b'{"action": "on_publish"}', 400),
        ("srs?secret=s3", b'{"action": "on_publish", "app": 5, "stream": []}', 400),
        ("srs?secret=s3", b'{"action": "on_publish", "app": "l", "stream": "%s"}' % (b"x" * 5000), 400),
        ("srs?secret=s3", b" " * 70_000, 413),
        ("srs?secret=s3", b'{"action": 5}', 200),
    ],
)
async def test_refusals(path: str, body: bytes, status: int) -> None:
    heard = Heard()
    async with served(hooks(heard)) as url, aiohttp.ClientSession() as client:
        async with client.post(f"{url}/hooks/{path}", data=body) as answer:
            assert answer.status == status
        async with client.get(f"{url}/hooks/{path}") as answer:
            assert answer.status == 405
    assert heard.told == []


async def test_without_a_secret_every_hook_is_refused() -> None:
    async with (
        served(hooks(Heard(), secret="")) as url,
        aiohttp.ClientSession() as client,
        client.post(f"{url}/hooks/srs?secret=", json={"action": "on_play"}) as answer,
    ):
        assert answer.status == 403


@pytest.mark.parametrize(
    ("host", "domain"),
    [
        ("A.Example.org", "a.example.org"),
        ("127.0.0.1", DOMAIN),
        ("::1", DOMAIN),
        ("localhost", DOMAIN),
        ("__defaultVhost__", DOMAIN),
        ("", DOMAIN),
    ],
)
def test_addresses_name_no_domain(host: str, domain: str) -> None:
    assert domain_of(host, DOMAIN) == domain

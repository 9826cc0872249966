"""RTMP pull over sockets: what the origin is told, where redirects lead, how streams end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from batches import audio, audio_config, batch, video, video_config
from ingest.reading import file_rows, read_source, rows_of
from ingest.scripted_rtmp import RtmpClient, scripted_rtmp
from origins.scripted import Client, head, says_at_once

from engine.errors import (
    AccessDenied,
    BadResponse,
    ConnectFailed,
    MalformedRtmp,
    NotAStream,
    ReelError,
    StreamNotFound,
)
from engine.media.rtmp import text_field
from engine.origin import Origin

MEDIA = batch(
    video_config(0), audio_config(0), *(video(40 * n, key=n % 5 == 0) for n in range(20)), audio(810)
)


async def play_and_close(client: RtmpClient) -> None:
    """A stream of a few frames that ends with its connection."""
    await client.accept_play()
    await client.media(MEDIA)


async def test_query_strings_are_passed_on() -> None:
    async with scripted_rtmp(play_and_close) as origin:
        path = "live/room?vhost=v/x?txSecret=0a%2Fb&txTime=5F"
        url = origin.url("live/x?txSecret=0a%2Fb&txTime=5F")
        read = await read_source(url)
        assert (read.rows, read.error) == (rows_of(MEDIA), None)
        assert (await read_source(origin.url("live?vhost=v/x?" + path.partition("x?")[2]))).error is None
    (first, second) = origin.clients
    for client, app in ((first, "live"), (second, "live?vhost=v")):
        told = {command.name: command for command in client.commands}
        assert text_field(told["connect"].fields(2), "app") == app
        assert text_field(told["connect"].fields(2), "tcUrl") == f"rtmp://127.0.0.1:{origin.port}/{app}"
        assert told["play"].text(3) == "x?txSecret=0a%2Fb&txTime=5F"


async def test_complaints_keep_secrets() -> None:
    async def refuse(client: RtmpClient) -> None:
        await client.refuse("connect", {"code": "NetConnection.Connect.Rejected", "level": "error"})
        await client.gone()

    async with scripted_rtmp(refuse) as origin:
        url = origin.url("live/x?sign=secret").replace("rtmp://", "rtmp://me:password@")
        error = (await read_source(url)).error
    assert isinstance(error, AccessDenied)
    assert "secret" not in str(error)
    assert "password" not in str(error)


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("NetStream.Play.StreamNotFound", StreamNotFound),
        ("NetStream.Play.Failed", BadResponse),
    ],
)
@pytest.mark.parametrize("before", ["play", "createStream"])
async def test_play_refused(before: str, code: str, kind: type[ReelError]) -> None:
    async def refuse(client: RtmpClient) -> None:
        await client.answer("connect", {})
        await client.answer("createStream", 1.0)
        if before == "play":
            await client.call("play")
        await client.status(code, "error", description="gone")
        await client.gone()

    async with scripted_rtmp(refuse) as origin:
        read = await read_source(origin.url())
    assert read.rows == []
    assert type(read.error) is kind


async def test_ends_that_the_origin_announces() -> None:
    """The connection stays open: what it said must do."""
    for code in ("NetStream.Play.UnpublishNotify", "NetStream.Play.Stop", "NetStream.Play.Complete"):

        async def end(client: RtmpClient, code: str = code) -> None:
            await client.accept_play()
            await client.media(MEDIA)
            await client.status(code)
            await client.gone()

        async with scripted_rtmp(end) as origin:
            read = await read_source(origin.url())
        assert (read.rows, read.error) == (rows_of(MEDIA), None)


async def test_a_reset_keeps_everything_before_it() -> None:
    async def reset(client: RtmpClient) -> None:
        await client.accept_play()
        await client.media(MEDIA)
        client.writer.write(b"\x06\0\0\0\0\x40\0\x09")  # a message begins
        await client.writer.drain()
        await asyncio.sleep(0.3)  # or the reset overtakes what it should come behind
        Client.reset(client)  # type: ignore[arg-type]

    async with scripted_rtmp(reset) as origin:
        read = await read_source(origin.url())
    assert read.rows == rows_of(MEDIA)
    assert isinstance(read.error, ConnectFailed)
    assert "broke" in str(read.error)


async def test_malformed_bytes_keep_everything_before_them() -> None:
    async def lie(client: RtmpClient) -> None:
        await client.accept_play()
        await client.media(MEDIA)
        client.writer.write(b"\x02\0\0\0\0\0\4\1\0\0\0\0\0\0\0\0")  # a chunk size of 0
        await client.writer.drain()
        await client.gone()

    async with scripted_rtmp(lie) as origin:
        read = await read_source(origin.url())
    assert read.rows == rows_of(MEDIA)
    assert isinstance(read.error, MalformedRtmp)


async def test_an_origin_that_closes_before_it_plays() -> None:
    async def close(client: RtmpClient) -> None:
        await client.answer("connect", {})

    async with scripted_rtmp(close) as origin:
        error = (await read_source(origin.url())).error
    assert isinstance(error, ConnectFailed)
    assert "closed before it played" in str(error)


async def test_an_origin_that_speaks_http() -> None:
    async with says_at_once(head(status="400 Bad Request")) as port:
        error = (await read_source(f"rtmp://127.0.0.1:{port}/live/x")).error
    assert isinstance(error, NotAStream)


@pytest.mark.parametrize("where", ["connect", "play"])
async def test_redirects(where: str, sample: Callable[[str], Path]) -> None:
    """To another server, which has the stream; the query string goes along."""
    path = sample("h264_mp3")
    async with Origin([path], once=True, speed=0, wait_for_reader=True) as target:
        app = target.rtmp_url("live")

        async def redirect(client: RtmpClient) -> None:
            if where == "connect":
                code = "NetConnection.Connect.Rejected"
                await client.refuse("connect", {"code": code, "level": "error", "ex": {"redirect": app}})
            else:
                await client.answer("connect", {})
                await client.answer("createStream", 1.0)
                await client.call("play")
                await client.status("NetStream.Play.Failed", "error", redirect=f"{app}/h264_mp3")
            await client.gone()

        async with scripted_rtmp(redirect) as first:
            read = await read_source(first.url("live/h264_mp3?sign=1"))
    assert (read.rows, read.error) == (file_rows(path), None)


async def test_redirects_in_a_circle() -> None:
    async def redirect(client: RtmpClient) -> None:
        info = {"code": "NetConnection.Connect.Rejected", "ex": {"redirect": origin.url("live")}}
        await client.refuse("connect", info)
        await client.gone()

    async with scripted_rtmp(redirect) as origin:
        error = (await read_source(origin.url())).error
    assert isinstance(error, BadResponse)
    assert "more than 5 times" in str(error)
    assert len(origin.clients) == 6


@pytest.mark.parametrize("target", ["http://127.0.0.1/live", "rtmp://127.0.0.1:99999/live", "nowhere"])
async def test_redirects_that_lead_nowhere(target: str) -> None:
    async def redirect(client: RtmpClient) -> None:
        info = {"code": "NetConnection.Connect.Rejected", "ex": {"redirect": target}}
        await client.refuse("connect", info)
        await client.gone()

    async with scripted_rtmp(redirect) as origin:
        error = (await read_source(origin.url())).error
    assert isinstance(error, BadResponse)
    assert "wrong URL" in str(error)

"""Recording from node-media-server, over RTMP and HTTP-FLV, fed by ffmpeg."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from origins.node_media_server import EndOfPublish, node_media_server
from origins.process import in_thread
from origins.recorded import assert_recorded, record_push
from reel import Done

from engine.media import events


@pytest.fixture(scope="module")
def recorded(
    clip: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[EndOfPublish, tuple[Done, tuple[str, str]]]:
    """A push of each kind and the URLs it was recorded from; side by side, because they take real time."""

    async def one(end: EndOfPublish) -> tuple[Done, tuple[str, str]]:
        folder = tmp_path_factory.mktemp(end.name.lower())
        async with in_thread(node_media_server(folder, end)) as server:
            urls = server.rtmp_url("live/x"), server.http_url("live/x")
            done = await record_push(clip, urls[0], list(urls), folder, "--reconnect", "0", first=False)
            return done, urls

    async def all_of_them() -> list[tuple[Done, tuple[str, str]]]:
        return await asyncio.gather(*(one(end) for end in EndOfPublish))

    return dict(zip(EndOfPublish, asyncio.run(all_of_them()), strict=True))


@pytest.mark.parametrize("protocol", ["rtmp", "http"])
@pytest.mark.parametrize("end", EndOfPublish)
def test_a_push_is_recorded_to_its_end(
    end: EndOfPublish,
    protocol: str,
    clip: Path,
    recorded: dict[EndOfPublish, tuple[Done, tuple[str, str]]],
) -> None:
    """An end that is kept from players is noticed by the silence after it."""
    done, urls = recorded[end]
    done.assert_done()
    url = urls[protocol == "http"]
    assert_recorded(done, clip, url, joined_late=True)
    assert {event.reason for event in done.of(events.Finished)} == {"stream_ended"}

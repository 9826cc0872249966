"""Recording from nginx-rtmp, fed by ffmpeg: each way in which a stream ends there."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from origins.nginx_rtmp import EndOfPublish, nginx_rtmp
from origins.process import in_thread
from origins.recorded import assert_recorded, record_push
from reel import Done, reel

from engine.media import events

# With this ending, players are refused while nobody publishes, so the recorder joins late.
LATE = EndOfPublish.DISCONNECT


@pytest.fixture(scope="module")
def recorded(clip: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[EndOfPublish, tuple[Done, str]]:
    """A push of each kind and the URL it was recorded from; side by side, because they take real time."""

    async def one(end: EndOfPublish) -> tuple[Done, str]:
        folder = tmp_path_factory.mktemp(end.name.lower())
        async with in_thread(nginx_rtmp(folder, end)) as nginx:
            url = nginx.rtmp_url("live/x")
            first = end is not LATE
            return await record_push(clip, url, [url], folder, "--reconnect", "0", first=first), url

    async def all_of_them() -> list[tuple[Done, str]]:
        return await asyncio.gather(*(one(end) for end in EndOfPublish))

    return dict(zip(EndOfPublish, asyncio.run(all_of_them()), strict=True))


@pytest.mark.parametrize("end", EndOfPublish)
def test_a_push_is_recorded_to_its_end(
    end: EndOfPublish, clip: Path, recorded: dict[EndOfPublish, tuple[Done, str]]
) -> None:
    done, url = recorded[end]
    done.assert_done()
    (finished,) = done.of(events.Finished)
    assert finished.reason == "stream_ended"
    assert done.of(events.Warned) == []  # neither silence nor a broken connection ended it
    assert_recorded(done, clip, url, joined_late=end is LATE)


async def test_a_stream_that_nobody_publishes(tmp_path: Path) -> None:
    async with in_thread(nginx_rtmp(tmp_path, LATE)) as nginx:
        done = await reel("record", nginx.rtmp_url("live/x"), "--reconnect", "0", "-o", tmp_path / "out")
    done.assert_fails(3, nginx.rtmp_url("live/x"))


async def test_an_application_that_does_not_exist(tmp_path: Path) -> None:
    async with in_thread(nginx_rtmp(tmp_path)) as nginx:
        done = await reel("record", nginx.rtmp_url("nope/x"), "--reconnect", "0", "-o", tmp_path / "out")
    done.assert_fails(3, nginx.rtmp_url("nope/x"))

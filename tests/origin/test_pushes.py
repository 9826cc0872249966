"""What the origin tells of its publishers: each push once, with its parameters and why it ended."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from origins.process import in_thread, run_program
from origins.push import push
from programs import modern_ffmpeg

from engine.origin import Origin, OriginLimits, Push, PushEnd


@dataclass
class Heard:
    """A watch that remembers."""

    told: list[tuple[Push, PushEnd | None]] = field(default_factory=list)

    def began(self, push: Push) -> None:
        self.told.append((push, None))

    def ended(self, push: Push, end: PushEnd) -> None:
        self.told.append((push, end))


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.01)


async def test_a_push_is_told_of_with_its_parameters(footage: Path, tmp_path: Path) -> None:
    heard = Heard()
    async with Origin(http=None, watch=heard) as origin:
        url = origin.rtmp_url("live/x") + "?txSecret=1&a=b"
        code, _, _ = await run_program(
            *(modern_ffmpeg(), "-v", "error", "-i", str(footage), "-c", "copy", "-f", "flv"), url
        )
        assert code == 0
        await until(lambda: len(heard.told) == 2)
    told = Push("live/x", "127.0.0.1", "txSecret=1&a=b", "127.0.0.1")
    assert heard.told == [(told, None), (told, PushEnd.DELETE_STREAM)]


async def test_a_publisher_that_vanishes(footage: Path, tmp_path: Path) -> None:
    heard = Heard()
    async with (
        Origin(http=None, watch=heard) as origin,
        in_thread(push(footage, origin.rtmp_url("live/x"), tmp_path, ffmpeg=modern_ffmpeg())) as one,
    ):
        await until(lambda: len(heard.told) == 1)
        await asyncio.to_thread(one.vanish)
        await until(lambda: len(heard.told) == 2)
    assert heard.told[1][1] in (PushEnd.PEER_CLOSED, PushEnd.CONNECTION_LOST)


@pytest.mark.parametrize("by", ["order", "silence"])
async def test_a_push_that_we_cut(by: str, footage: Path, tmp_path: Path) -> None:
    heard = Heard()
    limits = OriginLimits(publisher_idle_s=0.5 if by == "silence" else 10)
    async with (
        Origin(http=None, watch=heard, limits=limits) as origin,
        in_thread(push(footage, origin.rtmp_url("live/x"), tmp_path, ffmpeg=modern_ffmpeg())) as one,
    ):
        await until(lambda: len(heard.told) == 1)
        if by == "order":
            assert origin.hub.drop("live/x")
            assert not origin.hub.drop("live/x")
            assert not origin.hub.published("live/x")
        else:
            one.freeze()
        await until(lambda: len(heard.told) == 2)
    assert [end for _, end in heard.told] == [None, PushEnd.CUT]


async def test_a_second_publisher_is_not_told_of(footage: Path, tmp_path: Path) -> None:
    heard = Heard()
    async with Origin(http=None, watch=heard) as origin:
        url = origin.rtmp_url("live/x")
        async with in_thread(push(footage, url, tmp_path, ffmpeg=modern_ffmpeg())):
            await until(lambda: len(heard.told) == 1)
            code, _, _ = await run_program(
                *(modern_ffmpeg(), "-v", "error", "-i", str(footage), "-c", "copy", "-f", "flv"), url
            )
            assert code != 0
            assert len(heard.told) == 1

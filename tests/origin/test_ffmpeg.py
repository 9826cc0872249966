"""ffmpeg pushes into the origin and plays from it."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from origins.footage import frames, read_flv
from origins.player import Player, play
from origins.process import PROGRAM_S, in_thread, run_program
from origins.push import push
from programs import modern_ffmpeg, need

from engine.ingest.rtmp_session import EndReason
from engine.origin import Origin, OriginLimits

pytestmark = pytest.mark.asyncio(loop_factories=["uvloop"])


async def probe(url: str) -> dict[str, dict[str, object]]:
    """Streams by their type, as Debian's ffprobe sees them."""
    code, out, err = await run_program(
        need("ffprobe"), "-v", "error", "-show_streams", "-print_format", "json", url
    )
    assert (code, err) == (0, "")
    return {stream["codec_type"]: stream for stream in json.loads(out)["streams"]}


@pytest.mark.parametrize("which", ["debian", "modern"])
async def test_ffmpeg_pushes_h264_and_ffmpeg_plays_it(footage: Path, tmp_path: Path, which: str) -> None:
    ffmpeg = need("ffmpeg") if which == "debian" else modern_ffmpeg()
    async with (
        Origin() as origin,
        in_thread(push(footage, origin.rtmp_url("some/app/x"), tmp_path, ffmpeg=ffmpeg)),
    ):
        for url in (origin.rtmp_url("some/app/x"), origin.http_url("some/app/x")):
            streams = await probe(url)
            assert (streams["video"]["codec_name"], streams["video"]["width"]) == ("h264", 320)
            assert streams["audio"]["codec_name"] == "aac"
            code, _, err = await run_program(
                ffmpeg, "-v", "error", "-xerror", "-i", url, "-t", "1", "-f", "null", "-"
            )
            assert (code, err) == (0, "")


async def test_ffmpeg_pushes_enhanced_hevc(hevc_footage: Path, tmp_path: Path) -> None:
    ffmpeg = modern_ffmpeg()
    async with (
        Origin() as origin,
        in_thread(push(hevc_footage, origin.rtmp_url("live/hevc"), tmp_path, ffmpeg=ffmpeg)),
    ):
        for url in (origin.rtmp_url("live/hevc"), origin.http_url("live/hevc")):
            code, _, err = await run_program(
                ffmpeg, "-v", "error", "-xerror", "-i", url, "-t", "1", "-f", "null", "-"
            )
            assert (code, err) == (0, "")
        playing = Player(origin.rtmp_url("live/hevc"))
        task = asyncio.create_task(playing.run())
        while not playing.media:
            await asyncio.sleep(0.01)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        (config,) = [body for kind, _, body in playing.media if kind == 9 and body[1:5] == b"hvc1"][:1]
        assert config[0] == 0x90  # keyframe, sequence start


async def test_what_ffmpeg_pushes_comes_out_unchanged(footage: Path, tmp_path: Path) -> None:
    async with Origin(http=None) as origin:
        url = origin.rtmp_url("live/x")
        async with in_thread(push(footage, url, tmp_path, ffmpeg=modern_ffmpeg(), loop=False)) as pushing:
            playing = await play(url)
            assert await asyncio.to_thread(pushing.wait, PROGRAM_S) == 0
        assert playing.end_reason is EndReason.UNPUBLISHED
        sent = [body for _, _, body in frames(read_flv(footage.read_bytes()))]
        got = [body for batch in playing.batches for _, _, body in frames(batch)]
        assert got == sent[sent.index(got[0]) :]


async def test_a_second_publisher_is_refused(footage: Path, tmp_path: Path) -> None:
    async with Origin([footage], http=None, speed=50) as origin:
        code, _, err = await run_program(
            *(modern_ffmpeg(), "-v", "error", "-re", "-i", str(footage), "-c", "copy", "-f", "flv"),
            origin.rtmp_url("live/clip"),
        )
        assert code != 0
        assert "NetStream.Publish.BadName" in err or "published already" in err
        assert origin.hub.published("live/clip")
        async with in_thread(push(footage, origin.rtmp_url("live/other"), tmp_path, ffmpeg=modern_ffmpeg())):
            assert origin.hub.published("live/other")


async def test_a_publisher_that_dies_ends_its_stream(footage: Path, tmp_path: Path) -> None:
    async with Origin() as origin:
        url = origin.rtmp_url("live/x")
        async with in_thread(push(footage, url, tmp_path, ffmpeg=modern_ffmpeg())) as pushing:
            player = Player(url)
            task = asyncio.create_task(player.run())
            while not player.batches:
                await asyncio.sleep(0.01)
            await asyncio.to_thread(pushing.vanish)
            await task
            assert player.end_reason is EndReason.UNPUBLISHED
        async with in_thread(push(footage, url, tmp_path, ffmpeg=modern_ffmpeg())):
            assert origin.hub.published("live/x")


async def test_a_publisher_that_falls_silent_loses_its_name(footage: Path, tmp_path: Path) -> None:
    async with Origin(http=None, limits=OriginLimits(publisher_idle_s=0.5)) as origin:
        url = origin.rtmp_url("live/x")
        async with in_thread(push(footage, url, tmp_path, ffmpeg=modern_ffmpeg())) as pushing:
            pushing.freeze()
            while origin.hub.published("live/x"):
                await asyncio.sleep(0.01)

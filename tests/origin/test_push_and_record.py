"""ffmpeg pushes into `reel origin`; ffprobe, ffmpeg and `reel record` play from it. All are processes."""

from __future__ import annotations

import asyncio
import json
import signal
from pathlib import Path

import pytest
from oracle.packets import output_packets, source_packets
from oracle.rules import assert_f1, assert_f2, assert_f3
from origins.process import in_thread
from origins.push import push
from programs import modern_ffmpeg, need
from reel import reel, running

from engine.media import events

LISTEN = ("origin", "--rtmp", "127.0.0.1:0", "--http", "127.0.0.1:0")
STREAM = "studio/one/main"
FORMATS = ("flv", "hls", "mp4", "aac")
PROBE_S = 30

pytestmark = pytest.mark.asyncio(loop_factories=["asyncio"])


async def probe(url: str) -> list[str]:
    """The codecs that ffprobe finds."""
    command = [need("ffprobe"), "-v", "error", "-show_streams", "-of", "json", url]
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    out, err = await asyncio.wait_for(process.communicate(), PROBE_S)
    assert (process.returncode, err) == (0, b"")
    return [stream["codec_name"] for stream in json.loads(out)["streams"]]


async def copy(url: str, to: Path) -> None:
    """ffmpeg records a stream to its end; of a response without a length it says EIO there."""
    command = [modern_ffmpeg(), "-v", "quiet", "-nostdin", "-i", url, "-c", "copy", str(to)]
    process = await asyncio.create_subprocess_exec(*command)
    assert await asyncio.wait_for(process.wait(), PROBE_S) == 0


@pytest.mark.parametrize("which", ["Debian's", "current"])
async def test_a_push_is_probed_copied_and_recorded(which: str, long_footage: Path, tmp_path: Path) -> None:
    ffmpeg = need("ffmpeg") if which == "Debian's" else modern_ffmpeg()
    options = ("-f", ",".join(FORMATS), "--hls-time", "1", "-o", tmp_path, "--json", "--reconnect", "0")
    async with running(*LISTEN) as origin:
        rtmp, http = (await origin.line()).replace("APP/NAME", STREAM).split()
        async with in_thread(push(long_footage, rtmp, tmp_path, ffmpeg=ffmpeg, loop=False)):
            done, by_rtmp, by_http, _ = await asyncio.gather(
                reel("record", rtmp, http, *options),
                probe(rtmp),
                probe(http),
                copy(http, tmp_path / "copy.flv"),
            )
        origin.send(signal.SIGTERM)
        (await origin.end()).assert_done()
    assert sorted(by_rtmp) == sorted(by_http) == ["aac", "h264"]
    source = source_packets(long_footage)
    assert_f1(source, tmp_path / "copy.flv", joined_late=True)
    done.assert_done()
    assert [event.reason for event in done.of(events.Finished)] == ["stream_ended"] * 2
    for format in FORMATS:
        first, second = done.files(format)
        for path in (first, second):
            how = {"joined_late": True, "first_cut": format != "aac"}
            assert_f1(source, path, **how)
            assert_f2(source, path, **how)
            assert_f3(path)
        assert output_packets(first).packets[-1].digest == output_packets(second).packets[-1].digest


async def test_an_enhanced_push(long_hevc_footage: Path, tmp_path: Path) -> None:
    """H.265 by FourCC, as current encoders send it."""
    options = ("-f", "flv,mp4,hls", "-o", tmp_path, "--json", "--reconnect", "0")
    async with running(*LISTEN) as origin:
        rtmp, http = (await origin.line()).replace("APP/NAME", STREAM).split()
        async with in_thread(push(long_hevc_footage, rtmp, tmp_path, ffmpeg=modern_ffmpeg(), loop=False)):
            done = await reel("record", http, *options)
    done.assert_done()
    for format in ("flv", "mp4", "hls"):
        (path,) = done.files(format)
        assert_f1(source_packets(long_hevc_footage), path, joined_late=True)
        assert_f3(path)

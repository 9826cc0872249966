"""Splicing of every format: a push that returns in time goes on in the file when its tracks are the same."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
from e2e.recordings import Recorded, Recorder
from oracle.ledger import gaps, stretches
from oracle.packets import Packet, output_packets
from oracle.rules import assert_f3, assert_playlist
from origins.troubled import Picture, Stream, troubled
from waiting import until

from engine.media import events
from engine.media.codecs import Format
from engine.record import Recording

Sample = Callable[[str], Path]
SAMPLE = "h264_aac_bframes"
EVERY = "flv,mp4,aac,hls"


async def live(recorder: Recorder, recording: Recording, times: int) -> None:
    """Wait until pushes were live so many times, and a little more."""
    await until(lambda: len(recorder.heard(recording, events.Live)) == times)
    await asyncio.sleep(1.2)


async def two_pushes(
    folder: Path,
    first: Picture,
    second: Picture,
    **fields: object,
) -> Recorded:
    """A push, an interruption, and another push whose clock begins elsewhere."""
    stream = Stream(first, start_ms=3_000_000)
    async with troubled({"x": stream}) as origin, Recorder(folder) as recorder:
        recording = recorder.start(
            origin.url("x"), format=EVERY, splice=20, splice_all=True, reconnect=20, hls_time=1, **fields
        )
        await live(recorder, recording, 1)
        stream.unpublish()
        await until(lambda: recording.status.state == "waiting")
        stream.publish(second)
        await live(recorder, recording, 2)
        recording.stop()
        (recorded,) = await recorder.ended()
    return recorded


def assert_smooth(packets: list[Packet]) -> None:
    """No step of the clock is larger than a few frames, and none goes back."""
    times = [packet.dts_ms for packet in packets]
    steps = [after - before for before, after in pairwise(times)]
    assert min(steps) >= 0
    assert max(steps) < 400, f"{max(steps)} ms at {times[steps.index(max(steps))]}"


@pytest.mark.parametrize("timestamps", ["original", "zero"])
async def test_one_file_of_each_format(timestamps: str, sample: Sample, tmp_path: Path) -> None:
    picture = Picture.of(sample(SAMPLE))
    recorded = await two_pushes(tmp_path, picture, picture, timestamps=timestamps)
    videos, audios = [], []
    for format in (Format.FLV, Format.MP4, Format.AAC, Format.HLS):
        (path,) = recorded.paths(format)
        assert_f3(path)
        missing = gaps(stretches([path]), longer_than_s=0.05)
        assert [gap.reason for gap in missing][-1:] == ["interrupted"]
        if format is Format.HLS:
            assert assert_playlist(path).segments[-1].run == 1
        held = output_packets(path)
        if format in (Format.FLV, Format.MP4):
            assert_smooth(held.video)
            assert_smooth(held.audio)
        videos.append([packet.digest for packet in held.video])
        audios.append([packet.digest for packet in held.audio])
    assert videos[0] == videos[1] == videos[3]
    assert videos[2] == []
    assert audios[0] == audios[1] == audios[2] == audios[3]
    assert len(recorded.of(events.FileFinished)) == 4


@pytest.mark.parametrize("second", ["h264_mp3", "video_only"])
async def test_other_tracks_begin_another_file(second: str, sample: Sample, tmp_path: Path) -> None:
    """HLS can say what changed and goes on (C3, C4)."""
    recorded = await two_pushes(tmp_path, Picture.of(sample(SAMPLE)), Picture.of(sample(second)))
    assert len(recorded.paths(Format.FLV)) == len(recorded.paths(Format.MP4)) == 2
    assert len(recorded.paths(Format.HLS)) == len(recorded.paths(Format.AAC)) == 1
    for path in [*recorded.paths(Format.FLV), *recorded.paths(Format.MP4), *recorded.paths(Format.HLS)]:
        assert_f3(path)


async def test_a_push_that_returns_too_late(sample: Sample, tmp_path: Path) -> None:
    stream = Stream(Picture.of(sample(SAMPLE)))
    async with troubled({"x": stream}) as origin, Recorder(tmp_path) as recorder:
        recording = recorder.start(
            origin.url("x"), format=EVERY, splice=1, splice_all=True, reconnect=20, hls_time=1
        )
        await live(recorder, recording, 1)
        stream.unpublish()
        await until(lambda: len(recorder.heard(recording, events.FileFinished)) == 4)  # S ran out
        stream.publish()
        await live(recorder, recording, 2)
        recording.stop()
        (recorded,) = await recorder.ended()
    for format in (Format.FLV, Format.MP4, Format.AAC, Format.HLS):
        assert len(recorded.paths(format)) == 2
        for path in recorded.paths(format):
            assert_f3(path)


async def test_the_size_counts_over_pushes(sample: Sample, tmp_path: Path) -> None:
    """Each push alone is smaller than a file may be."""
    stream = Stream(Picture.of(sample(SAMPLE)))
    split_bytes = 160 << 10
    async with troubled({"x": stream}) as origin, Recorder(tmp_path) as recorder:
        recording = recorder.start(
            origin.url("x"), format="flv", splice=20, splice_all=True, reconnect=20, split_size="160KiB"
        )
        push = 0
        while len(recorder.heard(recording, events.FileFinished)) < 1:
            push += 1
            await until(lambda push=push: len(recorder.heard(recording, events.Live)) == push)
            await asyncio.sleep(5)
            stream.unpublish()
            await until(lambda: recording.status.state == "waiting")
            stream.publish()
        recording.stop()
        (recorded,) = await recorder.ended()
    assert push >= 2
    first = recorded.paths(Format.FLV)[0]
    assert split_bytes <= first.stat().st_size < split_bytes * 1.5
    assert_f3(first)


async def test_the_interval_counts_over_pushes(sample: Sample, tmp_path: Path) -> None:
    """A stream that is interrupted all the time is cut all the same (C1)."""
    stream = Stream(Picture.of(sample(SAMPLE)))
    async with troubled({"x": stream}) as origin, Recorder(tmp_path) as recorder:
        recording = recorder.start(
            origin.url("x"), format="mp4", splice=20, splice_all=True, reconnect=20, interval=12
        )
        push = 0
        while len(recorder.heard(recording, events.FileFinished)) < 1:
            push += 1
            await until(lambda push=push: len(recorder.heard(recording, events.Live)) == push)
            await asyncio.sleep(5)
            stream.unpublish()
            await until(lambda: recording.status.state == "waiting")
            stream.publish()
        recording.stop()
        (recorded,) = await recorder.ended()
    first = output_packets(recorded.paths(Format.MP4)[0])
    lasted_ms = first.video[-1].dts_ms - first.video[0].dts_ms
    assert 12_000 <= lasted_ms < 16_000
    assert push >= 2

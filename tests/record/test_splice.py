"""C4: an HLS file stays open for a push that returns in time; other formats begin another file."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from e2e.recordings import Recorded, Recorder
from oracle import playlist
from oracle.ledger import gaps, stretches
from oracle.rules import assert_f3, assert_playlist
from origins.troubled import Picture, Stream, troubled

from engine.media import events
from engine.media.codecs import Format
from engine.record import Recording

Sample = Callable[[str], Path]
SAMPLE = "h264_aac_bframes"


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0.02)


async def live(recorder: Recorder, recording: Recording, times: int) -> None:
    """Wait until pushes were live so many times, and a little more."""
    await until(lambda: len(recorder.heard(recording, events.Live)) == times)
    await asyncio.sleep(1.2)


def assert_spliced(recorded: Recorded, pushes: int) -> Path:
    """One playlist with everything, told of once; a file for each push elsewhere."""
    (path,) = recorded.paths(Format.HLS)
    listed = assert_playlist(path)
    assert listed.segments[-1].run == pushes - 1
    assert_f3(path)
    flv = recorded.files(Format.FLV)
    assert len(flv) == pushes
    assert [p.digest for p in recorded.packets(path).packets if p.kind == "video"] == [
        packet.digest for file in flv for packet in file.video
    ]
    assert [p.digest for p in recorded.packets(path).packets if p.kind == "audio"] == [
        packet.digest for file in flv for packet in file.audio
    ]
    for file in recorded.paths(Format.FLV):
        assert_f3(file)
    return path


@pytest.mark.parametrize(
    "second", [SAMPLE, "h264_mp3", "video_only", "aac_only"], ids=["same", "mp3", "no audio", "no video"]
)
async def test_a_push_that_returns_in_time(second: str, sample: Sample, tmp_path: Path) -> None:
    stream = Stream(Picture.of(sample(SAMPLE)), start_ms=3_000_000)
    async with troubled({"x": stream}) as origin, Recorder(tmp_path) as recorder:
        recording = recorder.start(origin.url("x"), format="flv,hls", splice=20, reconnect=20, hls_time=1)
        await live(recorder, recording, 1)
        stream.unpublish()
        await until(lambda: len(recorder.heard(recording, events.FileFinished)) == 1)  # that of FLV
        stream.publish(Picture.of(sample(second)))
        await live(recorder, recording, 2)
        recording.stop()
        (recorded,) = await recorder.ended()
    path = assert_spliced(recorded, 2)
    assert recorded.of(events.FileFinished)[0].format is Format.FLV
    for file in (path, recorded.paths(Format.FLV)):
        missing = gaps(stretches([file] if isinstance(file, Path) else file))
        assert [gap.reason for gap in missing] == ["not_live", "interrupted"][-len(missing) :]
    assert [gap.reason for gap in recorded.of(events.GapClosed)] == ["not_live", "interrupted"]


async def test_a_push_that_returns_too_late(sample: Sample, tmp_path: Path) -> None:
    stream = Stream(Picture.of(sample(SAMPLE)))
    async with troubled({"x": stream}) as origin, Recorder(tmp_path) as recorder:
        recording = recorder.start(origin.url("x"), format="flv,hls", splice=1, reconnect=20)
        await live(recorder, recording, 1)
        stream.unpublish()
        await until(lambda: len(recorder.heard(recording, events.FileFinished)) == 2)  # S ran out
        stream.publish()
        await live(recorder, recording, 2)
        recording.stop()
        (recorded,) = await recorder.ended()
    first, second = recorded.paths(Format.HLS)
    for path in (first, second):
        assert_playlist(path)
        assert playlist.read(path).segments[-1].run == 0
        assert_f3(path)


async def test_without_splice_an_interruption_ends_the_file(sample: Sample, tmp_path: Path) -> None:
    stream = Stream(Picture.of(sample(SAMPLE)))
    async with troubled({"x": stream}) as origin, Recorder(tmp_path) as recorder:
        recording = recorder.start(origin.url("x"), format="hls", reconnect=20)
        await live(recorder, recording, 1)
        stream.unpublish()
        stream.publish()
        await live(recorder, recording, 2)
        recording.stop()
        (recorded,) = await recorder.ended()
    assert len(recorded.paths(Format.HLS)) == 2


async def test_splice_alone_is_patience_enough(sample: Sample, tmp_path: Path) -> None:
    """Without --reconnect a recording waits as long as its splice lasts, and its file is finished then."""
    stream = Stream(Picture.of(sample(SAMPLE)))
    async with troubled({"x": stream}) as origin, Recorder(tmp_path) as recorder:
        recording = recorder.start(origin.url("x"), format="hls", reconnect=0, splice=1.5)
        await live(recorder, recording, 1)
        stream.unpublish()
        (recorded,) = await recorder.ended()
    assert recorded.outcome.error is None
    assert len(recorded.paths(Format.HLS)) == 1
    assert recorded.of(events.Finished)[0].reason == "stream_ended"


async def test_three_pushes(sample: Sample, tmp_path: Path) -> None:
    stream = Stream(Picture.of(sample(SAMPLE)))
    async with troubled({"x": stream}) as origin, Recorder(tmp_path) as recorder:
        recording = recorder.start(origin.url("x"), format="flv,hls", splice=20, reconnect=20, hls_time=1)
        for push in range(3):
            await live(recorder, recording, push + 1)
            if push < 2:
                stream.unpublish()
                await asyncio.sleep(0.3)
                stream.publish()
        recording.stop()
        (recorded,) = await recorder.ended()
    assert_spliced(recorded, 3)

"""A recording that is paused lets go of the stream, says so in its ledger, and goes on when it is resumed;
one that is to finish reads its connection to the end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from e2e.live import assert_accounted
from e2e.recordings import Recorder
from oracle.ledger import gaps, stretches
from oracle.rules import assert_f3
from origins.troubled import Picture, Stream, troubled
from waiting import until

from engine.media import events
from engine.media.codecs import Format
from engine.record import Recording

Sample = Callable[[str], Path]
SAMPLE = "h264_aac_bframes"
SLACK_S = 0.75


async def live(recorder: Recorder, recording: Recording, times: int) -> None:
    """Wait until it was live so many times, and a little more."""
    await until(lambda: len(recorder.heard(recording, events.Live)) == times)
    await asyncio.sleep(1.2)


@pytest.mark.parametrize("splice", [0, 30])
async def test_a_pause_of_a_live_stream(splice: float, sample: Sample, tmp_path: Path) -> None:
    """With a splice time one file holds both sides of the pause; without, there are two."""
    stream = Stream(Picture.of(sample(SAMPLE)))
    async with troubled({"x": stream}) as origin, Recorder(tmp_path) as recorder:
        recording = recorder.start(
            origin.url("x"), format="flv,mp4,hls", splice=splice, splice_all=True, reconnect=0
        )
        await live(recorder, recording, 1)
        recording.pause()
        await until(lambda: recording.status.state == "waiting")
        await asyncio.sleep(2.5)
        assert recording.status.state == "waiting"  # though it has no patience with origins
        recording.resume()
        await live(recorder, recording, 2)
        recording.stop()
        (recorded,) = await recorder.ended()
    assert recorded.outcome.error is None
    for format in (Format.FLV, Format.MP4, Format.HLS):
        paths = recorded.paths(format)
        assert len(paths) == (1 if splice else 2)
        for path in paths:
            assert_f3(path)
        missing = gaps(stretches(paths), longer_than_s=0.5)
        assert [gap.reason for gap in missing][-1:] == ["paused"]
        if not splice:
            assert_accounted(stream, paths, SLACK_S)
    closed = [event.reason for event in recorded.of(events.GapClosed)]
    assert closed[-1] == "paused"
    assert [event.reason for event in recorded.of(events.Finished)] == ["stopped"]


async def test_files_of_a_long_pause_are_finished(sample: Sample, tmp_path: Path) -> None:
    stream = Stream(Picture.of(sample(SAMPLE)))
    async with troubled({"x": stream}) as origin, Recorder(tmp_path) as recorder:
        recording = recorder.start(origin.url("x"), format="flv,mp4", splice=1, splice_all=True)
        await live(recorder, recording, 1)
        recording.pause()
        await until(lambda: len(recorder.heard(recording, events.FileFinished)) == 2)
        assert recording.status.state == "waiting"
        recording.resume()
        await live(recorder, recording, 2)
        recording.stop()
        (recorded,) = await recorder.ended()
    assert len(recorded.of(events.FileFinished)) == 4


async def test_what_was_paused_can_be_stopped(sample: Sample, tmp_path: Path) -> None:
    """And what was paused before it began records nothing."""
    stream = Stream(Picture.of(sample(SAMPLE)))
    async with troubled({"x": stream}) as origin, Recorder(tmp_path) as recorder:
        begun = recorder.start(origin.url("x"), format="mp4", splice=30, splice_all=True)
        held = recorder.start(origin.url("x"), format="mp4")
        held.pause()
        await live(recorder, begun, 1)
        begun.pause()
        await until(lambda: begun.status.state == "waiting")
        assert not recorder.heard(held, events.Connecting)
        begun.stop()
        held.stop()
        first, second = await recorder.ended()
    assert len(first.paths(Format.MP4)) == 1
    assert not second.of(events.FileFinished)
    for recorded in (first, second):
        assert recorded.outcome.error is None
        assert [event.reason for event in recorded.of(events.Finished)] == ["stopped"]


async def test_a_pause_while_nobody_publishes(sample: Sample, tmp_path: Path) -> None:
    """The gap is due to the missing publisher, then to the pause, then to the publisher again."""
    stream = Stream(Picture.of(sample(SAMPLE)))
    async with troubled({"x": stream}) as origin, Recorder(tmp_path) as recorder:
        recording = recorder.start(origin.url("x"), format="flv", reconnect=60)
        await live(recorder, recording, 1)
        stream.unpublish()
        await until(lambda: recording.status.state == "waiting")
        await asyncio.sleep(0.7)
        recording.pause()
        await asyncio.sleep(0.7)
        attempts = len(recorder.heard(recording, events.Connecting))
        recording.resume()
        await until(lambda: len(recorder.heard(recording, events.Connecting)) >= attempts + 2)
        stream.publish()
        await live(recorder, recording, 2)
        recording.stop()
        (recorded,) = await recorder.ended()
    missing = [gap.reason for gap in gaps(stretches(recorded.paths(Format.FLV)), longer_than_s=0.2)]
    assert missing[-3:] == ["interrupted", "paused", "interrupted"]


async def test_finish_reads_to_the_end(sample: Sample, tmp_path: Path) -> None:
    """The push is over, and what the origin still holds of it is recorded."""
    stream = Stream(Picture.of(sample(SAMPLE)))
    async with troubled({"x": stream}) as origin, Recorder(tmp_path) as recorder:
        recording = recorder.start(origin.url("x"), format="flv", reconnect=60)
        await live(recorder, recording, 1)
        recording.finish()
        await asyncio.sleep(0.5)
        stream.unpublish()
        (recorded,) = await recorder.ended()
    (path,) = recorded.paths(Format.FLV)
    told = assert_accounted(stream, [path], SLACK_S)
    assert told[-1].end >= stream.made[-1].at - (stream.made[-1].at - stream.made[-2].at) * 3
    assert [event.reason for event in recorded.of(events.Finished)] == ["stopped"]
    assert len(recorded.of(events.Connecting)) == 1


async def test_finish_waits_no_longer_than_its_time(
    sample: Sample, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.record.recording.FINISH_S", 1.0)
    stream = Stream(Picture.of(sample(SAMPLE)))
    async with troubled({"x": stream}) as origin, Recorder(tmp_path) as recorder:
        recording = recorder.start(origin.url("x"), format="flv", reconnect=60)
        await live(recorder, recording, 1)
        recording.finish()
        (recorded,) = await recorder.ended()  # though the stream goes on
    assert [event.reason for event in recorded.of(events.Finished)] == ["stopped"]


async def test_finish_without_a_connection_is_the_end(sample: Sample, tmp_path: Path) -> None:
    stream = Stream(Picture.of(sample(SAMPLE)))
    async with troubled({"x": stream}) as origin, Recorder(tmp_path) as recorder:
        recording = recorder.start(origin.url("x"), format="flv", reconnect=60)
        await live(recorder, recording, 1)
        stream.unpublish()
        await until(lambda: recording.status.state == "waiting")
        recording.finish()
        (recorded,) = await recorder.ended()
    assert [event.reason for event in recorded.of(events.Finished)] == ["stopped"]


async def test_a_recording_that_waits_is_told_that_its_stream_is_back(
    sample: Sample, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However long it would have waited."""
    monkeypatch.setattr("engine.record.recording.Backoff.next_s", lambda _: 3600.0)
    stream = Stream(Picture.of(sample(SAMPLE)))
    async with troubled({"x": stream}) as origin, Recorder(tmp_path) as recorder:
        recording = recorder.start(origin.url("x"), format="hls", splice=3600)
        await live(recorder, recording, 1)
        stream.unpublish()
        await until(lambda: recording.status.state == "waiting")
        stream.publish()
        recording.resume()
        await live(recorder, recording, 2)
        recording.stop()
        (recorded,) = await recorder.ended()
    assert len(recorded.paths(Format.HLS)) == 1

"""Many recordings in one worker: each gets its own stream whole, whatever happens to the others."""

from __future__ import annotations

import pytest
from e2e.recordings import Recorder, pull_all, run
from oracle.packets import source_packets
from oracle.samples import CAPTURES, VALID_SAMPLES

from engine.errors import MalformedFlv, StreamNotFound, UnsupportedCodec
from engine.media.codecs import Format
from engine.origin import Origin


@pytest.mark.parametrize("protocol", ["rtmp", "http-flv"])
def test_every_stream_at_once(protocol, sample, shared_media, tmp_path):
    sources = [sample(name) for name in VALID_SAMPLES]
    sources += [shared_media / f"{name}.flv" for name in CAPTURES]
    recordings = run(pull_all(sources, protocol, tmp_path, format="flv,mp4,hls"))
    assert len(recordings) == len(sources)
    for source, recorded in zip(sources, recordings, strict=True):
        packets = source_packets(source)
        assert recorded.outcome.error is None
        assert recorded.formats >= {Format.FLV, Format.MP4}
        for format in recorded.formats:
            recorded.assert_correct(packets, format, plays=False)


def test_the_same_stream_many_times(sample, tmp_path):
    """Readers of one stream, paced, each with other options."""
    source = sample("h264_aac_bframes")
    packets = source_packets(source)

    async def record():
        async with (
            Origin([source], once=True, speed=8, wait_for_reader=True) as origin,
            Recorder(tmp_path) as recorder,
        ):
            stream = origin.streams[0]
            for number in range(12):
                url = origin.rtmp_url(stream) if number % 2 else origin.http_url(stream)
                recorder.start(url, format="flv,mp4,hls,aac", timestamps="zero" if number % 3 else "original")
            return await recorder.ended()

    for number, recorded in enumerate(run(record())):
        assert recorded.outcome.error is None
        for format in (Format.FLV, Format.MP4, Format.HLS):
            timestamps = "zero" if number % 3 else "original"
            recorded.assert_correct(packets, format, timestamps=timestamps, plays=False, joined_late=True)


def test_a_failure_is_that_of_one_recording_alone(sample, tmp_path):
    good, damaged, foreign = (sample(n) for n in ("h264_mp3", "invalid/truncated.flv", "invalid/vp6.flv"))

    async def record():
        async with (
            Origin([good, foreign], once=True, speed=0, wait_for_reader=True) as origin,
            Recorder(tmp_path) as recorder,
        ):
            recorder.start(origin.rtmp_url("live/nobody"))
            recorder.start(origin.http_url("live/nobody"))
            recorder.start(f"{damaged.as_uri()}?speed=0")
            recorder.start(origin.rtmp_url("live/vp6"))
            recorder.start(origin.http_url("live/h264_mp3"), format="flv,hls,mp4,mp3")
            return await recorder.ended()

    *failed, whole = run(record())
    kinds = [type(recorded.outcome.error) for recorded in failed]
    assert kinds == [StreamNotFound, StreamNotFound, MalformedFlv, UnsupportedCodec]
    assert [recorded.outcome.exit_code for recorded in failed] == [3, 3, 1, 4]
    assert whole.outcome.error is None
    for format in (Format.FLV, Format.HLS, Format.MP4, Format.MP3):
        whole.assert_correct(source_packets(good), format)
    for recorded in failed:
        for path in recorded.paths(Format.FLV):
            assert recorded.packets(path).packets

"""Every sample and every real capture, over every protocol, into every format the matrix allows, from one
pull: F1, F2, F3, F4 (the first cut point) and C5 of recording.md."""

from __future__ import annotations

from pathlib import Path

import pytest
from e2e.matrix import allowed, refusal_names
from e2e.recordings import EVERY_FORMAT, PROTOCOLS, Recorder, pull, run, url_of
from e2e.sources import AUDIO, VIDEO, Tag, delayed, is_frame, media_of, tags_of, without, write
from oracle.packets import source_packets
from oracle.samples import VALID_SAMPLES

from engine.media.codecs import Format
from engine.origin import Origin

HLS_SEGMENT = {"rtmp": "ts", "http-flv": "fmp4", "file": "auto"}
PLAYED = {"rtmp": set(Format), "http-flv": {Format.HLS}, "file": set()}  # decoding twice shows nothing new


def check(source: Path, protocol: str, folder: Path) -> None:
    packets = source_packets(source)
    codecs = {packet.codec for packet in packets.packets}
    recorded = pull(source, protocol, folder, format=EVERY_FORMAT, hls_segment=HLS_SEGMENT[protocol])
    assert recorded.outcome.error is None
    expected = {format for format in Format if allowed(codecs, format)}
    assert recorded.formats == expected
    for format in expected:
        assert len(recorded.paths(format)) == 1
        recorded.assert_correct(packets, format, plays=format in PLAYED[protocol])
    if Format.HLS in expected:
        auto = "fmp4" if codecs & {"h265", "opus"} else "ts"
        segment = HLS_SEGMENT[protocol]
        assert recorded.files(Format.HLS)[0].container == (auto if segment == "auto" else segment)
    refused = recorded.warnings("unsupported_codec")
    assert {warning.format for warning in refused} == set(Format) - expected
    for warning in refused:
        for name in refusal_names(codecs, warning.format):
            assert name in warning.message


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("name", VALID_SAMPLES)
def test_samples(name, protocol, sample, tmp_path):
    check(sample(name), protocol, tmp_path)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_captures(capture, protocol, tmp_path):
    check(capture, protocol, tmp_path)


@pytest.mark.parametrize("segment", ["ts", "fmp4"])
@pytest.mark.parametrize("protocol", ["rtmp", "http-flv"])
def test_paced(protocol, segment, sample, tmp_path):
    """Frames that come at their time make many small batches, which whole files do not."""
    sources = [sample(name) for name in ("h264_mp3", "h265_enhanced_aac", "av1_opus", "h264_opus_id13")]

    async def record():
        async with (
            Origin(sources, once=True, speed=8, wait_for_reader=True) as origin,
            Recorder(tmp_path) as recorder,
        ):
            for stream in origin.streams:
                url = url_of(origin, protocol, stream)
                recorder.start(url, format=EVERY_FORMAT, hls_segment=segment)
            return await recorder.ended()

    for source, recorded in zip(sources, run(record()), strict=True):
        assert recorded.outcome.error is None
        for format in recorded.formats:
            recorded.assert_correct(source_packets(source), format, plays=False)


def quiet_for_a_while(tags: list[Tag]) -> list[Tag]:
    """No audio between 2.5 and 5.7 s."""
    return without(tags, lambda tag: tag.kind == AUDIO and 2500 < tag.timestamp_ms < 5700)


def still_pictures(tags: list[Tag]) -> list[Tag]:
    """A picture every three seconds."""

    def between(tag: Tag) -> bool:
        return (
            tag.kind == VIDEO and is_frame(tag) and not (media_of(tag).key and tag.timestamp_ms % 3000 == 0)
        )

    return without(tags, between)


def late_audio(tags: list[Tag]) -> list[Tag]:
    """Audio that arrives 300 ms behind its video."""
    return delayed(tags, AUDIO, 300)


def late_video(tags: list[Tag]) -> list[Tag]:
    """Video that arrives 300 ms behind its audio."""
    return delayed(tags, VIDEO, 300)


@pytest.mark.parametrize("segment", ["ts", "fmp4"])
@pytest.mark.parametrize("shape", [quiet_for_a_while, still_pictures, late_audio, late_video])
def test_uneven_streams(shape, segment, sample, tmp_path):
    """Tracks that pause, or that do not arrive side by side."""
    source = write(tmp_path / "uneven.flv", shape(tags_of(sample("h264_aac_bframes"))))
    packets = source_packets(source)
    recorded = pull(source, "rtmp", tmp_path, format="flv,hls,mp4,aac", hls_segment=segment)
    assert recorded.outcome.error is None
    for format in recorded.formats:
        recorded.assert_correct(packets, format)

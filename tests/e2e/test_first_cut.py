"""F4: where a recording begins, and tracks that never come, come late, or are not wanted."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from e2e.recordings import EVERY_FORMAT, Recorder, pull, run, url_of
from e2e.sources import (
    AUDIO,
    PROMISES_BOTH,
    VIDEO,
    Tag,
    delayed,
    is_frame,
    only,
    tags_of,
    without,
    write,
)
from oracle import flv
from oracle.packets import source_packets

from engine.media.codecs import Format
from engine.media.events import CodecChanged, Live
from engine.origin import Origin

POLL_S = 0.01
WITHOUT_MP3 = set(Format) - {Format.MP3}


@pytest.mark.parametrize("protocol", ["rtmp", "http-flv"])
def test_a_stream_joined_late_begins_at_the_last_keyframe(protocol, sample, tmp_path):
    source = sample("h264_aac_bframes")
    packets = source_packets(source)

    async def record():
        async with (
            Origin([source], once=True, speed=4, wait_for_reader=True) as origin,
            Recorder(tmp_path) as recorder,
        ):
            url = url_of(origin, protocol, origin.streams[0])
            first = recorder.start(url, format=EVERY_FORMAT)
            while first.status.recorded_ms < 2500:
                await asyncio.sleep(POLL_S)
            recorder.start(url, format=EVERY_FORMAT, hls_segment="fmp4")
            return await recorder.ended()

    whole, late = run(record())
    for recorded, how in ((whole, {}), (late, {"joined_late": True})):
        assert recorded.outcome.error is None
        assert recorded.formats == WITHOUT_MP3
        for format in recorded.formats - {Format.AAC}:
            recorded.assert_correct(packets, format, **how)
    first_key = next(packet for packet in packets.video if packet.key)
    (joined,) = late.files(Format.FLV)
    assert joined.video[0].dts_ms >= first_key.dts_ms + 2000
    (audio,) = late.files(Format.AAC)
    assert [p.digest for p in audio.audio] == [p.digest for p in joined.audio]


@pytest.mark.parametrize("late_ms", [0, 300, -300])
@pytest.mark.parametrize("timestamps", ["original", "zero"])
def test_begins_at_the_first_keyframe_with_the_audio_of_that_moment(late_ms, timestamps, sample, tmp_path):
    """A stream that is joined in the middle of a GOP, its audio in step, behind and ahead."""
    tags = delayed(tags_of(sample("h264_aac_bframes")), AUDIO, late_ms)
    source = write(tmp_path / "mid.flv", without(tags, lambda tag: is_frame(tag) and tag.timestamp_ms < 500))
    packets = source_packets(source)
    recorded = paced(source, tmp_path, format=EVERY_FORMAT, timestamps=timestamps)
    assert recorded.formats == WITHOUT_MP3
    key = next(packet for packet in packets.video if packet.key)
    for format in recorded.formats:
        recorded.assert_correct(packets, format, timestamps=timestamps)
    (file,) = recorded.files(Format.FLV)
    (live,) = recorded.of(Live)
    assert file.video[0].digest == key.digest
    of_that_moment = next(packet for packet in packets.audio if packet.dts_ms >= key.dts_ms)
    assert file.audio[0].digest == of_that_moment.digest
    assert live.first_dts_ms == key.dts_ms
    if timestamps == "original":
        assert min(packet.dts_ms for packet in file.packets) == key.dts_ms


def paced(source: Path, folder: Path, **fields):
    """Record a file whose frames come one after the other, sixteen times as fast as they are."""

    async def record():
        async with (
            Origin([source], once=True, speed=16, wait_for_reader=True) as origin,
            Recorder(folder) as recorder,
        ):
            recorder.start(origin.rtmp_url(origin.streams[0]), **fields)
            return (await recorder.ended())[0]

    recorded = run(record())
    assert recorded.outcome.error is None
    return recorded


@pytest.mark.parametrize("with_header", [False, True], ids=["metadata", "metadata and header"])
@pytest.mark.parametrize("missing", [AUDIO, VIDEO])
def test_a_promised_track_that_never_comes(missing, with_header, sample, tmp_path):
    """The recording is live long before the stream ends, and holds the other track whole."""
    tags = without(
        tags_of(sample("h264_aac_bframes")),
        lambda tag: tag.kind == missing and (is_frame(tag) or not with_header),
    )
    source = write(tmp_path / "half.flv", tags, PROMISES_BOTH)
    packets = source_packets(source)

    async def record():
        async with (
            Origin([source], once=True, speed=6, wait_for_reader=True) as origin,
            Recorder(tmp_path) as recorder,
        ):
            stream = origin.streams[0]
            recording = recorder.start(origin.rtmp_url(stream), format="flv,hls,mp4,aac")
            while not recorder.heard(recording, Live):
                await asyncio.sleep(POLL_S)
            assert origin.hub.published(stream), "it began only when the stream had ended"
            return (await recorder.ended())[0]

    recorded = run(record())
    assert recorded.outcome.error is None
    (live,) = recorded.of(Live)
    assert [track.kind for track in live.tracks] == ["audio" if missing == VIDEO else "video"]
    formats = {Format.FLV, Format.HLS, Format.MP4} | ({Format.AAC} if missing == VIDEO else set())
    assert recorded.formats == formats
    for format in formats:
        assert len(recorded.paths(format)) == 1
        recorded.assert_correct(packets, format)
    (path,) = recorded.paths(Format.FLV)
    assert ("audiocodecid" if missing == AUDIO else "videocodecid") not in flv.read(path).metadata()


@pytest.mark.parametrize("segment", ["ts", "fmp4"])
@pytest.mark.parametrize(("late", "from_ms"), [(AUDIO, 3980), (AUDIO, 3300), (VIDEO, 3980)])
def test_a_track_that_appears_later(late, from_ms, segment, sample, tmp_path):
    """A new file everywhere; HLS goes on behind a discontinuity, at the next keyframe."""

    def too_early(tag: Tag) -> bool:
        return tag.kind == late and tag.timestamp_ms < from_ms

    tags = tags_of(sample("h264_aac_bframes"))
    header = next(tag for tag in only(tags, late) if not is_frame(tag))
    tags = without(tags, too_early)
    first = next(n for n, tag in enumerate(tags) if tag.kind == late)
    tags.insert(first, Tag(late, tags[first].timestamp_ms, header.body))
    source = write(tmp_path / "late.flv", tags)
    packets = source_packets(source)
    recorded = pull(source, "rtmp", tmp_path, format="flv,hls,mp4", hls_segment=segment)
    assert recorded.outcome.error is None
    assert len(recorded.of(CodecChanged)) == 1
    for format in (Format.FLV, Format.MP4):
        before, after = recorded.files(format)
        assert before.audio if late == VIDEO else not before.audio
        assert before.video if late == AUDIO else not before.video
        assert after.audio
        assert after.video
        recorded.assert_correct(packets, format, first_cut=False)
    (hls,) = recorded.files(Format.HLS)
    assert {packet.span for packet in hls.packets} == {0, 1}
    recorded.assert_correct(packets, Format.HLS, first_cut=False)


@pytest.mark.parametrize("interval", [None, 2])
@pytest.mark.parametrize("name", ["h264_aac_bframes", "h264_opus", "h264_mp3"])
def test_type_audio(name, interval, sample, tmp_path):
    """The audio alone, from its first packet."""
    packets = source_packets(sample(name))
    order = {"format": EVERY_FORMAT, "type": "audio", "interval": interval, "hls_segment": "auto"}
    recorded = pull(sample(name), "rtmp", tmp_path, **order)
    assert recorded.outcome.error is None
    (live,) = recorded.of(Live)
    assert [track.kind for track in live.tracks] == ["audio"]
    assert recorded.formats >= {Format.FLV, Format.HLS, Format.MP4}
    for format in recorded.formats:
        assert len(recorded.paths(format)) == 1 if interval is None else 4 <= len(recorded.paths(format)) <= 5
        recorded.assert_correct(packets, format, first_cut=False, tracks=["audio"])


def test_type_audio_takes_the_audio_of_video_that_no_format_holds(sample, tmp_path):
    """Video that is not recorded is not asked about."""
    tags = tags_of(sample("h264_aac_bframes"))
    vp6 = [tag for tag in tags_of(sample("invalid/vp6.flv")) if tag.kind == VIDEO]
    mixed = sorted([*only(tags, AUDIO), *vp6], key=lambda tag: tag.timestamp_ms)
    source = write(tmp_path / "mixed.flv", mixed)
    recorded = pull(source, "http-flv", tmp_path, format="flv,mp4", type="audio")
    assert recorded.outcome.error is None
    for format in (Format.FLV, Format.MP4):
        recorded.assert_correct(source_packets(source), format, first_cut=False, tracks=["audio"])

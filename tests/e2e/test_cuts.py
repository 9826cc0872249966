"""`interval` (C1): files begin with configuration and a keyframe, nothing is lost or doubled at a cut."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest
from e2e.matrix import allowed
from e2e.recordings import EVERY_FORMAT, Recorded, pull
from e2e.sources import AUDIO, delayed, only, tags_of, without, write
from oracle.packets import Recording, source_packets

from engine.media.codecs import Format

INTERVAL_S = 2
WAYS = [("rtmp", "original", "ts"), ("http-flv", "zero", "fmp4")]


def cut(
    source: Path, folder: Path, protocol: str, timestamps: str, segment: str, interval: float = INTERVAL_S
) -> Recorded:
    recorded = pull(
        source,
        protocol,
        folder,
        format=EVERY_FORMAT,
        interval=interval,
        timestamps=timestamps,
        hls_segment=segment,
    )
    assert recorded.outcome.error is None
    return recorded


def cut_points_ms(source: Recording) -> list[Fraction]:
    """C1: where files begin, after the first: the first keyframe at or after `interval`, each time."""
    packets = source.video or source.audio
    start_ms = next(packet.dts_ms for packet in packets if packet.key)
    points = []
    for packet in packets:
        if packet.key and packet.dts_ms - start_ms >= INTERVAL_S * 1000:
            start_ms = packet.dts_ms
            points.append(start_ms)
    return points


def assert_cut_where_due(source: Recording, recorded: Recorded, format: Format) -> None:
    """Every file begins at its cut point, with the audio that belongs behind it in time."""
    files = recorded.files(format)
    points = cut_points_ms(source)
    assert len(points) >= 2
    assert len(files) == len(points) + 1
    by_digest = {kind: iter(source.track(kind)) for kind in ("video", "audio")}
    for number, file in enumerate(files):
        for kind in ("video", "audio"):
            for packet in file.track(kind):
                of_source = next(p for p in by_digest[kind] if p.digest == packet.digest)
                assert number == 0 or of_source.dts_ms >= points[number - 1]
                assert number == len(points) or of_source.dts_ms < points[number]


@pytest.mark.parametrize(("protocol", "timestamps", "segment"), WAYS)
@pytest.mark.parametrize(
    "name",
    [
        "h264_aac_bframes",
        "h264_mp3",
        "h264_opus",
        "h265_id12_aac",
        "h265_enhanced_aac",
        "h266_aac",
        "av1_opus",
        "video_only",
    ],
)
def test_samples(name, protocol, timestamps, segment, sample, tmp_path):
    source = source_packets(sample(name))
    recorded = cut(sample(name), tmp_path, protocol, timestamps, segment)
    codecs = {packet.codec for packet in source.packets}
    assert recorded.formats == {format for format in Format if allowed(codecs, format)}
    for format in recorded.formats:
        assert_cut_where_due(source, recorded, format)
        recorded.assert_correct(source, format, timestamps=timestamps)


@pytest.mark.parametrize(("protocol", "timestamps", "segment"), WAYS)
@pytest.mark.parametrize("name", ["aac_only", "mp3_only"])
def test_audio_alone_is_cut_at_any_packet(name, protocol, timestamps, segment, sample, tmp_path):
    source = source_packets(sample(name))
    recorded = cut(sample(name), tmp_path, protocol, timestamps, segment)
    assert len(recorded.formats) == 4
    for format in recorded.formats:
        assert_cut_where_due(source, recorded, format)
        recorded.assert_correct(source, format, timestamps=timestamps)


@pytest.mark.parametrize(("protocol", "timestamps", "segment"), WAYS)
def test_captures(capture, protocol, timestamps, segment, tmp_path):
    source = source_packets(capture)
    recorded = cut(capture, tmp_path, protocol, timestamps, segment, interval=5)  # keyframes are 4 s apart
    assert recorded.formats == set(Format) - {Format.MP3}
    for format in recorded.formats:
        plays = timestamps == "original" or format is Format.HLS
        recorded.assert_correct(source, format, timestamps=timestamps, plays=plays)


@pytest.mark.parametrize(("protocol", "timestamps", "segment"), WAYS)
@pytest.mark.parametrize("late_ms", [300, -300, 1500])
def test_tracks_that_do_not_arrive_side_by_side(late_ms, protocol, timestamps, segment, sample, tmp_path):
    """Audio may arrive behind or ahead of the video that it belongs to."""
    tags = delayed(tags_of(sample("h264_aac_bframes")), AUDIO, late_ms)
    path = write(tmp_path / "apart.flv", tags)
    source = source_packets(path)
    recorded = cut(path, tmp_path, protocol, timestamps, segment)
    for format in recorded.formats:
        assert_cut_where_due(source, recorded, format)
        recorded.assert_correct(source, format, timestamps=timestamps)


@pytest.mark.parametrize(("protocol", "timestamps", "segment"), WAYS)
def test_without_a_keyframe_files_are_cut_all_the_same_and_it_is_said(
    protocol, timestamps, segment, sample, tmp_path
):
    tags = tags_of(sample("h264_aac_bframes"))
    keys = [tag for tag in only(tags, 9) if tag.body[:2] == b"\x17\x01"]
    path = write(tmp_path / "one_key.flv", without(tags, lambda tag: tag in keys[1:]))
    recorded = cut(path, tmp_path, protocol, timestamps, segment)
    assert recorded.warnings("cut_without_keyframe")
    source = source_packets(path)
    for format in recorded.formats - {Format.HLS}:
        files = recorded.files(format)
        assert len(files) == 2
        joined = Recording(files[0].path, files[0].container, [p for file in files for p in file.packets])
        for kind in ("video", "audio"):
            if joined.track(kind):
                assert [p.digest for p in joined.track(kind)] == [p.digest for p in source.track(kind)]

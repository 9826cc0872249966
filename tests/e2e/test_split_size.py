"""`split_size` (C1): a new file at the first keyframe behind so many bytes; each plays, nothing is lost."""

from __future__ import annotations

import pytest
from e2e.recordings import EVERY_FORMAT, pull
from oracle.packets import Recording, source_packets

from engine.media.codecs import Format

SPLIT_BYTES = 20 << 10
WAYS = [("rtmp", "original", "ts"), ("http-flv", "zero", "fmp4")]


def assert_cut_where_due(files: list[Recording]) -> None:
    """Every file but the last is as large as it may be, and would have been too small a keyframe earlier."""
    assert len(files) >= 3
    for file in files[:-1]:
        assert file.path.stat().st_size >= SPLIT_BYTES
        cut_at = file.video or file.audio
        last_key = max(at for at, packet in enumerate(file.packets) if packet.key and packet in cut_at)
        assert sum(packet.size for packet in file.packets[:last_key]) < SPLIT_BYTES


@pytest.mark.parametrize(("protocol", "timestamps", "segment"), WAYS)
@pytest.mark.parametrize(
    "name", ["h264_aac_bframes", "h264_mp3", "h265_enhanced_aac", "av1_opus", "mp3_only"]
)
def test_samples(name, protocol, timestamps, segment, sample, tmp_path):
    source = source_packets(sample(name))
    options = {"timestamps": timestamps, "hls_segment": segment, "split_size": "20KiB", "interval": "1h"}
    recorded = pull(sample(name), protocol, tmp_path, format=EVERY_FORMAT, **options)
    assert recorded.outcome.error is None
    numbers = {len(recorded.files(format)) for format in recorded.formats}
    assert len(numbers) == 1, "all formats are cut at the same places"
    if Format.FLV in recorded.formats:
        assert_cut_where_due(recorded.files(Format.FLV))
    for format in recorded.formats:
        recorded.assert_correct(source, format, timestamps=timestamps)


def test_the_shorter_of_interval_and_size_cuts(sample, tmp_path):
    source = source_packets(sample("h264_aac_bframes"))
    options = {"format": "flv,mp4", "split_size": "1GB", "interval": 2}
    recorded = pull(sample("h264_aac_bframes"), "file", tmp_path, **options)
    assert len(recorded.files(Format.FLV)) >= 3
    for format in recorded.formats:
        recorded.assert_correct(source, format)

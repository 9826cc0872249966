"""F6: clocks that wrap, and clocks that jump."""

from __future__ import annotations

import pytest
from e2e.recordings import pull
from e2e.sources import Tag, moved, tags_of, write
from oracle.packets import source_packets

from engine.media.codecs import Format

AT_MS = 4000  # a keyframe of the sample
LAG_MS = 3000  # so long before the wrap the stream begins
FRAME_MS = 40


@pytest.mark.parametrize("protocol", ["rtmp", "http-flv", "file"])
@pytest.mark.parametrize("bits", [24, 31, 32])
def test_a_clock_that_wraps(bits, protocol, sample, tmp_path):
    """The 32-bit clock of the wire crosses; nothing is to be seen of it."""
    tags = moved(tags_of(sample("h264_aac_bframes")), (1 << bits) - LAG_MS)
    path = write(tmp_path / "wraps.flv", tags)
    source = source_packets(path)
    recorded = pull(path, protocol, tmp_path, format="flv,mp4,hls,aac", hls_segment="ts")
    assert recorded.outcome.error is None
    assert not recorded.warnings("timestamp_jump")
    for format in recorded.formats:
        assert len(recorded.paths(format)) == 1
        recorded.assert_correct(source, format)


@pytest.mark.parametrize("bits", [24, 31])
def test_a_clock_that_is_masked(bits, sample, tmp_path):
    """Origins that keep only the low bits: the clock goes on all the same."""
    whole = moved(tags_of(sample("h264_aac_bframes")), (1 << bits) - LAG_MS)
    masked = [Tag(tag.kind, tag.timestamp_ms % (1 << bits), tag.body) for tag in whole]
    recorded = pull(write(tmp_path / "masked.flv", masked), "rtmp", tmp_path, format="flv,mp4,hls")
    assert not recorded.warnings("timestamp_jump")
    source = source_packets(write(tmp_path / "whole.flv", whole))
    for format in recorded.formats:
        recorded.assert_correct(source, format)


@pytest.mark.parametrize("segment", ["ts", "fmp4"])
@pytest.mark.parametrize("by_ms", [60_000, -3_000])
def test_a_clock_that_jumps(by_ms, segment, sample, tmp_path):
    """A new file everywhere; HLS goes on behind a discontinuity. Nothing is lost, and each side of the jump
    keeps its time."""
    tags = tags_of(sample("h264_aac_bframes"))
    jumped = [tag for tag in tags if tag.timestamp_ms < AT_MS]
    jumped += moved((tag for tag in tags if tag.timestamp_ms >= AT_MS), by_ms)
    path = write(tmp_path / "jumps.flv", jumped)
    source = source_packets(path)
    recorded = pull(path, "rtmp", tmp_path, format="flv,mp4,hls", hls_segment=segment)
    assert recorded.outcome.error is None
    assert recorded.warnings("timestamp_jump")
    for format in (Format.FLV, Format.MP4):
        before, after = recorded.files(format)
        assert len(before.video) == AT_MS // FRAME_MS
        assert after.video[0].key
        recorded.assert_correct(source, format)
    (hls,) = recorded.files(Format.HLS)
    assert [packet.span for packet in hls.video] == [n * FRAME_MS >= AT_MS for n in range(len(source.video))]
    recorded.assert_correct(source, Format.HLS)

"""Every sample and every real capture, over every protocol, into every format the matrix allows, from one pull:
F1, F2, F3, F4 (the first cut point) and C5 of recording.md."""

from __future__ import annotations

from pathlib import Path

import pytest
from e2e.matrix import allowed, refusal_names
from e2e.recordings import PROTOCOLS, every_format, pull
from oracle.packets import source_packets
from oracle.samples import VALID_SAMPLES

from engine.media.codecs import Format

HLS_SEGMENT = {"rtmp": "ts", "http-flv": "fmp4", "file": "auto"}


def check(source: Path, protocol: str, folder: Path) -> None:
    packets = source_packets(source)
    codecs = {packet.codec for packet in packets.packets}
    recorded = pull(source, protocol, folder, format=every_format(), hls_segment=HLS_SEGMENT[protocol])
    assert recorded.outcome.error is None
    expected = {format for format in Format if allowed(codecs, format)}
    assert recorded.formats == expected
    for format in expected:
        assert len(recorded.paths(format)) == 1
        recorded.assert_correct(packets, format)
    assert {warning.format for warning in recorded.warnings("unsupported_codec")} == set(Format) - expected
    for warning in recorded.warnings("unsupported_codec"):
        for name in refusal_names(codecs, warning.format):
            assert name in warning.message


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("name", VALID_SAMPLES)
def test_samples(name, protocol, sample, tmp_path):
    check(sample(name), protocol, tmp_path)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_captures(capture, protocol, tmp_path):
    check(capture, protocol, tmp_path)

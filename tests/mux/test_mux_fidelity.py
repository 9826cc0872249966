"""F1, F2 and F3 of recording.md for every format, by readers that share no code with the engine."""

from __future__ import annotations

from pathlib import Path

import pytest
from muxing import mux_file, mux_hls, read_stream
from oracle.packets import source_packets
from oracle.rules import assert_f1, assert_f2, assert_f3, assert_playlist
from oracle.samples import MANIFEST, VALID_SAMPLES

from engine.errors import UnsupportedCodec
from engine.media.codecs import MATRIX, Format, refusal
from engine.mux import MuxOptions, open_muxer
from engine.mux.probe import probe

KINDS = [(format, "auto") for format in Format if format is not Format.HLS]
KINDS += [(Format.HLS, "ts"), (Format.HLS, "fmp4")]
CODECS = {codec.name.lower(): codec for codec in MATRIX}
HLS_TIME_S = 2.0


def held_by(format: Format, name: str) -> bool:
    """Whether the matrix lets a format hold a sample."""
    entry = MANIFEST[f"{name}.flv"]
    codecs = [CODECS[entry[kind]["codec"]] for kind in ("video", "audio") if kind in entry]
    return refusal(codecs, format) is None


def check(source: Path, folder: Path, format: Format, segment: str, timestamps: str = "original") -> None:
    stream = read_stream(source)
    options = MuxOptions(hls_segment=segment, hls_time_s=HLS_TIME_S, timestamps=timestamps)
    if format is Format.HLS:
        out, stats = mux_hls(stream, folder, options)
        path = out.playlist
        assert_playlist(path)
    else:
        path, stats = mux_file(stream, folder, format, options)
    recorded = source_packets(source)
    assert_f1(recorded, path)
    assert_f2(recorded, path, timestamps=timestamps)
    assert_f3(path)
    frames = source_packets(source)
    if not format.audio_only:
        assert stats.video_packets == len(frames.video)
        assert stats.keyframes == sum(packet.key for packet in frames.video)
    assert stats.refused == 0
    report = probe(path)
    assert report.damaged == []
    assert report.anomalies == []
    assert report.discontinuities == []


@pytest.mark.parametrize(
    ("name", "format", "segment"),
    [(name, *kind) for name in VALID_SAMPLES for kind in KINDS if held_by(kind[0], name)],
    ids=str,
)
def test_samples(name, format, segment, sample, tmp_path):
    check(sample(name), tmp_path, format, segment)


@pytest.mark.parametrize(
    ("format", "segment"), [kind for kind in KINDS if kind[0] is not Format.MP3], ids=str
)
def test_captures(capture, format, segment, tmp_path):
    check(capture, tmp_path, format, segment)


@pytest.mark.parametrize("name", VALID_SAMPLES)
@pytest.mark.parametrize("format", Format)
def test_what_the_matrix_refuses_writes_nothing(name, format, sample, tmp_path):
    if held_by(format, name):
        return
    with pytest.raises(UnsupportedCodec, match=format.value):
        open_muxer(format, read_stream(sample(name)).tracks, Untouched(), MuxOptions())


class Untouched:
    """A sink and folder that must stay empty."""

    size = 0

    def __getattr__(self, name):
        raise AssertionError(f"{name} was called")


@pytest.mark.parametrize("segment", ["flv", "ts", "fmp4"])
def test_from_zero(segment, sample, tmp_path):
    format = Format.FLV if segment == "flv" else Format.HLS
    check(sample("h264_opus"), tmp_path, format, "auto" if segment == "flv" else segment, "zero")

"""Every cell of the codec matrix (codecs.md section 1), allowed or refused, with real media.

What a format cannot hold is refused by name, before a byte is written, while the other formats go on.
"""

from __future__ import annotations

import json

import pytest
from e2e.matrix import HOLDS, LABELS, VIDEO, allowed
from e2e.recordings import EVERY_FORMAT, Recorded, pull
from e2e.sources import AUDIO, one_after_another, only, tags_of, write
from e2e.sources import VIDEO as VIDEO_TAGS
from oracle.packets import Recording, source_packets
from oracle.rules import assert_f1, assert_f3
from origins.footage import AAC, H264, make_flv

from engine.errors import UnsupportedCodec
from engine.media.codecs import MATRIX, Format, Support

ALONE = {  # a sample with the codec in it, and the track it is in
    "h264": ("h264_aac_bframes", VIDEO_TAGS),
    "h265": ("h265_enhanced_aac", VIDEO_TAGS),
    "h266": ("h266_aac", VIDEO_TAGS),
    "av1": ("av1_opus", VIDEO_TAGS),
    "aac": ("aac_only", AUDIO),
    "mp3": ("mp3_only", AUDIO),
    "opus": ("h264_opus", AUDIO),
}
CELLS = [(codec, format) for codec in ALONE for format in Format]


def assert_refused(recorded: Recorded, *names: str) -> None:
    """Exit code 4, by name, and nothing on disk."""
    assert isinstance(recorded.outcome.error, UnsupportedCodec)
    assert recorded.outcome.exit_code == 4
    for name in names:
        assert name in str(recorded.outcome.error)
    assert recorded.outcome.files == 0
    assert not recorded.folder.exists()


def test_the_matrix_is_that_of_the_specification():
    for format in Format:
        held = {codec.label for codec in MATRIX if MATRIX[codec][format] is not Support.NOT_SUPPORTED}
        assert held == {LABELS[codec] for codec in HOLDS[format]}
    extended = {codec.label for codec in MATRIX if MATRIX[codec][Format.FLV] is Support.EXTENDED}
    assert extended == {"H.265", "H.266", "AV1", "Opus"}


@pytest.mark.parametrize(("codec", "format"), CELLS)
def test_cell(codec, format, sample, tmp_path):
    """One codec, one format, and nothing else in the stream or the order."""
    name, kind = ALONE[codec]
    path = write(tmp_path / "alone.flv", only(tags_of(sample(name)), kind))
    recorded = pull(path, "rtmp", tmp_path, format=format.value)
    if allowed([codec], format):
        assert recorded.outcome.error is None
        recorded.assert_correct(source_packets(path), format)
    elif codec in VIDEO and format.audio_only:
        assert_refused(recorded, format.value, "needs audio")
    else:
        assert_refused(recorded, format.value, LABELS[codec])


FOREIGN = {  # ffmpeg's arguments, and the name by which it is refused
    "h263": (("-c:v", "flv"), (), "Sorenson H.263"),
    "screen video": (("-c:v", "flashsv", "-s", "160x96"), (), "Screen Video"),
    "vp9": (("-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8"), (), "VP9"),
    "g711a": (H264, ("-c:a", "pcm_alaw", "-ar", "8000"), "G.711 A-law"),
    "g711u": ((), ("-c:a", "pcm_mulaw", "-ar", "8000"), "G.711 mu-law"),
    "adpcm": (H264, ("-c:a", "adpcm_swf", "-ar", "44100"), "ADPCM"),
    "pcm": ((), ("-c:a", "pcm_s16le", "-ar", "44100"), "PCM"),
    "nellymoser": ((), ("-c:a", "nellymoser", "-ar", "44100"), "Nellymoser"),
    "ac3": (H264, ("-c:a", "ac3"), "AC-3"),
    "flac": (H264, ("-c:a", "flac"), "FLAC"),
}


@pytest.mark.parametrize("codec", FOREIGN)
def test_other_codecs_are_refused_by_every_format(codec, tmp_path):
    video, audio, label = FOREIGN[codec]
    path = make_flv(tmp_path / "foreign.flv", video=video, audio=audio, seconds=2.5)
    assert_refused(pull(path, "http-flv", tmp_path, format=EVERY_FORMAT), label)


@pytest.mark.parametrize(("name", "label"), [("vp6", "VP6"), ("speex", "Speex")])
def test_the_invalid_samples_are_refused_by_every_format(name, label, sample, tmp_path):
    assert_refused(pull(sample(f"invalid/{name}.flv"), "rtmp", tmp_path, format=EVERY_FORMAT), label)


def test_audio_formats_take_the_audio_beside_video_that_nothing_holds(tmp_path):
    path = make_flv(tmp_path / "h263.flv", video=("-c:v", "flv"), audio=AAC, seconds=2.5)
    recorded = pull(path, "rtmp", tmp_path, format=EVERY_FORMAT)
    assert recorded.outcome.error is None
    assert recorded.formats == {Format.AAC}
    refused = {warning.format: warning.message for warning in recorded.warnings("unsupported_codec")}
    assert set(refused) == {Format.FLV, Format.HLS, Format.MP4, Format.MP3}
    assert all("Sorenson H.263" in refused[format] for format in (Format.FLV, Format.HLS, Format.MP4))
    assert "AAC" in refused[Format.MP3]
    recorded.assert_correct(source_packets(path), Format.AAC)


@pytest.mark.parametrize("segment", ["ts", "fmp4"])
def test_a_change_to_another_codec_goes_on_where_the_matrix_allows_it(segment, sample, tmp_path):
    """C3, and the matrix asked again: HLS takes H.265 behind H.264, and refuses AV1 behind that."""
    parts = [tags_of(sample(name)) for name in ("h264_aac_bframes", "h265_enhanced_aac", "av1_id13_aac")]
    path = write(tmp_path / "changes.flv", one_after_another(*parts))
    recorded = pull(path, "rtmp", tmp_path, format="flv,hls,mp4,aac", hls_segment=segment)
    assert recorded.outcome.error is None
    (refused,) = recorded.warnings("unsupported_codec")
    assert refused.format is Format.HLS
    assert "AV1" in refused.message
    source = source_packets(path)
    for format in (Format.FLV, Format.MP4):
        assert [file.video[0].codec for file in recorded.files(format)] == ["h264", "h265", "av1"]
        recorded.assert_correct(source, format)
    (hls,) = recorded.files(Format.HLS)
    kept = Recording(path, "flv", [packet for packet in source.packets if packet.codec != "av1"])
    assert {packet.span for packet in hls.packets} == {0, 1}
    assert_f1(kept, hls, cut_short=True)
    assert_f3(hls.path)


def test_the_failed_event_says_it_in_json(sample, tmp_path):
    recorded = pull(sample("av1_opus"), "rtmp", tmp_path, format="hls")
    said = json.loads(recorded.events[-1].model_dump_json())
    assert said["event"] == "failed"
    assert (said["code"], said["exit_code"], said["files"]) == ("unsupported_codec", 4, 0)
    assert "hls" in said["message"]
    assert "AV1" in said["message"]


def test_every_cell_is_asked():
    assert {LABELS[codec] for codec in ALONE} == {codec.label for codec in MATRIX}
    assert len(CELLS) == len(MATRIX) * len(Format)

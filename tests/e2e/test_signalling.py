"""The signalling variants of codecs.md section 2: kept tag by tag, or converted to files with equal media."""

from __future__ import annotations

from pathlib import Path

import pytest
from e2e.recordings import pull
from e2e.sources import AUDIO, VIDEO, Tag, media_of, tags_of
from oracle import flv
from oracle.packets import source_packets
from oracle.rules import assert_plays, playable
from oracle.samples import VALID_SAMPLES
from programs import need

from engine.media.codecs import Format

PRIVATE = ["h265_id12_aac", "h266_id14_aac", "av1_id13_aac", "h264_opus_id13"]
ENHANCED = ["h264_aac_enhanced", "h264_aac_modex", "h265_enhanced_aac", "h266_aac", "av1_opus", "h264_opus"]


def expected_tags(source: Path) -> list[tuple[int, bytes]]:
    """Kind and body of what a recording of `source` holds: its configurations, then every tag behind the
    first cut point, without those configurations again before the first frame."""
    tags = tags_of(source)
    frames = [n for n, tag in enumerate(tags) if media_of(tag).role == "frame"]
    keys = [n for n in frames if tags[n].kind == VIDEO and media_of(tags[n]).key]
    cut = keys[0] if keys else frames[0]
    head: dict[int, Tag] = {}
    for tag in tags[:cut]:
        if media_of(tag).role == "config":
            head[tag.kind] = tag
    for tag in tags[cut:]:  # the track whose configuration comes behind the cut point
        if media_of(tag).role == "config":
            head.setdefault(tag.kind, tag)
    early = [tag for tag in tags[:cut] if is_audio_behind(tag, tags[cut])] if keys else []
    kept = [tags[cut], *early, *tags[cut + 1 :]]
    ordered = [head[kind] for kind in (VIDEO, AUDIO) if kind in head]
    return [(tag.kind, tag.body) for tag in [*ordered, *kept]]


def is_audio_behind(tag: Tag, cut: Tag) -> bool:
    """Audio that comes before the cut point but belongs behind it in time."""
    is_frame = tag.kind == AUDIO and media_of(tag).role == "frame"
    return is_frame and tag.timestamp_ms >= cut.timestamp_ms


def signallings(path: Path) -> dict[str, set[str]]:
    """How each codec of an FLV file is signalled, over all tags that carry something."""
    out: dict[str, set[str]] = {}
    for tag in flv.read(path).tags:
        for media in flv.classify(tag):
            if media.role != "other":
                out.setdefault(media.codec, set()).add(media.signalling)
    return out


@pytest.mark.parametrize("protocol", ["rtmp", "http-flv"])
@pytest.mark.parametrize("name", VALID_SAMPLES)
def test_flv_keeps_every_tag_as_it_came(name, protocol, sample, tmp_path):
    recorded = pull(sample(name), protocol, tmp_path, format="flv")
    (path,) = recorded.paths(Format.FLV)
    tags = [(tag.kind, tag.body) for tag in flv.read(path).tags if tag.kind != flv.SCRIPT]
    assert tags == expected_tags(sample(name))
    multitrack = recorded.warnings("multitrack")
    assert bool(multitrack) == (name == "h264_aac_multitrack")


NUMBERS = {"h264": 7, "h265": 12, "av1": 13, "h266": 14, "aac": 10, "mp3": 2, "opus": 13}


def assert_metadata_agrees(path: Path) -> None:
    """onMetaData names the codecs as the tags do."""
    metadata = flv.read(path).metadata()
    kinds = {packet.kind: packet.codec for packet in source_packets(path).packets}
    for kind, codec in kinds.items():
        (signalling,) = signallings(path)[codec]
        four_cc = int.from_bytes(flv.FOUR_CCS[codec].encode(), "big")
        assert metadata[f"{kind}codecid"] == (four_cc if signalling == "enhanced" else NUMBERS[codec])


def convert(name: str, signalling: str, sample, folder: Path) -> Path:
    """Record a sample with `flv_signalling`; its media must be equal."""
    recorded = pull(sample(name), "rtmp", folder, format="flv,mp4", flv_signalling=signalling)
    assert recorded.outcome.error is None
    source = source_packets(sample(name))
    for format in (Format.FLV, Format.MP4):
        recorded.assert_correct(source, format)
    return recorded.paths(Format.FLV)[0]


@pytest.mark.parametrize("name", [*PRIVATE, "h264_aac_bframes", "h264_mp3"])
def test_to_enhanced(name, sample, tmp_path):
    """Private ids become FourCCs, which a current FFmpeg reads; H.264, AAC and MP3 stay as they are."""
    path = convert(name, "enhanced", sample, tmp_path)
    for codec, found in signallings(path).items():
        assert found == {"legacy" if codec in ("h264", "aac", "mp3") else "enhanced"}
        assert playable(codec, *found, "flv"), "assert_f3 has played a copy and not the file"
    assert_metadata_agrees(path)


@pytest.mark.parametrize("name", [*ENHANCED, "h264_aac_multitrack"])
def test_to_legacy(name, sample, tmp_path):
    path = convert(name, "legacy", sample, tmp_path)
    assert set(map(frozenset, signallings(path).values())) == {frozenset({"legacy"})}
    assert_metadata_agrees(path)


@pytest.mark.parametrize("name", ["h264_aac_enhanced", "h264_aac_modex", "h264_aac_multitrack"])
def test_legacy_is_for_players_that_know_no_fourcc(name, sample, tmp_path):
    """Debian 12's FFmpeg does not read the source; it reads the recording."""
    old_ffmpeg = need("ffmpeg")
    assert_plays(convert(name, "legacy", sample, tmp_path), ffmpeg=old_ffmpeg)


@pytest.mark.parametrize(
    ("name", "signalling"),
    [("h264_aac_multitrack", "enhanced"), ("h264_aac_repeats", "enhanced"), ("h264_aac_repeats", "legacy")],
)
def test_what_has_no_other_form_stays(name, signalling, sample, tmp_path):
    path = convert(name, signalling, sample, tmp_path)
    assert signallings(path) == signallings(sample(name))

"""The sample streams are what their manifest says, by a reader that is not the one that made them."""

from __future__ import annotations

import hashlib

import flv_rewrite
import make
import pytest
from oracle import flv
from oracle.packets import source_packets
from oracle.playback import assert_plays, frame_ms
from oracle.samples import INVALID_SAMPLES, MANIFEST, SAMPLE_STREAMS, VALID_SAMPLES

MAX_SAMPLE_BYTES = 400_000
MAX_TOTAL_BYTES = 4_000_000
ERRORS = {"malformed_flv": 1, "malformed_config": 1, "not_flv": 3, "unsupported_codec": 4, None: 0}


def test_the_manifest_lists_every_file():
    files = {path.relative_to(SAMPLE_STREAMS).as_posix() for path in SAMPLE_STREAMS.rglob("*.flv")}
    files |= {path.relative_to(SAMPLE_STREAMS).as_posix() for path in SAMPLE_STREAMS.rglob("*.bin")}
    assert files == set(MANIFEST)
    assert sum(entry["bytes"] for entry in MANIFEST.values()) < MAX_TOTAL_BYTES


@pytest.mark.parametrize("name", MANIFEST)
def test_size_and_hash(name):
    data = (SAMPLE_STREAMS / name).read_bytes()
    assert len(data) == MANIFEST[name]["bytes"] <= MAX_SAMPLE_BYTES
    assert hashlib.sha256(data).hexdigest() == MANIFEST[name]["sha256"]


@pytest.mark.parametrize("name", VALID_SAMPLES)
def test_tracks(name, sample):
    entry = MANIFEST[f"{name}.flv"]
    recording = source_packets(sample(name))
    for kind in ("video", "audio"):
        packets = recording.track(kind)
        assert bool(packets) == (kind in entry)
        if not packets:
            continue
        said = entry[kind]
        assert {packet.codec for packet in packets} == {said["codec"]}
        assert len(packets) == said["packets"]
        assert packets[0].dts_ms == said["first_ms"]
        assert packets[-1].dts_ms == said["last_ms"]
        if kind == "video":
            assert sum(packet.key for packet in packets) == said["keyframes"]
            assert said["b_frames"] == any(packet.pts_ms != packet.dts_ms for packet in packets)
    ends = [
        packets[-1].dts_ms + frame_ms(packets) for packets in (recording.video, recording.audio) if packets
    ]
    starts = [packet.dts_ms for packet in recording.packets]
    assert abs(max(ends) - min(starts) - entry["duration_ms"]) <= 1


@pytest.mark.parametrize("name", VALID_SAMPLES)
def test_signalling(name, sample):
    file = flv.read(sample(name))
    seen: dict[str, set[int | str]] = {"video": set(), "audio": set()}
    for tag in file.tags:
        media = flv.main_media(tag) if tag.kind != flv.SCRIPT else None
        if media and media.role == "frame":
            number = tag.body[0] & 15 if tag.kind == flv.VIDEO else tag.body[0] >> 4
            kind = "video" if tag.kind == flv.VIDEO else "audio"
            seen[kind].add(flv.FOUR_CCS[media.codec] if media.signalling == "enhanced" else number)
    entry = MANIFEST[f"{name}.flv"]
    assert seen == {kind: {entry[kind]["id"]} if kind in entry else set() for kind in seen}
    metadata = file.metadata()
    assert metadata["filesize"] == entry["bytes"]
    assert metadata["duration"] == entry["duration_ms"] / 1000


@pytest.mark.parametrize("name", VALID_SAMPLES)
def test_ffmpeg_plays_it(name, sample, ffmpeg):
    assert_plays(sample(name), ffmpeg=ffmpeg)


def test_variants_carry_what_they_are_for(sample):
    modex = [tag for tag in flv.read(sample("h264_aac_modex")).tags if tag.kind != flv.SCRIPT]
    assert all(tag.body[0] & 15 == 7 for tag in modex if flv.main_media(tag).role == "frame")
    tracks = {
        (tag.kind, media.track)
        for tag in flv.read(sample("h264_aac_multitrack")).tags
        for media in flv.classify(tag)
        if media.role == "frame"
    }
    assert tracks == {(kind, track) for kind in (flv.VIDEO, flv.AUDIO) for track in (0, 1)}
    repeats = flv.read(sample("h264_aac_repeats")).tags
    roles = [flv.main_media(tag).role for tag in repeats if tag.kind != flv.SCRIPT]
    assert roles.count("config") == 16
    assert roles.count("other") == 21


def test_variants_hold_the_same_packets(sample):
    plain = source_packets(sample("h264_aac_bframes"))
    for name in ("h264_aac_enhanced", "h264_aac_modex", "h264_aac_multitrack", "h264_aac_repeats"):
        packets = source_packets(sample(name)).packets
        assert [(p.raw, p.dts_ms, p.pts_ms) for p in packets] == [
            (p.raw, p.dts_ms, p.pts_ms) for p in plain.packets
        ]


@pytest.mark.parametrize("name", INVALID_SAMPLES)
def test_expected_outcomes_are_consistent(name):
    expected = MANIFEST[name]["expected"]
    assert ERRORS[expected["error"]] == expected["exit_code"]
    if expected["error"] not in ("malformed_flv", None):
        assert expected["recorded_packets"] == {"video": 0, "audio": 0}


@pytest.mark.parametrize(
    "name", [n for n in INVALID_SAMPLES if MANIFEST[n]["expected"]["error"] == "malformed_flv"]
)
def test_damage_is_where_the_manifest_says(name, sample):
    with pytest.raises(flv.DamagedFlvError) as caught:
        flv.read(sample(name))
    media = [(tag.kind, flv.main_media(tag).role) for tag in caught.value.tags if tag.kind != flv.SCRIPT]
    counts = {"video": media.count((flv.VIDEO, "frame")), "audio": media.count((flv.AUDIO, "frame"))}
    assert counts == MANIFEST[name]["expected"]["recorded_packets"]


def test_rewriting_gives_the_same_bytes_again(sample):
    data = sample("video_only").read_bytes()
    tags = make.as_legacy(flv_rewrite.read_frames(data))
    recipe = make.SAMPLES["video_only"]
    assert (
        flv_rewrite.file_bytes(tags, make.metadata_of(recipe, MANIFEST["video_only.flv"]["duration_ms"]))
        == data
    )


def test_encoding_gives_the_same_frames_again():
    _, entry = make.make_sample(make.SAMPLES["mp3_8k"])
    assert entry["audio"] == MANIFEST["mp3_8k.flv"]["audio"]

"""C3: codec, resolution, sample-rate, audio-layout and track-set changes, and what is none.

HLS goes on behind EXT-X-DISCONTINUITY, every other format in a new file; the files together are the source.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from e2e.recordings import EVERY_FORMAT, Recorded, pull
from e2e.sources import (
    AUDIO,
    PROMISES_BOTH,
    VIDEO,
    Tag,
    is_frame,
    media_of,
    moved,
    one_after_another,
    only,
    tags_of,
    without,
    write,
)
from oracle import flv, playlist
from oracle.packets import Recording, source_packets
from origins.footage import AAC, H264, make_flv

from engine.media.codecs import Format
from engine.media.events import CodecChanged

SMALL = (*H264, "-s", "160x120")
AAC_22050 = (*AAC, "-ar", "22050")
AAC_STEREO = (*AAC, "-ac", "2")
MP3 = ("-c:a", "libmp3lame", "-b:a", "64k")
MP3_22050 = (*MP3, "-ar", "22050")
SECONDS = 3.0
IN_FILES = {Format.FLV, Format.MP4}


def in_time(*tracks: list[Tag]) -> list[Tag]:
    """Tracks of several streams side by side; headers stay in front of the frames of their moment."""
    return sorted(
        (tag for track in tracks for tag in track), key=lambda tag: (tag.timestamp_ms, is_frame(tag))
    )


def record(tags: list[Tag], folder: Path, **fields) -> tuple[Recording, Recorded]:
    """The source's packets, and a recording of these tags that did not fail."""
    path = write(folder / "source.flv", tags)
    recorded = pull(path, "rtmp", folder, **{"format": "flv,hls,mp4", **fields})
    assert recorded.outcome.error is None
    return source_packets(path), recorded


def assert_changes_once(source: Recording, recorded: Recorded, **how) -> None:
    """One change: two files, or one playlist of two stretches; F1, F2, F3 and C5 hold."""
    assert len(recorded.of(CodecChanged)) == 1
    for format in recorded.formats:
        if format is Format.HLS:
            (path,) = recorded.paths(format)
            assert {segment.run for segment in playlist.read(path).segments} == {0, 1}
            assert {packet.span for packet in recorded.packets(path).packets} == {0, 1}
        else:
            assert len(recorded.paths(format)) == 2
        recorded.assert_correct(source, format, **how)


@pytest.mark.parametrize("segment", ["ts", "fmp4"])
@pytest.mark.parametrize(
    ("before", "after", "formats"),
    [
        ((H264, AAC), (SMALL, AAC), "flv,hls,mp4"),
        ((H264, AAC), (H264, AAC_22050), "flv,hls,mp4,aac"),
        ((H264, AAC), (H264, AAC_STEREO), "flv,hls,mp4,aac"),
        ((H264, MP3), (H264, MP3_22050), "flv,hls,mp4,mp3"),
        ((H264, AAC), (SMALL, AAC_STEREO), "flv,hls,mp4,aac"),
        (((), AAC), ((), AAC_22050), "flv,hls,mp4,aac"),
        (((), MP3), ((), MP3_22050), "flv,hls,mp4,mp3"),
        ((H264, ()), (SMALL, ()), "flv,hls,mp4"),
    ],
    ids=[
        "resolution",
        "sample rate",
        "channels",
        "sample rate of MP3, which has no header",
        "T14 both tracks at once",
        "audio alone",
        "MP3 alone",
        "video alone",
    ],
)
def test_parameters_change(before, after, formats, segment, tmp_path):
    parts = [
        tags_of(make_flv(tmp_path / f"part-{n}.flv", video=video, audio=audio, seconds=SECONDS))
        for n, (video, audio) in enumerate((before, after))
    ]
    source, recorded = record(one_after_another(*parts), tmp_path, format=formats, hls_segment=segment)
    assert {format.value for format in recorded.formats} == set(formats.split(","))
    assert_changes_once(source, recorded, first_cut=bool(before[0]))


@pytest.mark.parametrize("segment", ["ts", "fmp4"])
@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("h264_aac_bframes", "h265_enhanced_aac"),
        ("h265_id12_aac", "h264_aac_bframes"),
        ("h265_enhanced_aac", "h266_aac"),
        ("h264_aac_bframes", "h264_opus"),
        ("h264_aac_bframes", "h264_mp3"),
        ("h264_mp3", "h265_id12_aac"),
        ("h264_opus_id13", "h264_aac_enhanced"),
    ],
)
def test_codecs_change(before, after, segment, sample, tmp_path):
    parts = [tags_of(sample(before)), tags_of(sample(after))]
    source, recorded = record(one_after_another(*parts), tmp_path, hls_segment=segment)
    assert recorded.formats == {Format.FLV, Format.HLS, Format.MP4}
    assert_changes_once(source, recorded)


@pytest.mark.parametrize("order", ["audio header first", "video first", "late audio between"])
def test_t14_changes_of_both_tracks_that_belong_together_make_one_file(order, sample, tmp_path):
    before = [tag for tag in tags_of(sample("h264_aac_bframes")) if tag.timestamp_ms < 7000]
    header, *sound = only(tags_of(sample("aac_only")), AUDIO)
    video = only(tags_of(sample("h265_enhanced_aac")), VIDEO)
    first_key = next(n for n, tag in enumerate(video) if is_frame(tag))
    head, key, rest = video[:first_key], video[first_key], in_time(video[first_key + 1 :], sound)
    start = [header, *head, key] if order == "audio header first" else [*head, key, header]
    after = [*start, *rest]
    tags = one_after_another(before, after)
    if order == "late audio between":
        late = only(before, AUDIO)[-8:]
        at = tags.index(next(tag for tag in tags if tag.kind == AUDIO and tag.body == header.body))
        tags = [tag for tag in tags[:at] if tag not in late] + late + tags[at:]
    source, recorded = record(tags, tmp_path)
    assert_changes_once(source, recorded)


@pytest.mark.parametrize("segment", ["ts", "fmp4"])
def test_audio_that_changes_between_keyframes(segment, sample, tmp_path):
    """The new file has the new audio at once and video from its keyframe on."""
    tags, other = tags_of(sample("h264_aac_bframes")), only(tags_of(sample("aac_only")), AUDIO)
    old = [tag for tag in only(tags, AUDIO) if tag.timestamp_ms < 2400]
    source, recorded = record(
        in_time(only(tags, VIDEO), old, [tag for tag in moved(other, 2400) if tag.timestamp_ms < 7900]),
        tmp_path,
        hls_segment=segment,
    )
    assert_changes_once(source, recorded)
    after = recorded.files(Format.FLV)[1]
    assert after.audio[0].dts_ms == 2400
    assert after.video[0].dts_ms == 3000


def test_a_change_that_is_taken_back_before_a_frame_needs_it_is_none(sample, tmp_path):
    tags = tags_of(sample("h264_aac_bframes"))
    other = [tag for tag in tags_of(sample("h265_id12_aac")) if not is_frame(tag)]
    own = [tag for tag in tags if not is_frame(tag)]
    middle = next(n for n, tag in enumerate(tags) if tag.timestamp_ms > 2500)
    noisy = [*tags[:middle], *moved(other, 2500), *moved(own, 2500), *tags[middle:]]
    source, recorded = record(noisy, tmp_path)
    assert not recorded.of(CodecChanged)
    for format in recorded.formats:
        assert len(recorded.paths(format)) == 1
        recorded.assert_correct(source, format)


# What is no change


def hvcc_with_noise(record: bytes, number: int) -> bytes:
    """The same decoder configuration (ISO/IEC 14496-15 section 8.3.3) in other bytes."""
    head, arrays, at = bytearray(record[:23]), [], 23
    for _ in range(record[22]):
        start, at = at, at + 3
        for _ in range(int.from_bytes(record[start + 1 : start + 3], "big")):
            at += 2 + int.from_bytes(record[at : at + 2], "big")
        arrays.append(bytes([record[start] ^ 0x80 * (number % 2)]) + record[start + 1 : at])
    assert at == len(record)
    sei = bytes([39, 0, 1, 0, 4, 0x4E, 1, 5, number % 200])
    head[13] ^= 0xF0  # reserved bits
    head[19:21] = (number % 200).to_bytes(2, "big")  # average frame rate
    arrays = [sei, *arrays] if number % 3 else [*arrays, sei]
    head[22] = len(arrays)
    return bytes(head) + b"".join(arrays)


@pytest.mark.parametrize("noise", [False, True], ids=["T22 repeated as they are", "T12 with noise"])
@pytest.mark.parametrize("name", ["h264_aac_bframes", "h265_id12_aac", "h265_enhanced_aac", "h266_id14_aac"])
def test_headers_before_every_keyframe_are_no_change(name, noise, sample, tmp_path):
    """One file, no discontinuity, and FLV keeps each header as it came."""
    tags: list[Tag] = []
    headers = [tag for tag in tags_of(sample(name)) if media_of(tag).role == "config"]
    frames = [tag for tag in tags_of(sample(name)) if is_frame(tag)]
    for number, tag in enumerate(frames):
        if tag.kind == VIDEO and media_of(tag).key:
            for header in headers:
                body = header.body
                if noise and header.kind == AUDIO:
                    body += bytes(number % 3)
                elif noise and "h265" in name:
                    body = body[:5] + hvcc_with_noise(body[5:], number)
                elif noise and "h264" in name:
                    body = body[:9] + bytes([body[9] ^ 0xFC]) + body[10:]
                tags.append(Tag(header.kind, tag.timestamp_ms, body))
        tags.append(tag)
    formats = "flv,hls,mp4,aac"
    source, recorded = record(tags, tmp_path, format=formats, hls_segment="fmp4" if noise else "ts")
    assert not recorded.of(CodecChanged)
    for format in recorded.formats:
        (path,) = recorded.paths(format)
        if format is Format.HLS:
            assert {segment.run for segment in playlist.read(path).segments} == {0}
        recorded.assert_correct(source, format)
    (path,) = recorded.paths(Format.FLV)
    kept = [(tag.kind, tag.body) for tag in flv.read(path).tags if tag.kind != flv.SCRIPT]
    assert kept == [(tag.kind, tag.body) for tag in tags]


@pytest.mark.parametrize("name", ["h264_aac_bframes", "h265_id12_aac", "h265_enhanced_aac", "av1_opus"])
def test_t15_every_file_of_a_rotation_has_the_headers_the_source_sent_once(name, sample, tmp_path):
    formats = "flv,mp4" if name == "av1_opus" else "flv,mp4,hls"
    source, recorded = record(tags_of(sample(name)), tmp_path, interval=2, format=formats)
    for path in recorded.paths(Format.FLV):
        media = [tag for tag in flv.read(path).tags if tag.kind != flv.SCRIPT]
        roles = {flv.main_media(tag).role for tag in media[:2]}
        assert roles == {"config"}
    for format in recorded.formats:
        assert len(recorded.paths(format)) == 4
        recorded.assert_correct(source, format)


# Tracks that come and go


@pytest.mark.parametrize("segment", ["ts", "fmp4"])
def test_t34_video_whose_header_comes_long_before_its_frames(segment, sample, tmp_path):
    """The recording starts with the audio alone; video starts a new file at its keyframe."""
    tags = tags_of(sample("h264_aac_bframes"))
    late = without(tags, lambda tag: tag.kind == VIDEO and is_frame(tag) and tag.timestamp_ms < 3980)
    path = write(tmp_path / "late.flv", late, PROMISES_BOTH)
    recorded = pull(path, "http-flv", tmp_path, format="flv,hls,mp4", hls_segment=segment)
    assert_changes_once(source_packets(path), recorded, first_cut=False)
    for format in IN_FILES:
        before, after = recorded.files(format)
        assert not before.video
        assert after.video[0].key


@pytest.mark.parametrize("gone", [AUDIO, VIDEO])
def test_a_track_that_goes_away_is_not_promised_by_the_files_after_it(gone, sample, tmp_path):
    """Files are cut as before, and the one it went away in is finished."""
    tags = tags_of(sample("h264_aac_bframes"))
    long = one_after_another(tags, [tag for tag in tags if tag.kind != gone and is_frame(tag)])
    source, recorded = record(long, tmp_path, interval=2, format="flv,mp4")
    for format in IN_FILES:
        files = recorded.files(format)
        assert len(files) >= 6
        assert all(file.audio and file.video for file in files[:3])
        assert not any(file.track("audio" if gone == AUDIO else "video") for file in files[-3:])
        recorded.assert_correct(source, format)
    last = recorded.paths(Format.FLV)[-1]
    assert ("audiocodecid" if gone == AUDIO else "videocodecid") not in flv.read(last).metadata()
    assert bool(recorded.warnings("cut_without_keyframe")) == (gone == VIDEO)


def test_a_track_that_comes_back(sample, tmp_path):
    """Audio that paused for longer than a file starts a new one when it returns."""
    tags = tags_of(sample("h264_aac_bframes"))
    frames = [tag for tag in tags if is_frame(tag)]
    long = one_after_another(tags, only(frames, VIDEO), frames)
    source, recorded = record(long, tmp_path, interval=3, format="flv,mp4")
    assert len(recorded.of(CodecChanged)) == 1
    for format in IN_FILES:
        assert any(not file.audio for file in recorded.files(format))
        recorded.assert_correct(source, format)


# Where a recording begins


@pytest.mark.parametrize("lead_ms", [1500, 5000])
@pytest.mark.parametrize("lead", [AUDIO, VIDEO])
def test_t02_t36_tracks_that_start_apart_make_no_sliver_and_no_giant(lead, lead_ms, sample, tmp_path):
    """The clock of the first file and of the first segment starts at the first keyframe."""
    tags = tags_of(sample("h264_aac_bframes"))
    late = without(tags, lambda tag: tag.kind != lead and is_frame(tag) and tag.timestamp_ms < lead_ms)
    source, recorded = record(late, tmp_path, format=EVERY_FORMAT, interval=2)
    begins_with_both = lead_ms < 2000
    assert recorded.formats == {Format.FLV, Format.HLS, Format.MP4, Format.AAC}  # waits for its track
    key = next(packet for packet in source.video if packet.key)
    for format in recorded.formats:
        recorded.assert_correct(source, format, first_cut=key.dts_ms < 3000)
    for path in recorded.paths(Format.HLS):
        assert all(segment.duration_s < 4 for segment in playlist.read(path).segments)
    first = recorded.files(Format.FLV)[0]
    if begins_with_both:
        assert max(packet.dts_ms for packet in first.packets) - key.dts_ms >= 1900

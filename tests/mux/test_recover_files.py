"""S2 for MP4, AAC and MP3: a growing file cut anywhere keeps its whole packets, and says what they are."""

from __future__ import annotations

import itertools
import os
import random
import shutil
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from muxing import read_stream
from oracle import mp4
from oracle.packets import output_packets
from oracle.playback import assert_f3, assert_plays
from recovering import interrupt, lost_packets, tears

from engine import _native
from engine.errors import MalformedAudio, MalformedMp4, NothingRecorded, ReelError, UsageError
from engine.media.codecs import Format
from engine.mux.recover import recover

SOURCES = {Format.MP4: "h264_aac_bframes", Format.AAC: "h264_aac_bframes", Format.MP3: "h264_mp3"}
FORMATS = list(SOURCES)
BARE = [Format.AAC, Format.MP3]


@pytest.fixture(scope="module")
def left(sample, tmp_path_factory):
    folder = tmp_path_factory.mktemp("left")
    return {format: interrupt(read_stream(sample(name)), folder, format) for format, name in SOURCES.items()}


def whole_ends(left, tmp_path):
    """Where whole frames, or whole fragments, end."""
    if left.format is Format.MP4:
        return [end for kind, _, end in mp4.boxes(left.data) if kind == b"mdat"]
    sizes = [
        packet.size for packet in output_packets(left.write(tmp_path / f"all.{left.format.value}")).packets
    ]
    return list(itertools.accumulate(size + 7 * (left.format is Format.AAC) for size in sizes))


@pytest.mark.parametrize(
    "name",
    ["h264_aac_bframes", "h265_enhanced_aac", "h266_aac", "h264_opus", "mp3_only", "video_only", "mp3_8k"],
)
def test_an_mp4_says_what_its_muxer_said(name, sample, tmp_path):
    left = interrupt(read_stream(sample(name)).shifted(90_000), tmp_path, Format.MP4)
    path = tmp_path / "file.mp4"
    path.write_bytes(left.finished)
    report = recover(Format.MP4, path, first_dts_ms=left.stats.first_dts_ms)
    assert path.read_bytes() == left.finished
    assert report.stats == replace(left.stats, adjusted=0)
    assert (report.size_bytes, report.cut_bytes, report.problems) == (len(left.finished), 0, [])
    assert [track.kind for track in report.tracks] == [
        kind
        for kind, count in zip(
            ("video", "audio"), (left.stats.video_packets, left.stats.audio_packets), strict=True
        )
        if count
    ]
    assert all(track.codec_string for track in report.tracks)


@pytest.mark.parametrize("format", BARE)
def test_bare_audio_says_what_its_muxer_said(format, left, tmp_path):
    path = left[format].write(tmp_path / "file")
    report = recover(format, path, first_dts_ms=left[format].stats.first_dts_ms, grown=False)
    assert path.read_bytes() == left[format].finished
    said = left[format].stats
    assert replace(report.stats, last_dts_ms=0, duration_ms=0) == replace(said, last_dts_ms=0, duration_ms=0)
    assert abs(report.stats.duration_ms - said.duration_ms) <= 2  # a frame of 21.33 ms is 21 or 22
    assert abs(report.stats.last_dts_ms - said.last_dts_ms) <= 1


@pytest.mark.parametrize("format", FORMATS)
def test_cuts_anywhere_leave_the_whole_packets(format, left, sample, tmp_path):
    data, draw = left[format].data, random.Random(11)
    ends = whole_ends(left[format], tmp_path)
    for cut in sorted(draw.randrange(len(data) + 1) for _ in range(60)):
        path = left[format].write(tmp_path / f"file.{format.value}", cut)
        try:
            report = recover(format, path)
        except NothingRecorded:
            assert cut < 4_000
            continue
        assert report.size_bytes == path.stat().st_size
        packets = output_packets(path)
        assert report.stats.video_packets == len(packets.video)
        assert report.stats.audio_packets == len(packets.audio)
        lost_packets(sample(SOURCES[format]), path)
        if format is Format.MP4:
            assert report.stats.media_bytes == sum(packet.size for packet in packets.packets)
            assert report.stats.keyframes == sum(packet.key for packet in packets.video)
            decoded_ms = [one.shown_ms - (one.pts_ms - one.dts_ms) for one in packets.packets]
            assert report.stats.last_dts_ms == round(max(decoded_ms) - min(decoded_ms))
        else:
            assert path.stat().st_size == max(end for end in ends if end <= cut)
        before = path.read_bytes()
        again = recover(format, path, grown=False)
        assert (again.stats, again.tracks, again.cut_bytes) == (report.stats, report.tracks, 0)
        assert path.read_bytes() == before


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("share", [0.3, 0.77, 0.99])
def test_a_recovered_file_plays(format, share, left, tmp_path):
    cut = int(len(left[format].data) * share)
    path = left[format].write(tmp_path / f"file.{format.value}", cut)
    recover(format, path)
    assert_f3(path)


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("number", range(1, 5))
def test_what_a_torn_write_left_behind_whole_packets_goes(format, number, left, tmp_path):
    draw = random.Random(number)
    for end in draw.sample(whole_ends(left[format], tmp_path), 6):
        plain = left[format].write(tmp_path / f"plain.{format.value}", end)
        recover(format, plain)
        tail = tears(draw.randrange(1 << 30))[number]
        torn = left[format].write(tmp_path / f"torn.{format.value}", end, tail)
        assert recover(format, torn).cut_bytes == len(tail)
        assert torn.read_bytes() == plain.read_bytes()


def test_zeros_of_whole_blocks_are_no_samples(left, tmp_path):
    """A box may be whole by its size, and its media zeros that never reached the disk."""
    data = left[Format.MP4].data
    cut = len(data) * 2 // 3 // 4096 * 4096
    path = tmp_path / "file.mp4"
    path.write_bytes(data[:cut] + bytes(len(data) - cut))
    recover(Format.MP4, path)
    plain = left[Format.MP4].write(tmp_path / "plain.mp4", cut)
    recover(Format.MP4, plain)
    assert path.read_bytes() == plain.read_bytes()


def test_another_programs_fragments_are_left(left, tmp_path):
    data = left[Format.MP4].data
    ftyp_bytes = int.from_bytes(data[:4], "big")
    path = tmp_path / "file.mp4"
    path.write_bytes(data[:ftyp_bytes] + data[ftyp_bytes + 16 : len(data) // 2])
    before = path.read_bytes()
    report = recover(Format.MP4, path)
    assert report.problems == ["its fragments were written by another program: left fragmented"]
    assert path.read_bytes() == before


def test_what_is_no_recording_is_named(tmp_path):
    path = tmp_path / "file"
    cases = [
        (Format.MP4, b"", NothingRecorded),
        (Format.MP4, b"FLV\x01" + bytes(90) + b"x", MalformedMp4),
        (Format.MP4, b"\0\0\0\x10ftypisom\0\0\0\0" + b"\0\0\0\x10mdat" + b"12345678", MalformedMp4),
        (Format.AAC, b"", NothingRecorded),
        (Format.AAC, b"\xff\xf1", NothingRecorded),
        (Format.AAC, b"ID3" * 9_000, MalformedAudio),
        (Format.MP3, bytes(9_000) + b"1", MalformedAudio),
        (Format.MP3, bytes(90_000), NothingRecorded),
    ]
    for format, data, error in cases:
        path.write_bytes(data)
        with pytest.raises(error):
            recover(format, path)
        assert path.read_bytes() == data
    with pytest.raises(UsageError):
        recover(Format.HLS, path)
    with pytest.raises(FileNotFoundError):
        recover(Format.AAC, tmp_path / "absent")


@pytest.mark.parametrize("format", BARE)
def test_damage_inside_a_finished_file_is_left(format, left, tmp_path):
    data = bytearray(left[format].finished)
    data[len(data) // 2 : len(data) // 2 + 500] = os.urandom(500)
    path = tmp_path / "file"
    path.write_bytes(data)
    with pytest.raises(MalformedAudio, match="left as it is"):
        recover(format, path, grown=False)
    assert path.read_bytes() == data


@settings(max_examples=120)
@given(
    format=st.sampled_from(FORMATS),
    changes=st.lists(st.tuples(st.floats(0, 1), st.binary(min_size=1, max_size=9)), min_size=1, max_size=4),
    grown=st.booleans(),
)
def test_changed_bytes_give_a_file_or_a_named_error(left, tmp_path_factory, format, changes, grown):
    data = bytearray(left[format].data[:40_000])
    for place, written in changes:
        at = int(place**3 * (len(data) - len(written)))
        data[at : at + len(written)] = written
    folder = tmp_path_factory.mktemp("changed")
    path = folder / "file"
    path.write_bytes(data)
    try:
        report = recover(format, path, grown=grown)
    except ReelError:
        assert path.read_bytes() == data
    else:
        assert report.size_bytes == path.stat().st_size
    shutil.rmtree(folder)


def test_an_mp4_beyond_4_gib_is_whole_again(left, tmp_path):
    """The fragments of a real recording behind 5 GiB of a sparse box: sizes and offsets need 64 bits."""
    data, gap = left[Format.MP4].data, 5 << 30
    at = data.index(b"moof") - 4
    path = tmp_path / "big.mp4"
    with path.open("wb") as file:
        file.write(data[:at] + (1).to_bytes(4, "big") + b"skip" + gap.to_bytes(8, "big"))
        file.seek(gap - 16, os.SEEK_CUR)
        file.write(data[at : len(data) * 4 // 5])
    if path.stat().st_blocks * 512 > 1 << 30:
        pytest.skip("the file system keeps no sparse files")
    report = recover(Format.MP4, path)
    with path.open("rb") as file:
        opening = file.read(4096)
        placeholder = int.from_bytes(opening[:4], "big")
        header = opening[placeholder : placeholder + 16]
        assert header[:8] == b"\0\0\0\1mdat"
        end = placeholder + int.from_bytes(header[8:], "big")
        assert gap < end < report.size_bytes
        file.seek(end)
        moov = file.read()
    assert len(moov) == report.size_bytes - end
    assert moov.count(b"co64") == 2
    offsets = moov.index(b"co64") + 12
    first = int.from_bytes(moov[offsets : offsets + 8], "big")
    assert gap < first < gap + len(data)
    small = left[Format.MP4].write(tmp_path / "small.mp4", len(data) * 4 // 5)
    assert recover(Format.MP4, small).stats == report.stats
    assert_plays(path)
    assert _native.finalize_mp4(str(path))["bytes"] == report.size_bytes

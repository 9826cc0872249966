"""The oracle's F3 and C5 pass on good files and fail on planted faults."""

from __future__ import annotations

import re
import shutil
import struct
import subprocess
from pathlib import Path

import pytest

from oracle import flv, mp4, playlist, ts
from oracle.packets import output_packets
from oracle.rules import assert_f3, assert_playlist, assert_plays, playable
from oracle.samples import VALID_SAMPLES


@pytest.mark.parametrize("name", VALID_SAMPLES)
def test_samples_hold_f3(name, sample, ffmpeg):
    assert_f3(sample(name), ffmpeg=ffmpeg)


def test_what_ffmpeg_reads():
    assert playable("h265", "legacy", "flv")
    assert playable("h266", "enhanced", "flv")
    assert playable("h266", "legacy", "mp4")
    assert not playable("av1", "legacy", "flv")
    assert not playable("h264", "enhanced", "flv", multitrack=True)


@pytest.mark.parametrize("name", ["av1_id13_aac", "h266_id14_aac", "h264_opus_id13", "mp3_8k"])
def test_ffmpeg_does_not_read_what_the_table_says(name, sample, ffmpeg):
    """When this fails, FFmpeg has learnt to: the table is to be changed."""
    command = [ffmpeg, "-nostdin", "-v", "error", "-xerror", "-i", str(sample(name)), "-f", "null", "-"]
    assert subprocess.run(command, capture_output=True, timeout=60, check=False).returncode != 0


def patched(source: Path, target: Path, old: bytes, new: bytes) -> Path:
    data = source.read_bytes()
    assert old in data
    target.write_bytes(data.replace(old, new, 1))
    return target


def number(value: float) -> bytes:
    return b"\0" + struct.pack(">d", value)


def test_flv_faults_break_f3(sample, tmp_path, ffmpeg):
    good, bad = sample("h264_mp3"), tmp_path / "bad.flv"
    metadata = flv.read(good).metadata()
    longer = number(metadata["duration"] + 0.2)
    with pytest.raises(AssertionError, match="the container says"):
        assert_f3(patched(good, bad, b"duration" + number(metadata["duration"]), b"duration" + longer))
    size = number(metadata["filesize"])
    with pytest.raises(AssertionError, match="filesize"):
        assert_f3(patched(good, bad, b"filesize" + size, b"filesize" + number(1)))
    video = [tag for tag in flv.read(good).tags if tag.kind == flv.VIDEO]
    first_key = next(tag for tag in video if flv.main_media(tag).role == "frame")
    with pytest.raises(AssertionError, match="keyframe"):
        assert_f3(patched(good, bad, first_key.body[:20], b"\x27" + first_key.body[1:20]))
    with pytest.raises(AssertionError, match="the header's audio flag"):
        assert_f3(patched(good, bad, b"FLV\x01\x05", b"FLV\x01\x01"))
    config = video[0]
    with pytest.raises(AssertionError, match="before their configuration"):
        assert_f3(patched(good, bad, config.body[:2], config.body[:1] + b"\x02"))


@pytest.mark.parametrize("name", ["h264_mp3", "av1_id13_aac", "h264_opus_id13"])
def test_a_damaged_payload_does_not_play(name, sample, tmp_path, ffmpeg):
    """Also where FFmpeg reads the file only in its rewritten form."""
    kind = flv.AUDIO if "opus" in name else flv.VIDEO
    frames = [t for t in flv.read(sample(name)).tags if t.kind == kind and flv.main_media(t).role == "frame"]
    body = frames[3].body
    head = 1 if kind == flv.AUDIO else 5
    spoiled = body[:head] + b"\xff" * (len(body) - head)
    bad = patched(sample(name), tmp_path / "bad.flv", body, spoiled)
    with pytest.raises(AssertionError, match="ffmpeg"):
        assert_plays(bad, ffmpeg=ffmpeg)


@pytest.fixture(scope="module")
def good_mp4(sample, tmp_path_factory, ffmpeg) -> Path:
    path = tmp_path_factory.mktemp("mp4") / "good.mp4"
    command = [ffmpeg, "-nostdin", "-v", "error", "-i", str(sample("h264_mp3")), "-c", "copy", str(path)]
    subprocess.run(command, check=True, timeout=60)
    return path


def test_mp4_faults_break_f3(good_mp4, tmp_path):
    assert_f3(good_mp4)
    data, bad = good_mp4.read_bytes(), tmp_path / "bad.mp4"
    at = data.index(b"mvhd") + 20
    bad.write_bytes(data[:at] + bytes(4) + data[at + 4 :])
    with pytest.raises(AssertionError, match="movie header"):
        assert_f3(bad)
    at = data.index(b"mdhd") + 20
    bad.write_bytes(data[:at] + bytes(4) + data[at + 4 :])
    with pytest.raises(AssertionError, match="track: the container says"):
        assert_f3(bad)
    at = data.index(b"avcC")
    bad.write_bytes(data[:at] + b"free" + data[at + 4 :])
    with pytest.raises(ValueError, match="no decoder configuration"):
        assert_f3(bad)
    bad.write_bytes(data[:-20])
    with pytest.raises(mp4.DamagedMp4Error):
        assert_f3(bad)


PLAYLIST_OPTIONS = ["-hls_time", "2", "-hls_list_size", "0", "-hls_playlist_type", "vod"]
PLAYLIST_OPTIONS += ["-hls_flags", "program_date_time", "-hls_fmp4_init_filename", "good/init.mp4"]


@pytest.fixture(scope="module", params=["mpegts", "fmp4"])
def good_hls(request, sample, tmp_path_factory, ffmpeg) -> Path:
    """A playlist in the layout of the engine, made by FFmpeg: `good.m3u8`, its segments in `good/`."""
    folder = tmp_path_factory.mktemp("hls")
    (folder / "good").mkdir()
    names = f"good/%d.{'ts' if request.param == 'mpegts' else 'm4s'}"
    command = [ffmpeg, "-nostdin", "-v", "error", "-i", str(sample("h264_mp3")), "-c", "copy"]
    command += [*PLAYLIST_OPTIONS, "-hls_segment_type", request.param, "-hls_segment_filename", names]
    subprocess.run([*command, "good.m3u8"], check=True, timeout=60, cwd=folder)
    path = folder / "good.m3u8"
    path.write_text(re.sub(r"^(?=\d\.(ts|m4s)$)", "good/", path.read_text(), flags=re.MULTILINE))
    return path


FAULTS = {
    "a target that is too small": (r"TARGETDURATION:\d+", "TARGETDURATION:1", "TARGETDURATION is 1"),
    "a target that is too large": (r"TARGETDURATION:\d+", "TARGETDURATION:9", "TARGETDURATION is 9"),
    "no end": (r"#EXT-X-ENDLIST\n", "", "ENDLIST"),
    "no type": (r"#EXT-X-PLAYLIST-TYPE:VOD\n", "", "PLAYLIST-TYPE"),
    "still growing": ("TYPE:VOD", "TYPE:EVENT", "EVENT"),
    "another start": ("SEQUENCE:0", "SEQUENCE:1", "media sequence"),
    "a wrong duration": (r"EXTINF:2.000", "EXTINF:2.010", "EXTINF says 2.010"),
    "whole seconds": (r"EXTINF:2.0+,", "EXTINF:2,", "EXTINF 2"),
    "no wall clock": (r"#EXT-X-PROGRAM-DATE-TIME:.*\n", "", "PROGRAM-DATE-TIME"),
    "an old version": (r"VERSION:\d", "VERSION:2", "version 2"),
    "a way out": ("\ngood/", "\n../good/", "leads away"),
}


def test_good_playlists(good_hls):
    assert_playlist(good_hls)
    assert_f3(good_hls)
    growing = good_hls.read_text().replace("TYPE:VOD", "TYPE:EVENT").replace("#EXT-X-ENDLIST\n", "")
    growing_path = good_hls.with_name("growing.m3u8")
    growing_path.write_text(growing)
    assert_playlist(growing_path, final=False)


@pytest.mark.parametrize("fault", FAULTS)
def test_playlist_faults_break_c5(fault, good_hls):
    old, new, words = FAULTS[fault]
    text, count = re.subn(old, new, good_hls.read_text(), count=0 if fault == "no wall clock" else 1)
    assert count
    bad = good_hls.with_name("bad.m3u8")
    bad.write_text(text)
    with pytest.raises(AssertionError, match=words):
        assert_playlist(bad)


@pytest.mark.parametrize("fault", ["missing", "empty", "unlisted", "no keyframe", "cut"])
def test_segment_faults_break_c5(fault, good_hls, tmp_path):
    shutil.copytree(good_hls.parent, tmp_path / "copy")
    path = tmp_path / "copy" / good_hls.name
    second = path.parent / playlist.read(path).segments[1].uri
    if fault == "missing":
        second.unlink()
    elif fault == "empty":
        second.write_bytes(b"")
    elif fault == "unlisted":
        (second.parent / "stray.tmp").write_bytes(b"x")
    elif fault == "cut":
        second.write_bytes(second.read_bytes()[:-100])
    else:
        data = second.read_bytes()
        if second.suffix == ".ts":  # random_access_indicator of the first packet that has it
            starts = range(0, len(data), ts.PACKET_BYTES)
            at = next(n for n in starts if data[n + 3] & 0x20 and data[n + 4] and data[n + 5] & 0x40)
            data = data[: at + 5] + bytes([data[at + 5] & 0xBF]) + data[at + 6 :]
        else:
            at = data.index(b"trun") + 16  # first_sample_flags, behind version, count and data offset
            data = data[:at] + (0x01010000).to_bytes(4, "big") + data[at + 4 :]
        second.write_bytes(data)
    words = {
        "missing": "is missing",
        "empty": "is empty",
        "unlisted": "does not list",
        "no keyframe": "does not begin with a keyframe",
        "cut": "box|packets of|beyond the data",
    }[fault]
    with pytest.raises((AssertionError, ts.DamagedTsError, mp4.DamagedMp4Error), match=words):
        assert_playlist(path)


def test_a_missing_ts_packet_is_found(good_hls, tmp_path):
    if output_packets(good_hls).container != "ts":
        return
    data = (good_hls.parent / playlist.read(good_hls).segments[0].uri).read_bytes()
    ts.read(data)
    with pytest.raises(ts.DamagedTsError):
        ts.read(data[: 10 * ts.PACKET_BYTES] + data[11 * ts.PACKET_BYTES :])

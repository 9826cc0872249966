"""What `probe` notices. Hostile files make lines, never exceptions."""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
import sys
from pathlib import Path

import batches
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from muxing import mux_file, mux_hls, read_stream
from oracle.samples import INVALID_SAMPLES, SAMPLE_STREAMS

from engine import _native
from engine.media.codecs import Format
from engine.mux import MuxOptions
from engine.mux.probe import Report, probe
from engine.mux.probe.report import Meters, TrackReport

FILES = ["flv", "mp4", "aac", "mp3", "ts"]


@pytest.fixture(scope="module")
def made(sample, tmp_path_factory) -> dict[str, Path]:
    """A finished file of every container; `ts` and `m4s` are segments, `hls` and `fmp4` playlists."""
    folder = tmp_path_factory.mktemp("made")
    stream, music = read_stream(sample("h264_aac_bframes")), read_stream(sample("mp3_only"))
    files = {
        format.value: mux_file(stream, folder, format)[0] for format in (Format.FLV, Format.MP4, Format.AAC)
    }
    files["mp3"] = mux_file(music, folder, Format.MP3)[0]
    for kind in ("ts", "fmp4"):
        (folder / kind).mkdir()
        options = MuxOptions(hls_segment=kind, hls_time_s=2.0)
        files["hls" if kind == "ts" else "fmp4"] = mux_hls(stream, folder / kind, options)[0].playlist
    files["ts"] = folder / "ts" / "out" / "00000.ts"
    return files


def copied(made, name, tmp_path, change) -> Report:
    """The report on a changed copy of a file."""
    target = tmp_path / made[name].name
    target.write_bytes(change(made[name].read_bytes()))
    return probe(target)


@pytest.fixture
def hls(made, tmp_path) -> Path:
    """A copy of the TS playlist with its segments."""
    shutil.copytree(made["hls"].parent, tmp_path / "copy")
    return tmp_path / "copy" / "out.m3u8"


@pytest.mark.parametrize("name", [*FILES, "hls", "fmp4"])
def test_whole_files_are_whole(made, name):
    report = probe(made[name])
    assert (report.damaged, report.anomalies, report.discontinuities) == ([], [], [])
    assert report.size_bytes
    if name in ("flv", "mp4", "hls", "fmp4"):
        video, audio = report.tracks
        assert (video.kind, video.codec, video.width, video.height) == ("video", "H.264", 320, 180)
        assert (video.packets, video.keyframes, video.frame_ms) == (200, 8, 40)
        assert video.keyframe_distances.longest_ms == pytest.approx(1000, abs=0.01)
        assert (audio.codec, audio.sample_rate, audio.channels, audio.packets) == ("AAC", 48_000, 1, 376)
        assert report.duration_ms == pytest.approx(8081, abs=1.5)
    assert report.segments == (4 if name in ("hls", "fmp4") else None)


def test_fields_that_people_compare(made):
    report = probe(made["flv"])
    assert report.container == "FLV"
    assert [track.codec_string for track in report.tracks] == ["avc1.64000c", "mp4a.40.2"]
    assert [(track.first_ms, track.last_ms) for track in report.tracks] == [(0, 7960), (59, 8059)]


@pytest.mark.parametrize("name", FILES)
def test_a_cut_file_is_damaged(made, name, tmp_path):
    assert copied(made, name, tmp_path, lambda data: data[: len(data) * 2 // 3 - 5]).damaged


@pytest.mark.parametrize("name", FILES)
def test_an_empty_file_is_damaged(made, name, tmp_path):
    assert copied(made, name, tmp_path, lambda data: b"").damaged == ["the file is empty"]


@pytest.mark.parametrize("name", ["flv", "aac", "mp3", "ts"])
def test_garbage_inside_is_damage(made, name, tmp_path):
    def change(data):
        middle = len(data) // 376 * 188
        return data[:middle] + b"\x5a" * 600 + data[middle + 600 :]

    assert copied(made, name, tmp_path, change).damaged


def test_lost_transport_packets_are_damage(made, tmp_path):
    report = copied(made, "ts", tmp_path, lambda data: data[: 188 * 40] + data[188 * 43 :])
    assert any("continuity" in line for line in report.damaged)


@pytest.mark.parametrize("name", INVALID_SAMPLES)
def test_invalid_samples_are_read_to_their_end(name):
    report = probe(SAMPLE_STREAMS / name)
    assert report.damaged or report.anomalies or report.tracks


def test_a_fragmented_mp4_says_so(sample, tmp_path, made):
    path = tmp_path / "fragmented.mp4"
    data = (made["fmp4"].parent / "out" / "init-0.mp4").read_bytes()
    path.write_bytes(data + (made["fmp4"].parent / "out" / "00000.m4s").read_bytes())
    report = probe(path)
    assert report.container == "MP4 (fragmented)"
    assert report.damaged == []


def test_other_files_are_named_as_such(tmp_path):
    path = tmp_path / "x.flv"
    path.write_bytes(b"hello, world" * 40)
    report = probe(path)
    assert report.damaged == ["not FLV, MP4, MPEG-TS, ADTS, MP3 or an HLS playlist"]


def test_lines_are_lines():
    report = Report("x", "y")
    report.damage("one\ntwo\t" + "x" * 1000)
    assert report.damaged == ["one two " + "x" * 292 + "..."]


def test_a_missing_file_is_the_callers_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        probe(tmp_path / "nothing.flv")


def flv_of(tmp_path, *tags) -> Report:
    rows = batches.batch(*tags)
    path = tmp_path / "made.flv"
    path.write_bytes(
        _native.flv_header(True, True) + _native.flv_tags(rows.arena, rows.tags.tobytes(), 0, "source")[0]
    )
    return probe(path)


def test_flv_without_configuration_is_damaged(tmp_path):
    report = flv_of(tmp_path, batches.video(0, key=True), batches.video(40))
    assert report.damaged == ["video has no decoder configuration before its first packet"]


def test_flv_that_starts_between_keyframes_is_unusual(tmp_path):
    report = flv_of(tmp_path, batches.video_config(), batches.video(0), batches.video(40, key=True))
    assert report.damaged == []
    assert "video does not start with a keyframe" in report.anomalies


def test_flv_clocks(tmp_path):
    wrap = 1 << 32
    times = [wrap - 80, wrap - 40, 0, 40, 40, 30, 80, 20_000, 20_040, 10_000, 10_040]
    tags = [batches.video(time, key=number == 0) for number, time in enumerate(times)]
    report = flv_of(tmp_path, batches.video_config(wrap - 80), *tags)
    assert report.damaged == []
    assert report.discontinuities == [
        f"video jumps by +19920 ms to {wrap + 20_000} ms",
        f"video jumps by -10040 ms to {wrap + 10_000} ms",
    ]
    assert "1 video packets share their time with the one before" in report.anomalies
    assert "1 video packets step back in time" in report.anomalies


def test_flv_changes_of_configuration_are_noticed(tmp_path):
    other = bytearray(batches.AVC_CONFIG)
    other[3] ^= 1
    report = flv_of(
        tmp_path,
        batches.video_config(),
        batches.video(0, key=True),
        batches.video_config(40),
        batches.video_config(80, bytes(other)),
        batches.video(80, key=True),
    )
    assert [line for line in report.anomalies if "configuration" in line] == [
        "video configuration changes at 80 ms"
    ]


def test_flv_metadata_that_lies_is_noticed(made, tmp_path):
    key = b"\0\x08filesize\0"

    def change(data):
        at = data.index(key) + len(key)
        return data[:at] + struct.pack(">d", 1234.0) + data[at + 8 :]

    report = copied(made, "flv", tmp_path, change)
    assert report.anomalies == [f"onMetaData says 1234 bytes, the file has {report.size_bytes}"]


def test_an_output_of_many_faults_is_not_endless():
    report = Report("x", "y")
    for number in range(1000):
        report.damage(f"fault {number}")
    assert len(report.damaged) == 21


def test_meters_measure_the_same_in_any_pieces():
    times = np.array([0.0, 40, 80, 80, 120, 90, 160, 40_000, 40_040])
    keys = np.array([True, False, True, False, False, True, False, True, False])
    results = []
    for size in (1, 2, 3, 9):
        report = Report("x", "y")
        meters = Meters(report)
        meter = meters.new(TrackReport("video", "H.264"))
        for at in range(0, len(times), size):
            meter.add(times[at : at + size], keys[at : at + size], 10)
        meters.finish()
        results.append(
            (report.duration_ms, report.anomalies, report.discontinuities, meter.track.keyframe_distances)
        )
    assert all(result == results[0] for result in results)


class TestPlaylists:
    def edit(self, hls: Path, old: str, new: str) -> list[str]:
        text = hls.read_text()
        assert old in text
        hls.write_text(text.replace(old, new, 1))
        return probe(hls).damaged

    def test_no_endlist(self, hls):
        assert self.edit(hls, "#EXT-X-ENDLIST\n", "") == ["no EXT-X-ENDLIST: still growing, or cut"]

    def test_extinf_that_lies(self, hls):
        assert self.edit(hls, "#EXTINF:2.000,", "#EXTINF:1.900,") == [
            "out/00000.ts: EXTINF says 1900 ms, its media 2000 ms"
        ]

    def test_target_duration_that_is_too_short(self, hls):
        damaged = self.edit(hls, "#EXT-X-TARGETDURATION:2", "#EXT-X-TARGETDURATION:1")
        assert len(damaged) == 4
        assert "beyond EXT-X-TARGETDURATION 1" in damaged[0]

    def test_no_target_duration(self, hls):
        assert self.edit(hls, "#EXT-X-TARGETDURATION:2\n", "") == ["no EXT-X-TARGETDURATION"]

    def test_a_missing_segment(self, hls):
        (hls.parent / "out" / "00001.ts").unlink()
        damaged = probe(hls).damaged
        assert any(line.startswith("out/00001.ts: No such file") for line in damaged)

    def test_a_cut_segment(self, hls):
        segment = hls.parent / "out" / "00001.ts"
        segment.write_bytes(segment.read_bytes()[:-500])
        assert any(line.startswith("out/00001.ts: ends inside a packet") for line in probe(hls).damaged)

    @pytest.mark.parametrize(
        "uri", ["/etc/passwd", "../../../etc/passwd", "http://127.0.0.1/x.ts", "%2e%2e/%2e%2e/x"]
    )
    def test_a_segment_elsewhere(self, hls, uri):
        assert f"{uri}: not a file beside the playlist" in self.edit(hls, "out/00000.ts", uri)

    def test_a_name_that_no_file_has(self, hls):
        hls.write_bytes(hls.read_bytes().replace(b"out/00000.ts", b"out/\0.ts", 1))
        assert "out/\0.ts: not a file beside the playlist" in probe(hls).damaged

    @pytest.mark.parametrize("number", ["nan", "inf", "-inf", "1e999"])
    def test_an_extinf_that_is_no_number(self, hls, number):
        head = "#EXTM3U\n#EXT-X-TARGETDURATION:2\n"
        hls.write_text(f"{head}#EXTINF:{number},\nout/00000.ts\n#EXT-X-ENDLIST\n")
        assert probe(hls).damaged == [f"out/00000.ts: EXTINF is {float(number)}"]

    def test_a_segment_is_read_once(self, hls):
        damaged = self.edit(hls, "out/00001.ts", "out/00000.ts")
        assert "out/00000.ts: listed more than once" in damaged

    def test_a_segment_that_never_ends(self, hls):
        segment = hls.parent / "out" / "00001.ts"
        segment.unlink()
        os.mkfifo(segment)
        assert any(line == "out/00001.ts: not a regular file" for line in probe(hls).damaged)

    def test_more_segments_than_a_recording_has(self, hls):
        hls.write_text("#EXTM3U\n" + "#EXTINF:1,\na\n" * (1 << 18) + "#EXTINF:1,\na\n")
        assert probe(hls).damaged == ["a playlist of 262145 segments"]

    def test_a_multivariant_playlist(self, hls):
        hls.write_text("#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\nother.m3u8\n")
        assert probe(hls).damaged == ["a multivariant playlist, not a media playlist"]

    @pytest.mark.parametrize(
        "text", ["#EXTM3U\n", "#EXTM3U\n#EXTINF:abc,\nx.ts\n", "#EXTM3U\n\xff\xfe", "#EXTM3U\nx.ts"]
    )
    def test_nonsense(self, hls, text):
        hls.write_text(text, encoding="latin-1")
        assert probe(hls).damaged


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    name=st.sampled_from(["flv", "mp4", "aac", "mp3", "ts", "hls"]),
    cut=st.floats(0, 1),
    flips=st.lists(st.tuples(st.floats(0, 0.999), st.integers(1, 255)), max_size=8),
)
def test_no_file_makes_it_raise(made, tmp_path, name, cut, flips):
    data = bytearray(made[name].read_bytes())
    for at, bits in flips:
        data[int(at * len(data))] ^= bits
    target = tmp_path / f"hostile{made[name].suffix}"
    target.write_bytes(data[: round(cut * len(data))])
    assert isinstance(probe(target), Report)


FRESH = """
import sys
from pathlib import Path
from engine.mux.probe import probe
print(*probe(Path(sys.argv[1])).damaged, sep="\\n")
"""


def test_a_process_that_only_inspects_hears_ffmpeg_as_well(made, tmp_path):
    """In a process of its own: what hears FFmpeg must be set up by whatever imports it."""
    damaged, data = tmp_path / "damaged.mp4", bytearray(made["mp4"].read_bytes())
    data[data.rindex(b"stsz") + 17] = 0xFF  # the first sample takes 16 MB
    damaged.write_bytes(data)
    said = subprocess.run(
        [sys.executable, "-P", "-c", FRESH, damaged], capture_output=True, text=True, timeout=60, check=True
    )
    assert said.stdout.splitlines() == probe(damaged).damaged
    assert any(line.startswith("FFmpeg") for line in said.stdout.splitlines())
    assert said.stderr == ""

"""HLS: where segments begin, what the playlist says while it grows, and breaks of the clock."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from muxing import PlainFolder, mux_hls, read_stream
from oracle import playlist
from oracle.packets import output_packets, segment_packets
from oracle.playback import assert_plays
from oracle.rules import assert_playlist

from engine.errors import MuxError
from engine.media.batch import Batch, Flag, Kind
from engine.media.codecs import Format
from engine.mux import MuxOptions, open_muxer
from engine.mux.probe import probe
from engine.timeline import Timeline

STARTED = datetime(2026, 2, 3, 4, 5, 6, 789_000, tzinfo=UTC)
SEGMENTS = ["ts", "fmp4"]


def hls(stream, tmp_path, **options):
    folder = PlainFolder(tmp_path / "out.m3u8")
    return folder, open_muxer(Format.HLS, stream.tracks, folder, MuxOptions(started_at=STARTED, **options))


def broken(stream):
    """The same rows, the first of them marked as a break of the clock."""
    tags = stream.batch.tags.copy()
    tags["flags"][0] |= Flag.DISCONTINUITY
    return replace(stream, batch=Batch(stream.batch.arena, tags))


@pytest.mark.parametrize("segment", SEGMENTS)
def test_segments_begin_at_the_first_keyframe_after_the_time(segment, sample, tmp_path):
    out, _ = mux_hls(
        read_stream(sample("h264_aac_bframes")), tmp_path, MuxOptions(hls_segment=segment, hls_time_s=1.5)
    )
    listed = assert_playlist(out.playlist)
    assert [one.duration_text for one in listed.segments[:-1]] == ["2.000"] * 3
    assert {one.uri.rsplit(".")[-1] for one in listed.segments} == {"ts" if segment == "ts" else "m4s"}


@pytest.mark.parametrize("rows", [1, 7, 10_000])
def test_batches_do_not_decide_where_segments_begin(rows, sample, tmp_path):
    stream = read_stream(sample("h264_aac_bframes"))
    out, muxer = hls(stream, tmp_path, hls_time_s=1.0)
    for batch in stream.batches(rows):
        muxer.write(batch)
    muxer.close()
    durations = [one.duration_text for one in assert_playlist(out.playlist).segments]
    assert durations == ["1.000"] * 7 + ["1.081"]


@pytest.mark.parametrize("segment", SEGMENTS)
def test_audio_alone_is_cut_at_any_packet(segment, sample, tmp_path):
    out, stats = mux_hls(
        read_stream(sample("aac_only")), tmp_path, MuxOptions(hls_segment=segment, hls_time_s=1.0)
    )
    listed = assert_playlist(out.playlist)
    assert all(1.0 <= one.duration_s < 1.03 for one in listed.segments[:-1])
    assert round(sum(one.duration_s for one in listed.segments) * 1000) == stats.duration_ms


def test_the_playlist_grows_by_whole_segments(sample, tmp_path):
    stream = read_stream(sample("h264_aac_bframes"))
    out, muxer = hls(stream, tmp_path, hls_time_s=2.0)
    for batch in stream.batches():
        muxer.write(batch)
        if out.published:
            assert_playlist(out.playlist, final=False)
    assert len(out.published) == 3
    for before, after in zip(out.published, out.published[1:], strict=False):
        assert after.startswith(before)
    muxer.close()
    assert "#EXT-X-PLAYLIST-TYPE:VOD" in out.published[-1]
    assert out.published[-1].endswith("#EXT-X-ENDLIST\n")
    assert muxer.stats.duration_ms == 8081


def test_target_duration_is_raised_by_a_long_segment(sample, tmp_path):
    out, _ = mux_hls(read_stream(sample("h264_aac_bframes")), tmp_path, MuxOptions(hls_time_s=6.5))
    targets = [int(re.findall(r"TARGETDURATION:(\d+)", text)[0]) for text in out.published]
    assert targets == [7, 7, 7]
    out.playlist.unlink()


def test_wall_clock_starts_where_the_recording_did(sample, tmp_path):
    stream = read_stream(sample("h264_aac_bframes"))
    out, muxer = hls(stream, tmp_path, hls_time_s=2.0)
    muxer.write(stream.batch)
    muxer.close()
    times = [one.program_time for one in playlist.read(out.playlist).segments]
    assert times == [STARTED + timedelta(seconds=2 * number) for number in range(4)]
    assert "#EXT-X-PROGRAM-DATE-TIME:2026-02-03T04:05:06.789Z" in out.published[0]


@pytest.mark.parametrize(
    ("name", "fragmented"),
    [("h264_mp3", False), ("h265_enhanced_aac", True), ("h264_opus", True), ("h266_aac", False)],
)
def test_auto_chooses_what_players_read(name, fragmented, sample, tmp_path):
    out, _ = mux_hls(read_stream(sample(name)), tmp_path, MuxOptions())
    text = out.published[-1]
    assert ("#EXT-X-MAP" in text) == fragmented
    assert f"#EXT-X-VERSION:{6 if fragmented else 3}\n" in text


@pytest.mark.parametrize("segment", SEGMENTS)
@pytest.mark.parametrize("timestamps", ["original", "zero"])
def test_restart_goes_on_with_other_tracks_and_another_clock(segment, timestamps, sample, tmp_path):
    first, second = read_stream(sample("h264_aac_bframes")), read_stream(sample("h265_enhanced_aac"))
    out, muxer = hls(first, tmp_path, hls_time_s=2.0, hls_segment=segment, timestamps=timestamps)
    for batch in first.shifted(500_000).batches():
        muxer.write(batch)
    back = STARTED + timedelta(minutes=5)
    muxer.restart(second.tracks, back)
    for batch in second.batches():
        muxer.write(batch)
    muxer.close()
    listed = assert_playlist(out.playlist)
    runs = [one.run for one in listed.segments]
    assert runs == sorted(runs)
    assert set(runs) == {0, 1}
    again = next(one for one in listed.segments if one.run)
    assert again.program_time == back
    assert len({one.map_uri for one in listed.segments}) == (2 if segment == "fmp4" else 1)
    packets = output_packets(out.playlist).packets
    assert {packet.codec for packet in packets if packet.span == 1} == {"h265", "aac"}
    starts = [min(p.dts_ms for p in packets if p.span == span) for span in (0, 1)]
    begins = 0 if timestamps == "zero" else 500_000
    assert [round(start) for start in starts] == [begins, begins + 8081]
    assert muxer.stats.video_packets == sum(packet.kind == "video" for packet in packets)
    assert muxer.stats.duration_ms == round(sum(one.duration_s for one in listed.segments) * 1000)
    report = probe(out.playlist)
    assert report.damaged == []
    assert len(report.discontinuities) == 1


def test_a_push_that_says_it_began_before_the_last_one_ended_begins_at_its_end(sample, tmp_path):
    """What the last one's clock was first told came late: EXT-X-PROGRAM-DATE-TIME does not step back."""
    stream = read_stream(sample("h264_aac_bframes"))
    out, muxer = hls(stream, tmp_path, hls_time_s=2.0)
    for batch in stream.batches():
        muxer.write(batch)
    muxer.restart(stream.tracks, STARTED + timedelta(seconds=1))
    for batch in stream.batches():
        muxer.write(batch)
    muxer.close()
    listed = assert_playlist(out.playlist)
    last = [one for one in listed.segments if one.run == 0][-1]
    again = next(one for one in listed.segments if one.run)
    assert again.program_time == last.program_time + timedelta(seconds=float(last.duration_s))


@pytest.mark.parametrize("name", ["h264_aac_bframes", "video_only"])
def test_behind_a_splice_nothing_is_shown_before_the_last_frame_ended(name, sample, tmp_path):
    """Reordered frames are shown later than the last one is decoded."""
    first, second = read_stream(sample(name)), read_stream(sample("aac_only"))
    tags = first.batch.tags.copy()
    tags["cts"][tags["kind"] == Kind.VIDEO] += 400
    out, muxer = hls(first, tmp_path)
    muxer.write(Batch(first.batch.arena, tags))
    muxer.restart(second.tracks, STARTED + timedelta(minutes=5))
    muxer.write(second.batch)
    muxer.close()
    shown = [[one.shown_ms for one in output_packets(out.playlist).packets if one.span == n] for n in (0, 1)]
    assert min(shown[1]) > max(shown[0])


@pytest.mark.parametrize("segment", SEGMENTS)
def test_a_marked_row_breaks_the_clock(segment, sample, tmp_path):
    stream = read_stream(sample("h264_aac_bframes"))
    out, muxer = hls(stream, tmp_path, hls_time_s=3.0, hls_segment=segment)
    muxer.write(broken(stream).batch)  # nothing before it: no break
    muxer.write(broken(stream.shifted(9_000)).batch)
    muxer.close()
    listed = assert_playlist(out.playlist)
    assert [one.run for one in listed.segments] == [0, 0, 0, 1, 1, 1]
    assert [one.duration_text for one in listed.segments] == ["3.000", "3.000", "2.081"] * 2
    assert out.published[-1].count("#EXT-X-MAP") == (segment == "fmp4")
    assert_plays(out.playlist)


def test_restart_twice_is_one_discontinuity(sample, tmp_path):
    stream = read_stream(sample("h264_aac_bframes"))
    out, muxer = hls(stream, tmp_path)
    muxer.restart(stream.tracks)
    muxer.write(stream.batch)
    muxer.restart(stream.tracks)
    muxer.restart(stream.tracks)
    muxer.write(stream.shifted(60_000).batch)
    muxer.close()
    assert out.published[-1].count("#EXT-X-DISCONTINUITY") == 1


@pytest.mark.parametrize("segment", SEGMENTS)
def test_no_keyframe_for_long_keeps_the_segment_going(segment, sample, tmp_path):
    stream = read_stream(sample("h264_aac_bframes"))
    tags = stream.batch.tags.copy()
    video = tags["kind"] == 9
    tags["flags"][video] &= ~np.uint8(Flag.KEY)
    tags["flags"][np.flatnonzero(video)[0]] |= np.uint8(Flag.KEY)
    out, _ = mux_hls(
        replace(stream, batch=Batch(stream.batch.arena, tags)),
        tmp_path,
        MuxOptions(hls_time_s=1.0, hls_segment=segment),
    )
    assert len(playlist.read(out.playlist).segments) == 1
    assert "#EXT-X-TARGETDURATION:8" in out.published[-1]


def test_a_start_without_keyframe_is_not_called_independent(sample, tmp_path):
    stream = read_stream(sample("h264_aac_bframes"))
    late = replace(stream, batch=stream.batch.rows(slice(9, None)))
    out, _ = mux_hls(late, tmp_path, MuxOptions())
    assert "INDEPENDENT" not in out.published[-1]


def test_counters_of_transport_packets_go_on_from_segment_to_segment(sample, tmp_path):
    out, _ = mux_hls(
        read_stream(sample("h264_aac_bframes")), tmp_path, MuxOptions(hls_time_s=1.0, hls_segment="ts")
    )
    joined = b"".join(path.read_bytes() for path in sorted(out.folder.iterdir()))
    packets = np.frombuffer(joined, dtype=np.uint8).reshape(-1, 188)
    pids = (packets[:, 1].astype(int) & 31) << 8 | packets[:, 2]
    assert {0, 0x107, 0x16E} <= set(pids.tolist())  # H.264 and AAC
    for pid in set(pids.tolist()):
        counters = packets[pids == pid, 3] & 15
        assert set((np.diff(counters) & 15).tolist()) <= {1}, f"PID {pid}"


def test_fragments_are_numbered_through(sample, tmp_path):
    out, _ = mux_hls(
        read_stream(sample("h264_aac_bframes")), tmp_path, MuxOptions(hls_time_s=2.0, hls_segment="fmp4")
    )
    joined = b"".join(path.read_bytes() for path in sorted(out.folder.glob("*.m4s")))
    numbers = [
        int.from_bytes(joined[at.end() + 4 : at.end() + 8], "big") for at in re.finditer(b"mfhd", joined)
    ]
    assert numbers == list(range(1, len(numbers) + 1))
    assert len(numbers) >= 8  # a second each, not a segment each: rule S2


@pytest.mark.parametrize("start_ms", [(1 << 33) // 90 - 3000, -3000])
def test_the_transport_clock_wraps(start_ms, sample, tmp_path):
    stream = read_stream(sample("h264_aac_bframes")).shifted(start_ms)
    out, stats = mux_hls(stream, tmp_path, MuxOptions(hls_time_s=2.0, hls_segment="ts"))
    assert_playlist(out.playlist)
    assert stats.first_dts_ms == start_ms
    report = probe(out.playlist)
    assert report.damaged == report.discontinuities == []
    assert abs(report.duration_ms - stats.duration_ms) <= 1


def test_negative_times_fit_into_fragments(sample, tmp_path):
    stream = read_stream(sample("h264_aac_bframes")).shifted(-3000)
    out, stats = mux_hls(stream, tmp_path, MuxOptions(hls_time_s=2.0, hls_segment="fmp4"))
    assert_playlist(out.playlist)
    assert stats.adjusted == 0
    first = next(segment_packets(playlist.read(out.playlist)))[0]
    assert first.dts_ms == 0


def test_nothing_in_nothing_published(sample, tmp_path):
    out, muxer = hls(read_stream(sample("aac_only")), tmp_path)
    muxer.close()
    muxer.close()
    assert out.published == []
    with pytest.raises(MuxError):
        muxer.write(read_stream(sample("aac_only")).batch)


def surveyed(stream, rows=30):
    """Its batches as the timeline leaves them: the plain ones with a survey."""
    timeline = Timeline()
    batches = [Batch(batch.arena, batch.tags.copy()) for batch in stream.batches(rows)]
    for batch in batches:
        timeline.place(batch)
    assert sum(batch.survey is not None for batch in batches) > len(batches) // 2
    return batches


@pytest.mark.parametrize("rows", [30, 90])
@pytest.mark.parametrize("segment", SEGMENTS)
@pytest.mark.parametrize("name", ["h264_aac_bframes", "h264_mp3", "h265_id12_aac", "aac_only", "h266_aac"])
def test_surveys_decide_as_rows_do(name, segment, rows, sample, tmp_path):
    stream = read_stream(sample(name))
    outcomes = []
    for with_surveys in (True, False):
        (tmp_path / str(with_surveys)).mkdir()
        out, muxer = hls(stream, tmp_path / str(with_surveys), hls_segment=segment, hls_time_s=1.0)
        batches = surveyed(stream, rows)
        for batch in batches:
            muxer.write(batch if with_surveys else Batch(batch.arena, batch.tags))
        muxer.restart(stream.tracks, STARTED + timedelta(seconds=30))
        for batch in batches:
            muxer.write(batch if with_surveys else Batch(batch.arena, batch.tags))
        muxer.close()
        files = {path.name: path.read_bytes() for path in out.folder.iterdir()}
        outcomes.append((out.published, out.notes, files, muxer.stats))
    assert outcomes[0] == outcomes[1]


def test_a_plain_batch_is_cut_again_when_the_time_has_passed_again(sample, tmp_path):
    """Every frame is a keyframe: cuts are as far apart as they should be, not at each behind the first."""
    stream = read_stream(sample("h264_aac_bframes"))
    flags = stream.batch.tags["flags"]
    flags[stream.batch.tags["kind"] == int(Kind.VIDEO)] |= np.uint8(int(Flag.KEY))
    out, muxer = hls(stream, tmp_path, hls_segment="ts", hls_time_s=0.5)
    for batch in surveyed(stream, 90):
        muxer.write(batch)
    muxer.close()
    lengths_s = [float(length) for length in re.findall(r"#EXTINF:([\d.]+),", out.published[-1])]
    assert len(lengths_s) > 10
    assert min(lengths_s[:-1]) >= 0.5


def test_refused_packets_of_a_survey_are_counted(sample, tmp_path):
    stream = read_stream(sample("h264_mp3"))
    out, muxer = hls(stream, tmp_path, hls_segment="ts")
    batches = surveyed(stream)
    torn = batches[3]
    assert torn.survey is not None
    rows = np.flatnonzero(torn.tags["kind"] == 9)[1:]
    torn.tags["media_size"][rows] -= 1
    for batch in batches:
        muxer.write(batch)
    muxer.close()
    assert muxer.stats.refused == len(rows)
    assert len(output_packets(out.playlist).video) == 200 - len(rows)

"""MP4, HLS and audio alone: odd clocks, damaged packets, what waits, how FFmpeg is told of tracks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from muxing import FileSink, mux_file, mux_hls, read_stream
from oracle import mp4
from oracle.packets import output_packets, source_packets

from engine import _native
from engine.errors import MuxError
from engine.media.batch import Batch, Role
from engine.media.codecs import Codec, Format
from engine.media.track import Track
from engine.mux import MuxOptions, open_muxer
from engine.mux.template import template_of
from engine.timeline import Timeline

FORMATS = [Format.MP4, Format.HLS]


def changed(stream, change):
    tags = stream.batch.tags.copy()
    change(tags)
    return replace(stream, batch=Batch(stream.batch.arena, tags))


def frames(tags, kind):
    return np.flatnonzero((tags["kind"] == kind) & (tags["role"] == Role.FRAME))


def mux(stream, tmp_path, format):
    if format is Format.HLS:
        out, stats = mux_hls(stream, tmp_path, MuxOptions(hls_segment="ts"))
        return output_packets(out.playlist), stats
    path, stats = mux_file(stream, tmp_path, format)
    return output_packets(path), stats


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("kind", [8, 9])
def test_frames_that_share_a_time_are_all_kept_at_that_time(format, kind, sample, tmp_path):
    stream = read_stream(sample("h264_mp3"))

    def change(tags):
        rows = frames(tags, kind)
        tags["dts"][rows[11:14]] = tags["dts"][rows[10]]

    shared = changed(stream, change)
    recording, stats = mux(shared, tmp_path, format)
    wanted = [int(time) for time in shared.batch.tags["dts"][frames(shared.batch.tags, kind)]]
    got = [round(packet.dts_ms) for packet in recording.track("video" if kind == 9 else "audio")]
    start = wanted[0] - got[0]
    assert [time + start for time in got] == wanted
    assert stats.adjusted == 3
    assert stats.refused == 0


@pytest.mark.parametrize("format", FORMATS)
def test_a_step_back_is_held_at_the_time_before(format, sample, tmp_path):
    stream = read_stream(sample("h264_mp3"))

    def change(tags):
        tags["dts"][frames(tags, 9)[20]] -= 45

    recording, stats = mux(changed(stream, change), tmp_path, format)
    times = [packet.dts_ms for packet in recording.video]
    assert len(times) == 200
    assert times[20] - times[19] < 1
    assert stats.adjusted >= 1


@pytest.mark.parametrize("format", FORMATS)
def test_negative_composition_times_do_not_stop_it(format, sample, tmp_path):
    def change(tags):
        tags["cts"][frames(tags, 9)[5]] = -40

    recording, stats = mux(changed(read_stream(sample("h264_mp3")), change), tmp_path, format)
    assert len(recording.video) == 200
    assert stats.adjusted == 1


def test_audio_before_the_first_frame_in_the_same_batch_keeps_its_distance(sample, tmp_path):
    def change(tags):
        tags["dts"][frames(tags, 9)] += 30  # audio begins 5 ms before video

    stream = changed(read_stream(sample("h264_mp3")), change)
    recording, stats = mux(stream, tmp_path, Format.MP4)
    assert stats.adjusted == 0
    video, audio = recording.video[0].shown_ms, recording.audio[0].shown_ms
    tags = stream.batch.tags
    wanted = tags["dts"][frames(tags, 9)[0]] - tags["dts"][frames(tags, 8)[0]]
    assert abs(video - audio - int(wanted)) < 0.5


def test_a_packet_that_cannot_be_read_is_counted_and_the_rest_kept(sample, tmp_path):
    stream = read_stream(sample("h264_mp3"))
    arena = bytearray(stream.batch.arena)
    start = int(stream.batch.tags["media_offset"][frames(stream.batch.tags, 9)[30]])
    arena[start : start + 4] = b"\x7f\xff\xff\xff"  # a NAL unit longer than its packet
    damaged = replace(stream, batch=Batch(bytes(arena), stream.batch.tags))
    recording, stats = mux(damaged, tmp_path, Format.HLS)
    assert stats.refused == 1
    assert len(recording.video) == 199


def test_refusing_a_whole_track_is_an_error(sample):
    stream = read_stream(sample("h264_mp3"))
    muxer = open_muxer(Format.HLS, stream.tracks, Refusing(), MuxOptions(hls_segment="ts", hls_time_s=60))

    def change(tags):
        tags["media_offset"][frames(tags, 9)] += 1  # NAL unit lengths that lie

    muxer.write(changed(stream, change).batch)
    with pytest.raises(MuxError, match="packet"):
        muxer.write(changed(stream.shifted(9_000), change).batch)


class Refusing:
    """A folder of sinks that keep nothing."""

    def open(self, name, note=None):
        return self

    def write(self, data):
        return len(data)

    def commit(self, sink, note=None):
        return "x"

    def publish(self, playlist):
        pass


@pytest.mark.parametrize(
    ("config", "message"), [(b"\xff" * 40, "configuration refused"), (b"", "no decoder configuration")]
)
def test_a_bad_decoder_configuration_is_a_mux_error_and_nothing_on_stderr(config, message, capfd):
    track = Track(Codec.AAC, config=config, sample_rate=44_100, channels=2)
    with pytest.raises(MuxError, match=f"AAC.*{message}"):
        open_muxer(Format.MP4, [track], Growing(), MuxOptions())
    assert capfd.readouterr() == ("", "")


def test_templates_carry_the_configuration_unchanged(sample):
    for name in ("h264_opus", "h265_enhanced_aac", "h266_aac", "av1_opus"):
        for track in read_stream(sample(name)).tracks:
            context = template_of(track).stream.codec_context
            assert context.extradata == track.config
            if track.is_video:
                assert (context.width, context.height) == (track.width, track.height)
            else:
                assert (context.sample_rate, context.channels) == (track.sample_rate, track.channels)


def test_h265_in_mp4_is_tagged_hvc1_and_no_box_stands_before_the_placeholder(sample, tmp_path):
    stream = read_stream(sample("h265_id12_aac"))
    sink = FileSink(tmp_path / "out.mp4")
    muxer = open_muxer(Format.MP4, stream.tracks, sink, MuxOptions())
    muxer.write(stream.batch)
    muxer.close()
    sink.close()
    boxes = _native.scan_mp4(str(sink.path))["boxes"]
    assert [kind for kind, _, _ in boxes[:5]] == ["ftyp", "free", "moov", "moof", "mdat"]
    assert boxes[1][2] == 16
    assert {track.entry for track in mp4.read(sink.path.read_bytes()).tracks} == {"hvc1", "mp4a"}


@pytest.mark.parametrize("format", [Format.FLV, Format.AAC, Format.HLS])
def test_nothing_waits_in_the_muxer(format, capture, tmp_path):
    """After each batch every packet of it is in the sink."""
    stream = read_stream(capture)
    out = Growing()
    muxer = open_muxer(format, stream.tracks, out, MuxOptions(hls_segment="ts", hls_time_s=1000))
    taken = 0
    for batch in stream.batches():
        muxer.write(batch)
        wanted = (
            frames(batch.tags, 8) if format.audio_only else np.flatnonzero(batch.tags["role"] == Role.FRAME)
        )
        taken += int(batch.tags["media_size"][wanted].sum())
        assert out.size >= taken


def test_an_open_fragment_is_a_second_at_most(capture, tmp_path):
    stream = read_stream(capture)
    out = Growing()
    muxer = open_muxer(Format.MP4, stream.tracks, out, MuxOptions())
    first = written_to = int(stream.batch.tags["dts"][0])
    for batch in stream.batches():
        before = out.size
        muxer.write(batch)
        now = int(batch.tags["dts"].max())
        if out.size > before:
            written_to = now
        assert now - written_to <= 1_300, f"{now - first} ms"


class Growing(Refusing):
    """Counts what is written."""

    def __init__(self):
        self.size = 0

    def write(self, data):
        self.size += len(data)
        return len(data)

    def patch(self, offset, data):
        pass


def test_the_end_is_written_once(sample, tmp_path):
    stream = read_stream(sample("mp3_only"))
    path, stats = mux_file(stream, tmp_path, Format.MP3)
    assert stats.audio_packets == len(source_packets(sample("mp3_only")).audio)
    out = Growing()
    muxer = open_muxer(Format.MP3, stream.tracks, out, MuxOptions())
    muxer.write(stream.batch)
    muxer.close()
    muxer.close()
    assert out.size == path.stat().st_size
    with pytest.raises(MuxError):
        muxer.write(stream.batch)


def test_an_mp4_of_surveyed_batches_is_the_same(sample):
    stream = read_stream(sample("h264_aac_bframes"))
    files = []
    for with_surveys in (True, False):
        out, timeline = Kept(), Timeline()
        muxer = open_muxer(Format.MP4, stream.tracks, out, MuxOptions())
        surveys = 0
        for batch in stream.batches():
            own = Batch(batch.arena, batch.tags.copy())
            timeline.place(own)
            surveys += own.survey is not None
            muxer.write(own if with_surveys else Batch(own.arena, own.tags))
        muxer.close()
        assert surveys > 10
        files.append((bytes(out.data), muxer.stats))
    assert files[0] == files[1]


class Kept(Growing):
    """Keeps what is written."""

    def __init__(self):
        super().__init__()
        self.data = bytearray()

    def write(self, data):
        self.data += bytes(data)
        return super().write(data)

"""FLV: what a file starts with, what is kept of the source, and what onMetaData says in the end."""

from __future__ import annotations

from dataclasses import replace

import batches
import pytest
from muxing import FileSink, mux_file, read_stream
from oracle import flv

from engine import _native
from engine.media.batch import Batch
from engine.media.codecs import Codec, Format
from engine.media.track import Track
from engine.mux import MuxOptions, open_muxer
from engine.mux.onmetadata import KeyframeIndex, index_slots
from engine.timeline import Timeline

VIDEO = Track.from_config(Codec.H264, batches.AVC_CONFIG)
AUDIO = Track.from_config(Codec.AAC, batches.AAC_CONFIG)
HEADERS = batches.batch(batches.video_config(), batches.audio_config())


def script(time_ms, name, **values):
    return 18, time_ms, _native.amf0_encode([name, values])


def write(path, *parts: Batch, tracks=(VIDEO, AUDIO), **options):
    sink = FileSink(path / "out.flv")
    muxer = open_muxer(Format.FLV, tracks, sink, MuxOptions(headers=[HEADERS], **options))
    for part in parts:
        muxer.write(part)
    muxer.close()
    muxer.close()
    sink.close()
    return flv.read(sink.path) if sink.size else None


def bodies(file):
    return [(tag.kind, tag.timestamp, tag.body) for tag in file.tags]


def test_starts_with_metadata_at_0_and_configurations_at_the_first_time(tmp_path):
    file = write(tmp_path, batches.batch(batches.video(5000, key=True), batches.audio(5010)))
    kinds = [(tag.kind, tag.timestamp) for tag in file.tags]
    assert kinds == [(18, 0), (9, 5000), (8, 5000), (9, 5000), (8, 5010)]
    assert file.tags[1].body == b"\x17\0\0\0\0" + batches.AVC_CONFIG
    assert file.has_audio
    assert file.has_video


@pytest.mark.parametrize("together", [True, False])
def test_a_configuration_is_written_once_at_the_start(tmp_path, together):
    rows = [batches.video_config(7), batches.audio_config(7), batches.video(7, key=True), batches.audio(9)]
    parts = [batches.batch(*rows)] if together else [batches.batch(row) for row in rows]
    file = write(tmp_path, *parts)
    assert [tag.kind for tag in file.tags] == [18, 9, 8, 9, 8]


def test_later_and_different_configurations_stay(tmp_path):
    other = batches.video_config(0, batches.AVC_CONFIG + b"\0")
    rows = [other, batches.video(0, key=True), batches.video_config(40), batches.video(40, key=True)]
    file = write(tmp_path, batches.batch(*rows))
    assert bodies(file)[3:] == list(rows)


def test_a_configuration_that_comes_again_behind_frames_stays(tmp_path):
    """Also where the file began with a batch that the timeline has surveyed."""
    timeline = Timeline()
    timeline.place(batches.batch(batches.video(0, key=True), batches.audio(0)))
    frames = batches.batch(batches.video(40, key=True), batches.audio(41))
    again = batches.batch(batches.video_config(80), batches.video(80))
    for part in (frames, again):
        timeline.place(part)
    assert frames.survey is not None
    file = write(tmp_path, frames, again)
    assert [tag.kind for tag in file.tags] == [18, 9, 8, 9, 8, 9, 9]


def test_script_tags_stay_but_onmetadata_is_ours(tmp_path):
    cue, again = script(20, "onCuePoint", cue="x"), script(30, "onMetaData", duration=9.0)
    part = batches.batch(
        script(0, "onMetaData", width=1.0), batches.video(0, key=True), cue, again, batches.video(40)
    )
    file = write(
        tmp_path, part, metadata={"encoder": "theirs", "duration": 7.0, "nested": {"a": [1.0, None]}}
    )
    assert bodies(file)[3:] == [batches.video(0, key=True), cue, batches.video(40)]
    metadata = file.metadata()
    assert metadata["encoder"] == "theirs"
    assert metadata["nested"] == {"a": [1.0, None]}
    assert metadata["duration"] == 0.08
    assert metadata["hasMetadata"] is True


def test_rows_of_tracks_that_are_not_recorded_are_left_out(tmp_path):
    part = batches.batch(batches.video(0, key=True), batches.audio(5), batches.audio(28))
    file = write(tmp_path, part, tracks=(AUDIO,))
    assert {tag.kind for tag in file.tags} == {18, 8}
    assert not file.has_video
    assert file.metadata()["hasKeyframes"] is False


def test_metadata_is_completed(sample, tmp_path):
    path, stats = mux_file(read_stream(sample("h264_aac_bframes")), tmp_path, Format.FLV)
    file = flv.read(path)
    metadata = file.metadata()
    assert metadata["filesize"] == path.stat().st_size
    assert metadata["duration"] == stats.duration_ms / 1000
    assert metadata["lasttimestamp"] == max(tag.timestamp for tag in file.tags) / 1000
    keys = [tag for tag in file.tags if tag.kind == 9 and tag.body[:2] == b"\x17\1"]
    assert metadata["keyframes"]["filepositions"] == [tag.position for tag in keys]
    assert metadata["keyframes"]["times"] == [tag.timestamp / 1000 for tag in keys]
    assert metadata["lastkeyframetimestamp"] == keys[-1].timestamp / 1000
    assert metadata["canSeekToEnd"] is False
    assert (metadata["hasVideo"], metadata["hasAudio"], metadata["hasKeyframes"]) == (True, True, True)


def test_can_seek_to_end_when_the_last_frame_is_a_keyframe(tmp_path):
    file = write(
        tmp_path, batches.batch(batches.video(0, key=True), batches.video(40, key=True), batches.audio(50))
    )
    assert file.metadata()["canSeekToEnd"] is True


def test_a_full_index_thins_itself_and_keeps_its_length(tmp_path):
    parts = [batches.batch(batches.video(1000 * second, key=True)) for second in range(300)]
    file = write(tmp_path, *parts, expected_duration_s=10.0)
    index = file.metadata()["keyframes"]
    numbers = len(index["times"]) + len(index["filepositions"]) + len(index["spacer"])
    assert numbers == 2 * 64
    assert index["times"] == [float(8 * entry) for entry in range(len(index["times"]))]
    assert len(index["times"]) == 38
    at = {tag.position: tag.timestamp for tag in file.tags}
    assert [at[int(position)] / 1000 for position in index["filepositions"]] == index["times"]


@pytest.mark.parametrize(("duration_s", "slots"), [(None, 512), (10, 64), (3600, 1800), (86_400, 2048)])
def test_the_index_fits_the_expected_duration(duration_s, slots):
    assert index_slots(duration_s) == slots
    empty = KeyframeIndex(slots).amf()
    assert len(empty["spacer"]) == 2 * slots


def test_nothing_in_nothing_out(tmp_path):
    assert write(tmp_path) is None
    assert write(tmp_path, Batch(b"", HEADERS.tags[:0])) is None


def test_zero_moves_every_timestamp(tmp_path):
    file = write(
        tmp_path, batches.batch(batches.video(9000, key=True), batches.audio(9020)), timestamps="zero"
    )
    assert [tag.timestamp for tag in file.tags] == [0, 0, 0, 0, 20]
    assert file.metadata()["keyframes"]["times"] == [0.0]


@pytest.mark.parametrize(("name", "wanted"), [("h265_id12_aac", "enhanced"), ("h265_enhanced_aac", "legacy")])
def test_signalling_is_converted_also_in_the_headers(name, wanted, sample, tmp_path):
    path, _ = mux_file(read_stream(sample(name)), tmp_path, Format.FLV, MuxOptions(flv_signalling=wanted))
    video = [flv.main_media(tag) for tag in flv.read(path).tags if tag.kind == flv.VIDEO]
    assert {media.signalling for media in video} == {wanted}
    assert video[0].role == "config"


def test_timestamps_beyond_32_bits_wrap(sample, tmp_path):
    stream = read_stream(sample("aac_only")).shifted((1 << 32) - 500)
    path, stats = mux_file(replace(stream), tmp_path, Format.FLV)
    times = [tag.timestamp for tag in flv.read(path).tags if tag.kind == flv.AUDIO]
    assert times[0] == (1 << 32) - 500
    assert min(times) < 500
    assert stats.last_dts_ms > 1 << 32


class Kept:
    """A sink that keeps what it was given."""

    def __init__(self):
        self.parts = []
        self.size = 0

    def write(self, data):
        self.parts.append(data)
        self.size += len(data)
        return len(data)

    def patch(self, offset, data):
        """Of no interest here."""


def moved(part):
    part.tags["dts"][1] += 1
    return part


@pytest.mark.parametrize(
    ("change", "options", "copied"),
    [
        (lambda part: part, {}, False),
        (lambda part: part.rows(slice(1, 3)), {}, False),
        (lambda part: part.rows([0, 2]), {}, True),
        (moved, {}, True),
        (lambda part: part, {"timestamps": "zero"}, True),
    ],
    ids=["as it came", "a run of rows", "a row left out", "a row moved", "from zero"],
)
def test_rows_as_they_came_are_written_from_their_arena(change, options, copied):
    sink = Kept()
    muxer = open_muxer(Format.FLV, (VIDEO, AUDIO), sink, MuxOptions(headers=[HEADERS], **options))
    muxer.write(batches.batch(batches.video(5000, key=True)))
    part = change(batches.batch(batches.video(5040), batches.audio(5050), batches.video(5080)))
    muxer.write(part)
    data = sink.parts[-1]
    assert isinstance(data, _native.Pieces) == (not copied)
    shift_ms = 5000 if options else 0
    assert bytes(data) == _native.flv_tags(part.arena, part.tags.tobytes(), shift_ms, "source")[0]

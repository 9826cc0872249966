"""S2 for FLV: a growing file cut anywhere becomes what the muxer would have closed after the same tags."""

from __future__ import annotations

import random
import tracemalloc

import av
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from muxing import FileSink, read_stream
from oracle import flv
from oracle.playback import assert_f3, assert_plays
from recovering import interrupt, lost_packets, tears

from engine.errors import MalformedFlv, NotFlv, NothingRecorded, ReelError
from engine.media.codecs import Format
from engine.mux import MuxOptions, open_muxer
from engine.mux.recover import recover

CUTS = 150


@pytest.fixture(scope="module")
def stream(sample):
    return read_stream(sample("h264_aac_bframes"))


@pytest.fixture(scope="module")
def left(stream, tmp_path_factory):
    return interrupt(stream, tmp_path_factory.mktemp("left"), Format.FLV)


def tag_ends(data):
    return [tag.position + 15 + len(tag.body) for tag in flv.read(data).tags]


def closed_after(stream, size, path):
    """What the muxer makes of the same tags, given to it one by one."""
    sink = FileSink(path)
    muxer = open_muxer(
        Format.FLV, stream.tracks, sink, MuxOptions(headers=[stream.headers], metadata=stream.metadata)
    )
    for batch in stream.batches(1):
        if sink.size >= size:
            break
        muxer.write(batch)
    muxer.close()
    sink.close()
    assert sink.size == size
    return path.read_bytes(), muxer.stats


@pytest.mark.parametrize(
    "name",
    [
        "h264_aac_bframes",
        "h265_enhanced_aac",
        "h264_opus_id13",
        "mp3_8k",
        "video_only",
        "h264_aac_multitrack",
    ],
)
@pytest.mark.parametrize(
    "options",
    [
        MuxOptions(),
        MuxOptions(timestamps="zero"),
        MuxOptions(flv_signalling="enhanced", expected_duration_s=7200),
    ],
)
def test_a_file_that_was_only_not_closed_is_closed(name, options, sample, tmp_path):
    left = interrupt(read_stream(sample(name)).shifted(700_000), tmp_path, Format.FLV, options)
    path = left.write(tmp_path / "file.flv.part")
    report = recover(Format.FLV, path, first_dts_ms=left.stats.first_dts_ms)
    assert path.read_bytes() == left.finished
    assert (report.stats, report.size_bytes, report.cut_bytes) == (left.stats, len(left.data), 0)
    assert report.problems == []
    again = recover(Format.FLV, path, first_dts_ms=left.stats.first_dts_ms, grown=False)
    assert path.read_bytes() == left.finished
    assert again == report


@pytest.mark.parametrize("offset_ms", [-40, (1 << 31) - 3_000, (1 << 32) - 3_000, (5 << 32) + 1_234])
@pytest.mark.parametrize("timestamps", ["original", "zero"])
def test_times_beyond_32_bits_are_those_of_the_source(offset_ms, timestamps, stream, tmp_path):
    left = interrupt(stream.shifted(offset_ms), tmp_path, Format.FLV, MuxOptions(timestamps=timestamps))
    path = left.write(tmp_path / "file.flv.part")
    assert recover(Format.FLV, path, first_dts_ms=left.stats.first_dts_ms).stats == left.stats
    assert path.read_bytes() == left.finished


def test_cuts_anywhere_leave_the_whole_tags(left, stream, sample, tmp_path):
    ends = tag_ends(left.data)
    draw = random.Random(7)
    near = [end + step for end in draw.sample(ends, 20) for step in (-5, -4, -1, 0, 1, 11)]
    for cut in [*near, *(draw.randrange(len(left.data)) for _ in range(CUTS))]:
        path = left.write(tmp_path / "file.flv.part", cut)
        end = max((end for end in ends if end <= cut), default=0)
        kept = flv.read(left.data[:end]).tags if end else []
        if not any(tag.kind != flv.SCRIPT and flv.main_media(tag).role == "frame" for tag in kept):
            with pytest.raises((NothingRecorded, NotFlv)):
                recover(Format.FLV, path)
            assert path.read_bytes() == left.data[:cut]
            continue
        report = recover(Format.FLV, path)
        assert (report.size_bytes, report.cut_bytes) == (end, min(cut, len(left.data)) - end)
        expected, stats = closed_after(stream, end, tmp_path / "expected.flv")
        assert path.read_bytes() == expected
        assert report.stats == stats
        assert recover(Format.FLV, path).cut_bytes == 0
        assert path.read_bytes() == expected


@pytest.mark.parametrize("share", [0.1, 0.45, 0.8, 0.999])
def test_a_recovered_file_plays(share, left, sample, tmp_path):
    path = left.write(tmp_path / "file.flv", int(len(left.data) * share), bytes(5_000))
    recover(Format.FLV, path)
    assert_f3(path)
    assert set(lost_packets(sample("h264_aac_bframes"), path)) == {"video", "audio"}


@pytest.mark.parametrize("number", range(5))
def test_what_a_torn_write_left_behind_the_last_tag_goes(number, left, tmp_path):
    draw = random.Random(number)
    for _ in range(12):
        end = draw.choice(tag_ends(left.data)[20:])
        plain = left.write(tmp_path / "plain.flv.part", end)
        recover(Format.FLV, plain)
        torn = left.write(tmp_path / "torn.flv.part", end, tears(draw.randrange(1 << 30))[number])
        recover(Format.FLV, torn)
        assert torn.read_bytes() == plain.read_bytes()


def test_a_tag_whose_body_never_reached_the_disk_goes(left, tmp_path):
    """Its header is there, and zeros follow: also where its PreviousTagSize should stand."""
    ends = tag_ends(left.data)
    start, end = ends[100], ends[101]
    path = left.write(tmp_path / "file.flv.part", start + 11 + 8, bytes(end - start + 5_000))
    assert recover(Format.FLV, path).size_bytes == start


def test_onmetadata_of_which_half_was_completed(left, tmp_path):
    """A kill may end a write at any page, a power cut may lose any of its pages."""
    changed = [at for at in range(len(left.data)) if left.data[at] != left.finished[at]]
    for split in range(changed[0], changed[-1] + 1, 97):
        for first, second in ((left.finished, left.data), (left.data, left.finished)):
            path = tmp_path / "file.flv.part"
            path.write_bytes(first[:split] + second[split:])
            recover(Format.FLV, path)
            assert path.read_bytes() == left.finished


def foreign(source, path):
    """The same packets as FFmpeg's own FLV muxer writes them."""
    with av.open(str(source)) as read, av.open(str(path), "w", format="flv") as written:
        streams = {stream.index: written.add_stream_from_template(stream) for stream in read.streams}
        for packet in read.demux():
            if packet.dts is not None:
                packet.stream = streams[packet.stream_index]
                written.mux(packet)
    return path.read_bytes()


def test_another_programs_file_has_its_numbers_corrected(sample, tmp_path):
    path = tmp_path / "file.flv"
    whole = foreign(sample("h264_aac_bframes"), path)
    recover(Format.FLV, path, grown=False)
    assert path.read_bytes() == whole
    path.write_bytes(whole[: len(whole) * 2 // 3])
    report = recover(Format.FLV, path, grown=False)
    metadata = flv.read(path).metadata()
    assert metadata["filesize"] == path.stat().st_size == report.size_bytes
    assert metadata["duration"] == report.stats.duration_ms / 1000 < 6
    assert_plays(path)
    data = path.read_bytes()
    recover(Format.FLV, path, grown=False)
    assert path.read_bytes() == data


@pytest.mark.parametrize("name", ["garbage_between_tags.flv", "wrong_previous_size.flv"])
def test_damage_inside_a_finished_file_is_left(name, sample, tmp_path):
    path = tmp_path / "file.flv"
    path.write_bytes(sample(f"invalid/{name}").read_bytes())
    before = path.read_bytes()
    with pytest.raises(MalformedFlv, match="left as it is"):
        recover(Format.FLV, path, grown=False)
    assert path.read_bytes() == before


def test_what_is_no_flv_is_named(tmp_path):
    path = tmp_path / "file.flv.part"
    for data, error in [
        (b"", NothingRecorded),
        (b"RIFF" * 9, NotFlv),
        (b"FLV\x02" + bytes(30), MalformedFlv),
    ]:
        path.write_bytes(data)
        with pytest.raises(error):
            recover(Format.FLV, path)
        assert path.read_bytes() == data


@settings(max_examples=150)
@given(
    changes=st.lists(st.tuples(st.floats(0, 1), st.binary(min_size=1, max_size=9)), min_size=1, max_size=6),
    grown=st.booleans(),
)
def test_changed_bytes_give_a_file_or_a_named_error(left, tmp_path_factory, changes, grown):
    data = bytearray(left.data[:60_000])
    for place, written in changes:
        at = int(place * place * (len(data) - len(written)))  # half of them in the first quarter: onMetaData
        data[at : at + len(written)] = written
    path = tmp_path_factory.mktemp("changed") / "file.flv"
    path.write_bytes(data)
    try:
        report = recover(Format.FLV, path, grown=grown)
    except ReelError:
        assert path.read_bytes() == data
    else:
        assert report.size_bytes == path.stat().st_size <= len(data)
        recovered = path.read_bytes()
        recover(Format.FLV, path, grown=grown)
        assert path.read_bytes() == recovered


def test_memory_does_not_grow_with_the_file(left, tmp_path):
    """Sixty times the tags, and not twice the memory."""
    peaks = []
    first_tag = tag_ends(left.data)[0]
    for times in (1, 60):
        path = tmp_path / "file.flv.part"
        path.write_bytes(left.data + left.data[first_tag:] * (times - 1))
        tracemalloc.start()
        recover(Format.FLV, path)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 12 << 20

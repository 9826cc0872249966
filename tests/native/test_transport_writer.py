"""MPEG-TS as the native writer makes it: what demuxers find in it, beside FFmpeg's own muxer."""

from __future__ import annotations

import hashlib
import io
import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from muxing import Stream, read_stream
from native.any_rows import Row, any_rows, points_outside, table_of
from oracle import bare, ts, units
from oracle.packets import length_bytes

from engine import _native
from engine.media.batch import TAG, Flag, Role
from engine.media.codecs import Codec
from engine.mux.frames import frames_of
from engine.mux.template import template_of

CARRIED = [
    "aac_only",
    "h264_aac_bframes",
    "h264_aac_enhanced",
    "h264_aac_modex",
    "h264_aac_multitrack",
    "h264_aac_repeats",
    "h264_mp3",
    "h264_opus",
    "h264_opus_id13",
    "h265_enhanced_aac",
    "h265_id12_aac",
    "h266_aac",
    "h266_id14_aac",
    "mp3_8k",
    "mp3_only",
    "video_only",
]
NAMES = {
    Codec.H264: "h264",
    Codec.H265: "h265",
    Codec.H266: "h266",
    Codec.AAC: "aac",
    Codec.MP3: "mp3",
    Codec.OPUS: "opus",
}
FFMPEG_NAMES = {"hevc": "h265", "vvc": "h266", "mp3float": "mp3"}

Setup = tuple[int, bytes, int, int]


@dataclass(frozen=True)
class Found:
    """A frame, the same in the source and in every demuxer."""

    codec: str
    dts: int
    pts: int
    key: bool
    digest: str


def setups(stream: Stream) -> list[Setup]:
    return [(int(track.codec), track.config, track.channels, track.sample_rate) for track in stream.tracks]


def pieces(stream: Stream, rows: int) -> Iterator[bytes]:
    for batch in stream.batches(rows):
        yield batch.tags.tobytes()


def segment(
    writer: _native.TransportWriter, tracks: Sequence[Setup], arena: bytes, *tables: bytes, origin_ms: int = 0
) -> bytes:
    writer.begin_segment(tracks)
    out = b""
    for table in tables:
        data, _, refused, run = writer.mux(arena, table, origin_ms)
        assert (refused, run) == (0, 0)
        assert len(data) % ts.PACKET_BYTES == 0
        out += bytes(data)
    return out


def whole(stream: Stream, rows: int = 1 << 30) -> bytes:
    return segment(_native.TransportWriter(), setups(stream), stream.batch.arena, *pieces(stream, rows))


def in_segments(stream: Stream, rows: int) -> list[bytes]:
    writer = _native.TransportWriter()
    return [
        segment(writer, setups(stream), stream.batch.arena, table) for table in pieces(stream, rows) if table
    ]


def source(stream: Stream) -> list[Found]:
    """The frames of the stream at the times they must have: ms, kept rising by ticks."""
    names = {int(track.codec): NAMES[track.codec] for track in stream.tracks}
    configs = {NAMES[track.codec]: track.config for track in stream.tracks}
    lasts: dict[str, int] = {}
    found = []
    for dts_ms, cts_ms, start, size, number, flags, _ in frames_of(stream.batch, names.keys()):
        codec, payload = names[number], stream.batch.arena[start : start + size]
        dts = max(dts_ms * 90, lasts.get(codec, -(1 << 62)) + 1)
        pts = max((dts_ms + cts_ms) * 90, dts)
        lasts[codec] = dts
        is_key = bool(flags & Flag.KEY)
        digest = (
            units.digest(codec, units.split_lengths(payload, length_bytes(codec, configs[codec])))
            if codec in units.NAL_LEFT_OUT
            else units.payload_digest(codec, payload)
        )
        found.append(Found(codec, dts, pts, is_key, digest))
    return found


def by_the_oracle(data: bytes) -> list[Found]:
    """The PES packets, read in pure Python."""
    return [
        Found(pes.codec, pes.dts, pes.pts, pes.random_access, _digest(pes.codec, pes.payload))
        for pes in ts.read(data)
    ]


def _digest(codec: str, payload: bytes) -> str:
    if codec in units.NAL_LEFT_OUT:
        return units.payload_digest(codec, payload, start_codes=True)
    frames = [payload]
    if codec == "aac":
        frames = [frame.payload for frame in bare.adts_frames(payload)]
    elif codec == "opus":
        frames = list(bare.opus_ts_packets(payload))
    assert len(frames) == 1
    return units.payload_digest(codec, frames[0])


def by_pyav(data: bytes) -> dict[str, list[tuple[int, int, bool, str]]]:
    """What libavformat finds, by codec: ticks modulo 33 bits from the first on, keys, payloads."""
    found: dict[str, list[tuple[int, int, bool, str]]] = {}
    with av.open(io.BytesIO(data), "r", format="mpegts") as container:
        packets = [packet for packet in container.demux() if packet.size]
        for packet in packets:
            codec = packet.stream.codec_context.name
            codec = FFMPEG_NAMES.get(codec, codec)
            assert packet.dts is not None
            assert packet.pts is not None
            assert packet.time_base == Fraction(1, 90_000)
            payload = bytes(packet)
            digest = (
                units.payload_digest(codec, payload, start_codes=True)
                if codec in units.NAL_LEFT_OUT
                else hashlib.sha256(payload).hexdigest()[:16]
            )
            row = (packet.dts, packet.pts, packet.is_keyframe, digest)
            found.setdefault(codec, []).append(row)
    return found


def by_ffmpeg_muxer(stream: Stream) -> bytes:
    """The same frames through libavformat, at the times that ours have."""
    out = io.BytesIO()
    options = {"mpegts_copyts": "1", "pes_payload_size": "0", "avoid_negative_ts": "disabled"}
    with av.open(out, "w", format="mpegts", container_options=options) as container:
        streams: dict[int, Any] = {}
        for track in stream.tracks:
            template = template_of(track).stream
            streams[int(track.codec)] = container.add_stream_from_template(template, opaque=True)
        container.start_encoding()
        for frame, one in zip(frames_of(stream.batch, streams), source(stream), strict=True):
            packet = av.Packet(stream.batch.arena[frame[2] : frame[2] + frame[3]])
            packet.stream = streams[frame[4]]
            packet.dts, packet.pts, packet.is_keyframe = one.dts, one.pts, one.key
            container.mux_one(packet)
    return out.getvalue()


def counters(data: bytes) -> dict[int, list[int]]:
    found: dict[int, list[int]] = {}
    for at in range(0, len(data), ts.PACKET_BYTES):
        pid = (data[at + 1] & 31) << 8 | data[at + 2]
        assert data[at + 3] & 0x10, "no packet without a payload"
        found.setdefault(pid, []).append(data[at + 3] & 15)
    return found


@pytest.fixture(params=CARRIED)
def stream(request: pytest.FixtureRequest, sample: Callable[[str], Path]) -> Stream:
    return read_stream(sample(request.param))


def test_every_frame_is_there_at_its_time(stream: Stream) -> None:
    wanted = source(stream)
    assert by_the_oracle(whole(stream)) == wanted
    joined = [found for data in in_segments(stream, 97) for found in by_the_oracle(data)]
    assert joined == wanted


def test_a_demuxer_finds_what_it_finds_in_ffmpegs_own(stream: Stream) -> None:
    assert by_pyav(whole(stream)) == by_pyav(by_ffmpeg_muxer(stream))


def test_a_demuxer_finds_the_source(stream: Stream) -> None:
    found = by_pyav(whole(stream))
    wanted = source(stream)
    assert found.keys() == {one.codec for one in wanted}
    for codec, packets in found.items():
        if codec in units.NAL_LEFT_OUT:
            rows = [(one.dts, one.pts, one.key, one.digest) for one in wanted if one.codec == codec]
            assert packets == rows
        else:
            assert len(packets) == sum(one.codec == codec for one in wanted)


def test_segments_play_alone_and_counters_go_on(stream: Stream) -> None:
    segments = in_segments(stream, 97)
    for pid, found in counters(b"".join(segments)).items():
        assert found == [number % 16 for number in range(len(found))], f"PID {pid:#x}"
    for data in segments:
        found = counters(data)
        assert (len(found[0]), len(found[0x1000])) == (1, 1)
        first = next((pes for pes in ts.read(bytes(data)) if pes.codec in units.NAL_LEFT_OUT), None)
        assert first is None or units.has_parameter_sets(first.codec, first.payload)


@pytest.mark.parametrize("rows", [1, 3, 50])
def test_batches_make_no_difference(rows: int, stream: Stream) -> None:
    assert whole(stream, rows) == whole(stream)


def test_ffmpeg_decodes_it_without_a_word(stream: Stream, ffmpeg: str, tmp_path: Path) -> None:
    programs = [ffmpeg]
    knows = all(track.codec is not Codec.H266 for track in stream.tracks)
    if knows and (debian := shutil.which("ffmpeg")):
        programs.append(debian)
    path = tmp_path / "out.ts"
    for data in [whole(stream), b"".join(in_segments(stream, 97))]:
        path.write_bytes(data)
        for program in programs:
            command = [program, "-v", "error", "-xerror", "-i", str(path), "-f", "null", "-"]
            done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
            assert (done.returncode, done.stderr) == (0, "")


def test_times_are_written_modulo_33_bits(sample: Callable[[str], Path]) -> None:
    stream = read_stream(sample("h264_aac_bframes"))
    tracks, table = setups(stream), stream.batch.tags.tobytes()
    shift = (1 << 33) // 90 - 1000  # wraps after a second
    wrapped = segment(_native.TransportWriter(), tracks, stream.batch.arena, table, origin_ms=-shift)
    moved = [
        ((one.dts + 90 * shift) % ts.CLOCK_WRAP, (one.pts + 90 * shift) % ts.CLOCK_WRAP)
        for one in source(stream)
    ]
    assert [(pes.dts, pes.pts) for pes in ts.read(wrapped)] == moved
    for origin_ms in (-(1 << 63), (1 << 63) - 1):
        ts.read(segment(_native.TransportWriter(), tracks, stream.batch.arena, table, origin_ms=origin_ms))


def test_the_clock_reference_comes_before_each_frame_of_its_track(sample: Callable[[str], Path]) -> None:
    for name, pid in [("h264_aac_bframes", 0x107), ("aac_only", 0x16E)]:
        data = whole(read_stream(sample(name)))
        starts = [
            data[at : at + 188]
            for at in range(0, len(data), 188)
            if data[at + 1] & 0x40 and data[at + 1 : at + 3] == (0x4000 | pid).to_bytes(2, "big")
        ]
        references = [int.from_bytes(packet[6:12], "big") >> 15 for packet in starts]
        assert all(packet[5] & 0x10 for packet in starts)
        times = [pes.dts for pes in ts.read(bytes(data)) if NAMES[Codec(pid - 0x100)] == pes.codec]
        assert references == times


def test_times_that_do_not_rise_are_moved_and_counted(sample: Callable[[str], Path]) -> None:
    stream = read_stream(sample("h264_aac_bframes"))
    tags = stream.batch.tags.copy()
    frames = tags["role"] == Role.FRAME
    tags["dts"][frames] = 1000
    tags["cts"] = 0
    writer = _native.TransportWriter()
    writer.begin_segment(setups(stream))
    data, moved, refused, _ = writer.mux(stream.batch.arena, tags, 0)
    assert (moved, refused) == (int(frames.sum()) - 2, 0)
    for codec in ("h264", "aac"):
        times = [pes.dts for pes in ts.read(bytes(data)) if pes.codec == codec]
        assert times == list(range(90_000, 90_000 + len(times)))


def test_torn_access_units_are_refused_and_counted(sample: Callable[[str], Path]) -> None:
    stream = read_stream(sample("h264_aac_bframes"))
    tags = stream.batch.tags.copy()
    torn = np.flatnonzero((tags["codec"] == Codec.H264) & (tags["role"] == Role.FRAME))[10:]
    tags["media_size"][torn] -= 1
    writer = _native.TransportWriter()
    writer.begin_segment(setups(stream))
    data, moved, refused, run = writer.mux(stream.batch.arena, tags, 0)
    assert (moved, refused, run) == (0, len(torn), len(torn))
    kept = [found for row, found in enumerate(source(stream)) if row not in _frame_numbers(tags, torn)]
    assert by_the_oracle(bytes(data)) == kept
    assert writer.mux(stream.batch.arena, stream.batch.tags[torn[:1]], 0)[2:] == (0, 0)


def _frame_numbers(tags: Any, rows: Any) -> set[int]:
    """The places of these rows among the frames."""
    frames = np.flatnonzero((tags["role"] == Role.FRAME) & (tags["media_size"] > 0))
    return set(np.searchsorted(frames, rows).tolist())


@pytest.mark.parametrize("column", ["media_offset", "media_size"])
@pytest.mark.parametrize("value", [1 << 24, (1 << 32) - 1])
def test_a_table_that_points_outside_is_refused(
    column: str, value: int, sample: Callable[[str], Path]
) -> None:
    stream = read_stream(sample("aac_only"))
    writer = _native.TransportWriter()
    writer.begin_segment(setups(stream))
    frames = np.flatnonzero(stream.batch.tags["role"] == Role.FRAME)
    for row in frames[[0, 5, -1]]:
        tags = stream.batch.tags.copy()
        tags[column][row] = value
        with pytest.raises(ValueError, match="points outside the arena"):
            writer.mux(stream.batch.arena, tags, 0)
    with pytest.raises(ValueError, match="not a number of 40-byte rows"):
        writer.mux(b"", bytes(TAG.itemsize - 1), 0)
    data, *counts = writer.mux(b"", b"", 0)
    assert (bytes(data), counts) == (b"", [0, 0, 0])
    data, *_ = writer.mux(stream.batch.arena, stream.batch.tags.tobytes(), 0)
    assert bytes(data) == whole(stream)


@pytest.mark.parametrize(
    ("tracks", "words"),
    [
        ([], "without tracks"),
        ([(13, b"\x81\0\0\0", 0, 0)], "not carried"),
        ([(102, b"", 2, 44_100), (102, b"", 2, 44_100)], "two tracks"),
        ([(7, b"", 0, 0)], "ends early"),
        ([(7, bytes.fromhex("0164000cffe0"), 0, 0)], "without a sequence parameter set"),
        ([(12, b"\x02" + bytes(30), 0, 0)], "version"),
        ([(14, b"\0", 0, 0)], "five set bits"),
        ([(7, bytes(1 << 20), 0, 0)], "more than"),
        ([(110, b"", 2, 48_000)], "ends early"),
        ([(110, bytes.fromhex("1780560c10"), 2, 44_056)], "44056 Hz"),
        ([(113, b"OpusHead", 2, 48_000)], "ends early"),
        ([(113, b"", 3, 48_000)], "3 channels"),
    ],
)
def test_bad_configurations(tracks: list[Setup], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        _native.TransportWriter().begin_segment(tracks)


def test_mpeg_2_audio_has_a_stream_type_of_its_own() -> None:
    for rate, stream_type in [(44_100, 3), (32_000, 3), (24_000, 4), (0, 3)]:
        writer = _native.TransportWriter()
        writer.begin_segment([(102, b"", 2, rate)])
        row = np.zeros(1, dtype=TAG)
        row["codec"], row["media_size"] = 102, 4
        data, *_ = writer.mux(b"\xff\xfb\x90\x64", row, 0)
        assert bytes(data)[188 + 4 + 1 + 12] == stream_type


def test_an_aac_frame_that_adts_cannot_say_is_refused() -> None:
    writer = _native.TransportWriter()
    writer.begin_segment([(110, b"\x12\x10", 2, 44_100)])
    rows = np.zeros(2, dtype=TAG)
    rows["codec"], rows["media_size"], rows["dts"] = 110, [8184, 8185], [0, 20]
    data, _, refused, run = writer.mux(bytes(8185), rows, 0)
    assert (refused, run) == (1, 1)
    assert len(ts.read(bytes(data))) == 1


@pytest.mark.filterwarnings("ignore")
@given(
    st.binary(max_size=400),
    any_rows(7, 12, 14, 102, 110, 113, 13),
    st.integers(-(1 << 63), (1 << 63) - 1),
    st.integers(0, 3),
)
def test_any_table_makes_whole_packets_or_a_value_error(
    arena: bytes, rows: list[Row], origin_ms: int, odd_bytes: int
) -> None:
    avc = bytes.fromhex("0164000cffe1000467640001010002" + "6801")
    hevc = b"\x01" + bytes(20) + b"\x00\x01\x21\0\x01\0\x03\x42\x01\x01"
    tracks = [
        (7, avc, 0, 0),
        (12, hevc, 0, 0),
        (14, b"\xf8\0", 0, 0),
        (102, b"", 1, 22_050),
        (110, b"\x12\x10", 2, 44_100),
        (113, b"", 2, 48_000),
    ]
    writer = _native.TransportWriter()
    writer.begin_segment(tracks)
    try:
        data, moved, refused, run = writer.mux(arena, table_of(rows) + bytes(odd_bytes), origin_ms)
    except ValueError:
        assert points_outside(rows, arena) or odd_bytes
        return
    assert not points_outside(rows, arena)
    assert not odd_bytes
    frames = sum(row.is_frame and row.codec != 13 for row in rows)
    assert moved <= frames
    assert run <= refused <= frames
    assert len(ts.read(bytes(data)) if data else []) == frames - refused


@given(
    st.sampled_from([7, 12, 14, 102, 110, 113]),
    st.binary(max_size=60),
    st.integers(0, 255),
    st.integers(0, 1 << 31),
)
def test_any_configuration_is_taken_or_a_value_error(
    codec: int, config: bytes, channels: int, rate: int
) -> None:
    writer = _native.TransportWriter()
    try:
        writer.begin_segment([(codec, config, channels, rate)])
    except ValueError:
        return
    row = np.zeros(1, dtype=TAG)
    row["codec"], row["media_size"] = codec, 9
    data, *_ = writer.mux(b"\0\0\0\x05\x65\x41\x01\x02\x03", row, 0)
    assert not data or len(ts.read(bytes(data))) == 1

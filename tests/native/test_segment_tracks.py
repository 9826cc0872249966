"""Media segments of fragments: what is counted is what FFmpeg reads, and any bytes are counted or refused."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import pytest
from hypothesis import given
from hypothesis import strategies as st
from muxing import read_stream

from engine import _native
from engine.mux.mp4_head import mp4_head

NAMES = [
    "aac_only",
    "av1_opus",
    "h264_aac_bframes",
    "h264_aac_repeats",
    "h264_mp3",
    "h264_opus",
    "h265_enhanced_aac",
    "h266_aac",
    "mp3_8k",
]


def demuxed(init: bytes, segment: bytes) -> list[dict[str, int | str]]:
    """What is to be counted, by FFmpeg."""
    with av.open(io.BytesIO(init + segment), "r", format="mp4") as container:
        found: dict[int, list[Any]] = {stream.index: [] for stream in container.streams}
        for packet in container.demux():
            if packet.size:
                found[packet.stream_index].append(packet)
        kinds = {stream.index: stream.type for stream in container.streams}
        return [{"kind": kinds[index], **numbers_of(packets)} for index, packets in sorted(found.items())]


def numbers_of(packets: list[Any]) -> dict[str, int]:
    base = packets[0].time_base
    times = [
        (2000 * one.dts * base.numerator + base.denominator) // (2 * base.denominator) for one in packets
    ]
    return {
        "samples": len(packets),
        "sync_samples": sum(packet.is_keyframe for packet in packets),
        "media_bytes": sum(packet.size for packet in packets),
        "first_dts_ms": times[0],
        "last_dts_ms": times[-1],
        "frame_ms": next((times[-1] - time for time in reversed(times) if time < times[-1]), 0),
    }


def written(source: Path) -> tuple[bytes, bytes]:
    """A stream as this engine writes it: the initialization section, all fragments."""
    stream = read_stream(source).shifted(70_000)
    head = mp4_head(stream.tracks)
    writer = _native.FragmentWriter(head, [int(track.codec) for track in stream.tracks], 1)
    pieces = [writer.mux(batch.arena, batch.tags.tobytes(), 0)[0] for batch in stream.batches(20)]
    return head, b"".join(map(bytes, [*pieces, writer.finish()]))


def remuxed(source: Path) -> tuple[bytes, bytes]:
    """A stream as FFmpeg writes it, with edit lists."""
    output = io.BytesIO()
    options = {"movflags": "frag_keyframe+default_base_moof+delay_moov+skip_trailer"}
    with av.open(str(source)) as opened, av.open(output, "w", format="mp4", options=options) as muxer:
        streams: dict[int, Any] = {
            stream.index: muxer.add_stream_from_template(stream, opaque=True) for stream in opened.streams
        }
        for packet in opened.demux():
            if packet.dts is not None:
                packet.stream = streams[packet.stream_index]
                muxer.mux(packet)
    data = output.getvalue()
    start = data.index(b"moof") - 4
    return data[:start], data[start:]


@pytest.mark.parametrize("name", NAMES)
def test_what_is_counted_is_what_is_there(name: str, sample: Callable[[str], Path], tmp_path: Path) -> None:
    init, segment = written(sample(name))
    path = tmp_path / "segment.m4s"
    path.write_bytes(segment)
    for end in (len(segment) + 9, len(segment), len(segment) - 1, len(segment) // 2):
        whole, tracks = _native.segment_tracks(init, str(path), end)
        assert tracks == demuxed(init, segment[:whole])
        assert (whole == len(segment)) == (end >= len(segment))


@pytest.mark.parametrize("name", ["h264_aac_bframes", "h265_enhanced_aac", "aac_only"])
def test_edit_lists_begin_the_clock(name: str, sample: Callable[[str], Path], tmp_path: Path) -> None:
    init, segment = remuxed(sample(name))
    path = tmp_path / "segment.m4s"
    path.write_bytes(segment)
    assert b"elst" in init
    expected = len(segment), demuxed(init, segment)
    assert _native.segment_tracks(init, str(path), 1 << 60) == expected


def test_what_cannot_be_read_is_named(sample: Callable[[str], Path], tmp_path: Path) -> None:
    init, segment = written(sample("video_only"))
    path = tmp_path / "segment.m4s"
    with pytest.raises(FileNotFoundError, match=r"segment\.m4s"):
        _native.segment_tracks(init, str(path), 1)
    path.write_bytes(segment)
    with pytest.raises(_native.Mp4Error, match="no box 'moov'") as caught:
        _native.segment_tracks(init[:-1], str(path), len(segment))
    assert caught.value.code == "mp4.malformed"
    assert _native.segment_tracks(b"", str(path), 100) == (0, [])


@pytest.fixture(scope="module")
def short(sample: Callable[[str], Path]) -> tuple[bytes, bytes]:
    init, segment = written(sample("h264_aac_bframes"))
    return init, segment[: len(segment) // 4]


@given(
    in_segment=st.booleans(),
    changes=st.lists(st.tuples(st.floats(0, 1), st.binary(min_size=1, max_size=6)), min_size=1, max_size=4),
)
def test_any_changed_bytes_are_counted_or_named(
    short: tuple[bytes, bytes],
    tmp_path_factory: pytest.TempPathFactory,
    in_segment: bool,
    changes: list[tuple[float, bytes]],
) -> None:
    init, segment = bytearray(short[0]), bytearray(short[1])
    # Of a segment the first tables: what is changed in media shows nowhere.
    target = memoryview(segment)[:1500] if in_segment else memoryview(init)
    for place, written_over in changes:
        at = int(place * (len(target) - len(written_over)))
        target[at : at + len(written_over)] = written_over
    path = tmp_path_factory.mktemp("changed") / "segment.m4s"
    path.write_bytes(segment)
    try:
        whole, tracks = _native.segment_tracks(bytes(init), str(path), len(segment))
    except _native.Mp4Error:
        return
    assert sum(track["media_bytes"] for track in tracks) <= whole <= len(segment)

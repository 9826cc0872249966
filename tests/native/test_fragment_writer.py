"""MP4 fragments as the native writer makes them: any split of a stream holds the same samples, and any rows
at all make whole boxes or a ValueError. What demuxers find in whole files is in tests/mux."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from pathlib import Path

import av
import pytest
from hypothesis import given
from hypothesis import strategies as st
from muxing import Stream, read_stream
from native.any_rows import Row, any_rows, points_outside, table_of

from engine import _native
from engine.media.batch import Role
from engine.media.codecs import Codec
from engine.media.track import Track
from engine.mux.mp4_head import mp4_head

NAMES = ["h264_aac_bframes", "h265_id12_aac", "h266_aac", "av1_opus", "h264_mp3", "aac_only"]


def writer_of(stream: Stream, head: bytes) -> _native.FragmentWriter:
    return _native.FragmentWriter(head, [int(track.codec) for track in stream.tracks], 1)


def boxes(data: bytes) -> Iterator[tuple[str, bytes]]:
    at = 0
    while at < len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        assert 8 <= size <= len(data) - at
        yield data[at + 4 : at + 8].decode(), data[at + 8 : at + size]
        at += size


def packets(data: bytes) -> list[tuple[int, int | None, int | None, bool, bytes]]:
    with av.open(io.BytesIO(data), "r", format="mov") as container:
        found = [
            (packet.stream.index, packet.dts, packet.pts, packet.is_keyframe, bytes(packet))
            for packet in container.demux()
            if packet.size
        ]
    return sorted(found, key=lambda one: (one[0], one[1] or 0))


@pytest.mark.parametrize("name", NAMES)
def test_any_split_holds_the_same_samples(name: str, sample: Callable[[str], Path]) -> None:
    stream = read_stream(sample(name))
    head = mp4_head(stream.tracks)
    origin_ms = int(stream.batch.tags["dts"].min())
    found = []
    for rows in (1, 7, 60, 1 << 30):
        writer = writer_of(stream, head)
        data = head
        for batch in stream.batches(rows):
            piece, moved, refused, _ = writer.mux(batch.arena, batch.tags.tobytes(), origin_ms)
            assert (moved, refused) == (0, 0)
            data += bytes(piece)
        data += bytes(writer.finish())
        sequence = [payload for kind, payload in boxes(data) if kind == "moof"]
        numbers = [int.from_bytes(payload[12:16], "big") for payload in sequence]
        assert numbers == list(range(1, writer.next_sequence))
        found.append(packets(data))
    assert len(found[0]) == int((stream.batch.tags["role"] == Role.FRAME).sum())
    assert all(each == found[0] for each in found)


@pytest.mark.parametrize("head", [b"", b"\0\0\0\x08moov", b"\0\0\0\xffmoov", bytes(64)])
def test_a_head_that_is_none(head: bytes) -> None:
    with pytest.raises(ValueError, match=r"box|tracks"):
        _native.FragmentWriter(head, [7], 1)


def test_one_codec_for_each_track(sample: Callable[[str], Path]) -> None:
    head = mp4_head(read_stream(sample("h264_mp3")).tracks)
    with pytest.raises(ValueError, match="2 tracks for 1 codecs"):
        _native.FragmentWriter(head, [7], 1)


@given(
    st.binary(max_size=400),
    any_rows(13, 113, 7),
    st.integers(-(1 << 63), (1 << 63) - 1) | st.just(0),
    st.integers(0, 3),
)
def test_any_table_makes_whole_boxes_or_a_value_error(
    arena: bytes, rows: list[Row], origin_ms: int, odd_bytes: int
) -> None:
    av1 = Track(Codec.AV1, config=bytes.fromhex("81040c000a0b0000002caf3dff377b6a02"), width=64, height=64)
    opus = Track(Codec.OPUS, config=b"", sample_rate=48_000, channels=2)
    writer = _native.FragmentWriter(mp4_head([av1, opus]), [13, 113], 1)
    try:
        data, moved, refused, run = writer.mux(arena, table_of(rows) + bytes(odd_bytes), origin_ms)
    except ValueError:
        assert points_outside(rows, arena) or odd_bytes
        return
    assert not points_outside(rows, arena)
    assert not odd_bytes
    held = sum(row.is_frame and row.codec != 7 for row in rows)
    assert moved <= held - refused
    assert run <= refused <= held
    kinds = [kind for kind, _ in boxes(bytes(data) + bytes(writer.finish()))]
    assert kinds == ["moof", "mdat"] * (len(kinds) // 2)

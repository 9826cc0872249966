"""Rows that stand in their arena as they are to be written: found for every reader, and never wrongly."""

from __future__ import annotations

from collections.abc import Callable
from itertools import accumulate

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from native.flv_bytes import AUDIO, EXAMPLE, SCRIPT, START, VIDEO, PlainTag, flv_bytes, tag_bytes
from native.rtmp_wire import AGGREGATE, HANDSHAKE, ChunkWriter, PlainMessage, aggregate, text

from engine import _native
from engine.media.batch import Batch

Reader = _native.FlvReader | _native.HttpFlvReader | _native.RtmpConnection

FLV = flv_bytes(EXAMPLE)
TAGS = FLV[len(START) :]
_ENDS = list(accumulate(len(tag_bytes(tag)) for tag in EXAMPLE))


def taken(reader: Reader, *pieces: bytes) -> Batch:
    """The one batch that a reader makes of the pieces."""
    for piece in pieces:
        reader.feed(piece)
    assert reader.fault is None
    found = reader.take()
    assert found is not None
    return Batch.from_native(found)


def plain() -> Batch:
    """The example as the FLV reader gives it."""
    return taken(_native.FlvReader(), FLV)


def in_place(batch: Batch, shift_ms: int = 0, signalling: str = "source") -> bytes | None:
    """The parts of the arena to write, checked against what `flv_tags` makes anew."""
    arguments = (batch.arena, batch.tags.tobytes(), shift_ms, signalling)
    found = _native.flv_parts(*arguments)  # type: ignore[arg-type]
    if found is None:
        return None
    pieces, starts = found
    written = bytes(pieces)
    assert len(pieces) == len(written)
    assert (written, starts) == _native.flv_tags(*arguments)  # type: ignore[arg-type]
    return written


def test_flv_whole_and_byte_by_byte() -> None:
    assert in_place(plain()) == TAGS
    pieces = [FLV[at : at + 1] for at in range(len(FLV))]
    assert in_place(taken(_native.FlvReader(), *pieces)) == TAGS


def test_http_flv_in_chunks() -> None:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    parts = [FLV[at : at + 7] for at in range(0, len(FLV), 7)]
    body = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts)
    assert in_place(taken(_native.HttpFlvReader(), head + body)) == TAGS


@pytest.mark.parametrize("size", [1000, 1004, 5000])
def test_http_flv_read_in_place_with_a_chunk_a_tag(size: int) -> None:
    tags = [tag_bytes(PlainTag(VIDEO, 40 * row, b"\x27\x01\x00\x00\x00" + bytes(size))) for row in range(3)]
    reader = _native.HttpFlvReader()
    reader.feed(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nd\r\n" + START)
    wire = b"".join(b"\r\n%x\r\n%b" % (len(tag), tag) for tag in tags)
    read = reader.read_in_place(wire)
    assert read is not None
    assert read[0] == len(wire)
    found = in_place(Batch.from_native((wire, read[1])))
    assert found == (None if size == 1000 else b"".join(tags))  # a copy costs less


def test_rtmp_messages() -> None:
    writer = ChunkWriter()
    wire = b"".join(writer.write(5, PlainMessage(*tag)) for tag in EXAMPLE)
    assert in_place(taken(_native.RtmpConnection("server"), HANDSHAKE, wire)) == TAGS


def test_rtmp_aggregates_and_set_data_frame() -> None:
    metadata = text("onMetaData")
    parts = [
        PlainMessage(VIDEO, 2**32 - 10, b"\x17\x01abc"),
        PlainMessage(20, 0, b"not media"),
        PlainMessage(SCRIPT, 20, text("@setDataFrame") + metadata),
        PlainMessage(AUDIO, 30, b""),
    ]
    wire = ChunkWriter().write(5, PlainMessage(AGGREGATE, 1000, aggregate(parts)))
    expected = [(VIDEO, 1000, b"\x17\x01abc"), (SCRIPT, 1030, metadata), (AUDIO, 1040, b"")]
    found = in_place(taken(_native.RtmpConnection("server"), HANDSHAKE, wire))
    assert found == b"".join(tag_bytes(PlainTag(*tag)) for tag in expected)


def test_what_the_source_framed_otherwise_is_framed_as_it_is_written() -> None:
    odd = b"".join(tag_bytes(tag, previous_tag_size=0, stream_id=7) for tag in EXAMPLE)
    assert in_place(taken(_native.FlvReader(), START + odd)) == TAGS


def test_a_run_of_rows_and_unwrapped_times() -> None:
    batch = plain()
    assert in_place(batch.rows(slice(2, 5))) == b"".join(map(tag_bytes, EXAMPLE[2:5]))
    batch.tags["dts"] += 2**32
    assert in_place(batch) == TAGS
    assert in_place(batch, 2**32) == TAGS


def _cleared(batch: Batch) -> Batch:
    return batch.rows(slice(0, 0))


def _left_out(batch: Batch) -> Batch:
    return batch.rows(np.arange(len(batch)) != 3)


def _swapped(batch: Batch) -> Batch:
    return batch.rows(slice(None, None, -1))


def _moved(batch: Batch) -> Batch:
    batch.tags["dts"][4] += 1
    return batch


def _unframed(batch: Batch) -> Batch:
    batch.tags["framed"][2] = 0
    return batch


def _bodies_alone(batch: Batch) -> Batch:
    tags = batch.tags.copy()
    tags["media_size"] = tags["media_offset"] = 0
    tags["offset"] = np.cumsum(tags["size"]) - tags["size"]
    tags["framed"] = 0
    return Batch(b"".join(batch.body(row) for row in range(len(batch))), tags)


def _outside(batch: Batch) -> Batch:
    return Batch(batch.arena[:-1], batch.tags)


@pytest.mark.parametrize(
    "change",
    [_cleared, _left_out, _swapped, _moved, _unframed, _bodies_alone, _outside],
    ids=lambda f: f.__name__,
)
def test_other_rows_are_made_anew(change: Callable[[Batch], Batch]) -> None:
    assert in_place(plain()) is not None
    assert in_place(change(plain())) is None


def test_a_shift_moves_every_row() -> None:
    assert in_place(plain(), 1) is None
    assert in_place(plain(), -(2**31)) is None


@pytest.mark.parametrize(
    ("body", "changed_by"),
    [
        (b"\x1c\x01\x00\x00\x05nal", "enhanced"),
        (b"\xa1hvc1\xff\xff\xfbnal", "legacy"),
        (b"\x94hvc1x", "legacy"),  # HDR metadata: dropped
    ],
)
def test_a_body_that_is_signalled_otherwise_is_made_anew(body: bytes, changed_by: str) -> None:
    wire = [PlainTag(VIDEO, 0, b"\x17\x01\x00\x00\x00nal"), PlainTag(VIDEO, 40, body)]
    batch = taken(_native.FlvReader(), flv_bytes(wire))
    for signalling in ("source", "enhanced", "legacy"):
        assert (in_place(batch, 0, signalling) is None) == (signalling == changed_by)


@given(st.integers(0, len(TAGS) - 1), st.integers(1, 255))
def test_rows_that_were_read_in_place_say_what_the_arena_holds(at: int, change: int) -> None:
    wire = bytearray(TAGS)
    wire[at] ^= change
    reader = _native.HttpFlvReader()
    reader.feed(b"HTTP/1.1 200 OK\r\n\r\n" + START)
    read = reader.read_in_place(bytes(wire))
    if read is None:
        return
    count, table = read
    whole = [end for end in _ENDS if end <= at]
    assert count >= max(whole, default=0)
    assert in_place(Batch.from_native((bytes(wire), table))) == (bytes(wire[:count]) or None)


def test_a_table_of_half_a_row_is_no_part_and_an_unknown_signalling_is_refused() -> None:
    assert _native.flv_parts(plain().arena, plain().tags.tobytes()[:-1], 0, "source") is None
    with pytest.raises(ValueError, match="not source, enhanced or legacy"):
        _native.flv_parts(b"", b"", 0, "modern")  # type: ignore[arg-type]

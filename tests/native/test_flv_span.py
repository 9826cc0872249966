"""Rows that stand in their arena as they are to be written: found for every reader, and never wrongly."""

from __future__ import annotations

from collections.abc import Callable

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


def span(batch: Batch, shift_ms: int = 0, signalling: str = "source") -> bytes | None:
    """The part of the arena to write, checked against what `flv_tags` makes anew."""
    arguments = (batch.arena, batch.tags.tobytes(), shift_ms, signalling)
    found = _native.flv_span(*arguments)  # type: ignore[arg-type]
    if found is None:
        return None
    start, end, starts = found
    assert (batch.arena[start:end], starts) == _native.flv_tags(*arguments)  # type: ignore[arg-type]
    return batch.arena[start:end]


def test_flv_whole_and_byte_by_byte() -> None:
    assert span(plain()) == TAGS
    pieces = [FLV[at : at + 1] for at in range(len(FLV))]
    assert span(taken(_native.FlvReader(), *pieces)) == TAGS


def test_http_flv_in_chunks() -> None:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    parts = [FLV[at : at + 7] for at in range(0, len(FLV), 7)]
    body = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts)
    assert span(taken(_native.HttpFlvReader(), head + body)) == TAGS


def test_rtmp_messages() -> None:
    writer = ChunkWriter()
    wire = b"".join(writer.write(5, PlainMessage(*tag)) for tag in EXAMPLE)
    assert span(taken(_native.RtmpConnection("server"), HANDSHAKE, wire)) == TAGS


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
    found = span(taken(_native.RtmpConnection("server"), HANDSHAKE, wire))
    assert found == b"".join(tag_bytes(PlainTag(*tag)) for tag in expected)


def test_what_the_source_framed_otherwise_is_framed_as_it_is_written() -> None:
    odd = b"".join(tag_bytes(tag, previous_tag_size=0, stream_id=7) for tag in EXAMPLE)
    assert span(taken(_native.FlvReader(), START + odd)) == TAGS


def test_a_run_of_rows_and_unwrapped_times() -> None:
    batch = plain()
    assert span(batch.rows(slice(2, 5))) == b"".join(map(tag_bytes, EXAMPLE[2:5]))
    batch.tags["dts"] += 2**32
    assert span(batch) == TAGS
    assert span(batch, 2**32) == TAGS


def _cleared(batch: Batch) -> Batch:
    return batch.rows(slice(0, 0))


def _left_out(batch: Batch) -> Batch:
    return batch.rows(np.arange(len(batch)) != 3)


def _swapped(batch: Batch) -> Batch:
    return batch.rows(slice(None, None, -1))


def _moved(batch: Batch) -> Batch:
    batch.tags["dts"][4] += 1
    return batch


def _retyped(batch: Batch) -> Batch:
    batch.tags["kind"][2] = SCRIPT if batch.tags["kind"][2] != SCRIPT else AUDIO
    return batch


def _bodies_alone(batch: Batch) -> Batch:
    tags = batch.tags.copy()
    tags["media_size"] = tags["media_offset"] = 0
    tags["offset"] = np.cumsum(tags["size"]) - tags["size"]
    return Batch(b"".join(batch.body(row) for row in range(len(batch))), tags)


def _outside(batch: Batch) -> Batch:
    return Batch(batch.arena[:-1], batch.tags)


@pytest.mark.parametrize(
    "change",
    [_cleared, _left_out, _swapped, _moved, _retyped, _bodies_alone, _outside],
    ids=lambda f: f.__name__,
)
def test_other_rows_are_made_anew(change: Callable[[Batch], Batch]) -> None:
    assert span(plain()) is not None
    assert span(change(plain())) is None


def test_a_shift_moves_every_row() -> None:
    assert span(plain(), 1) is None
    assert span(plain(), -(2**31)) is None


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
        assert (span(batch, 0, signalling) is None) == (signalling == changed_by)


@given(st.integers(0, len(TAGS) - 1), st.integers(1, 255))
def test_any_byte_changed_in_the_arena_is_written_as_the_rows_say(at: int, change: int) -> None:
    batch = plain()
    arena = bytearray(batch.arena)
    arena[at] ^= change
    spoilt = Batch(bytes(arena), batch.tags)
    bodies = [(int(tag["offset"]), int(tag["offset"] + tag["size"])) for tag in batch.tags]
    in_a_body = any(start <= at < end for start, end in bodies)
    assert (span(spoilt) is not None) == in_a_body


def test_a_table_of_half_a_row_is_no_span_and_an_unknown_signalling_is_refused() -> None:
    assert _native.flv_span(plain().arena, plain().tags.tobytes()[:-1], 0, "source") is None
    with pytest.raises(ValueError, match="not source, enhanced or legacy"):
        _native.flv_span(b"", b"", 0, "modern")  # type: ignore[arg-type]

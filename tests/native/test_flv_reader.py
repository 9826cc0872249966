"""The FLV reader: rows, any division of the input, and each malformed input with its code."""

from __future__ import annotations

import random
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from native.flv_bytes import (
    AUDIO,
    CAPTURES,
    EXAMPLE,
    SCRIPT,
    START,
    VIDEO,
    PlainTag,
    flv_bytes,
    parse_flv,
    plain_media,
    tag_bytes,
)

from engine import _native
from engine.errors import MalformedFlv, NotFlv, from_fault
from engine.media.batch import Batch, Flag, Role

Row = tuple[int, int, bytes, str, int, bool, int, bytes]


def rows_of(batches: list[Batch]) -> list[Row]:
    """What the tests compare of each row: header fields, body, and what the body says."""
    return [
        (
            int(tag["kind"]),
            int(tag["timestamp"]),
            batch.body(row),
            Role(int(tag["role"])).name,
            int(tag["codec"]),
            bool(tag["flags"] & Flag.KEY),
            int(tag["cts"]),
            batch.media(row),
        )
        for batch in batches
        for row, tag in enumerate(batch.tags)
    ]


def read(pieces: list[bytes], finish: bool = True) -> tuple[list[Row], tuple[str, str] | None, int]:
    """The rows, the fault and consumed_bytes after feeding the pieces, taken after each."""
    reader = _native.FlvReader()
    batches = []
    for piece in pieces:
        reader.feed(piece)
        if (taken := reader.take()) is not None:
            batches.append(Batch.from_native(taken))
    if finish:
        reader.finish()
    assert reader.take() is None
    return rows_of(batches), reader.fault, reader.consumed_bytes


def split(data: bytes, points: list[int]) -> list[bytes]:
    """The data cut at the points."""
    borders = [0, *sorted(point % (len(data) + 1) for point in points), len(data)]
    return [data[a:b] for a, b in pairwise(borders)]


def test_rows_hold_what_the_tags_say() -> None:
    rows, fault, consumed = read([flv_bytes(EXAMPLE)])
    assert fault is None
    assert consumed == len(flv_bytes(EXAMPLE))
    assert [row[:3] for row in rows] == EXAMPLE
    assert [row[3:7] for row in rows] == [
        ("SCRIPT", 0, False, 0),
        ("CONFIG", 7, True, 0),
        ("CONFIG", 110, True, 0),
        ("FRAME", 7, True, 80),
        ("FRAME", 110, True, 0),
        ("FRAME", 7, False, -40),
        ("OTHER", 7, False, 0),
        ("OTHER", 0, False, 0),
        ("END", 7, False, 0),
    ]
    assert rows[3][7] == b"key" * 50


def test_the_table_starts_with_dts_equal_to_the_wire_timestamp() -> None:
    reader = _native.FlvReader()
    reader.feed(flv_bytes(EXAMPLE))
    taken = reader.take()
    assert taken is not None
    batch = Batch.from_native(taken)
    assert np.array_equal(batch.tags["dts"], batch.tags["timestamp"].astype("i8"))
    assert batch.size_bytes == sum(len(tag.body) for tag in EXAMPLE)
    assert not batch.tags["reserved"].any()


@pytest.mark.parametrize("size", [1, 2, 3, 7, 11, 15, 64])
def test_any_piece_size_gives_the_same_rows(size: int) -> None:
    data = flv_bytes(EXAMPLE)
    assert read([data[at : at + size] for at in range(0, len(data), size)]) == read([data])


@given(st.lists(st.integers(0, 2000), max_size=12))
def test_any_split_points_give_the_same_rows(points: list[int]) -> None:
    data = flv_bytes(EXAMPLE)
    assert read(split(data, points)) == read([data])


@given(st.binary(max_size=120), st.lists(st.integers(0, 400), max_size=6), st.integers(0, 400))
def test_any_damage_gives_the_same_fault_however_it_is_split(
    garbage: bytes, points: list[int], at: int
) -> None:
    whole = flv_bytes(EXAMPLE)
    data = whole[:at] + garbage + whole[at + len(garbage) :]
    expected = read([data])
    assert read(split(data, points)) == expected
    assert read([data[i : i + 1] for i in range(len(data))]) == expected


@pytest.mark.parametrize("wrap", [bytes, bytearray, memoryview, lambda data: memoryview(bytearray(data))])
def test_any_buffer_of_bytes_can_be_fed(wrap: type) -> None:
    assert read([wrap(flv_bytes(EXAMPLE))]) == read([flv_bytes(EXAMPLE)])


def test_a_receive_buffer_may_be_overwritten_after_feeding() -> None:
    data = flv_bytes(EXAMPLE)
    reader, buffer = _native.FlvReader(), bytearray(64)
    rows = []
    for at in range(0, len(data), 50):
        piece = data[at : at + 50]
        buffer[: len(piece)] = piece
        reader.feed(memoryview(buffer)[: len(piece)])
        buffer[:] = b"\xee" * 64
        if (taken := reader.take()) is not None:
            rows += rows_of([Batch.from_native(taken)])
    assert rows == read([data])[0]


def test_what_is_no_buffer_is_a_type_error() -> None:
    with pytest.raises(TypeError):
        _native.FlvReader().feed("FLV")  # type: ignore[arg-type]


def test_a_header_with_more_than_nine_bytes_is_skipped_by_its_data_offset() -> None:
    data = b"FLV\x01\x05\x00\x00\x00\x0c" + b"???" + flv_bytes(EXAMPLE)[9:]
    rows, fault, consumed = read([data])
    assert (rows, fault, consumed) == (read([flv_bytes(EXAMPLE)])[0], None, len(data))
    assert read([data[i : i + 1] for i in range(len(data))]) == (rows, fault, consumed)


def test_servers_that_write_no_previous_tag_size_are_read() -> None:
    data = START + b"".join(tag_bytes(tag, previous_tag_size=0) for tag in EXAMPLE)
    assert read([data])[:2] == (read([flv_bytes(EXAMPLE)])[0], None)


def test_the_stream_id_is_ignored() -> None:
    data = START + tag_bytes(EXAMPLE[1], stream_id=7)
    assert read([data])[:2] == (read([flv_bytes(EXAMPLE[1:2])])[0], None)


def test_a_tag_comes_out_with_its_previous_tag_size_or_at_the_end() -> None:
    data = flv_bytes(EXAMPLE[:2])
    start = len(flv_bytes(EXAMPLE[:1]))
    for missing in range(1, 5):
        rows, fault, consumed = read([data[:-missing]], finish=False)
        assert (len(rows), fault, consumed) == (1, None, start)
        reader = _native.FlvReader()
        reader.feed(data[:-missing])
        reader.finish()
        taken = reader.take()
        assert taken is not None
        assert (len(Batch.from_native(taken)), reader.fault) == (2, None)


def test_a_tag_whose_size_lies_is_not_given_out() -> None:
    data = bytearray(flv_bytes(EXAMPLE))
    at = len(flv_bytes(EXAMPLE[:1]))
    data[at + 3] += 2  # DataSize of the second tag
    rows, fault, _ = read([bytes(data)])
    assert len(rows) == 1
    assert fault is not None
    assert fault[0] == "flv.previous_tag_size"


def test_consumed_bytes_stop_at_the_last_whole_tag() -> None:
    data = flv_bytes(EXAMPLE)
    borders = [13 + sum(15 + len(tag.body) for tag in EXAMPLE[:count]) for count in range(len(EXAMPLE) + 1)]
    for end in range(len(data) + 1):
        expected = max((border for border in borders if border <= end), default=0)
        assert read([data[:end]], finish=False)[2] == expected


GOOD = tag_bytes(EXAMPLE[1])
MALFORMED = {
    "html": (b"<html>", "not.flv", "byte 0 is 0x3c"),
    "mp4": (b"FL\x00\x00ftypisom", "not.flv", "byte 2 is 0x00"),
    "empty": (b"", "not.flv", "empty"),
    "version": (b"FLV\x02" + START[4:], "flv.version", "version 2"),
    "offset small": (b"FLV\x01\x05\x00\x00\x00\x08" + bytes(4), "flv.data_offset", "byte 8"),
    "offset huge": (b"FLV\x01\x05\x7f\x00\x00\x00" + bytes(4), "flv.data_offset", "2130706432"),
    "first size": (START[:9] + b"\x00\x00\x00\x01", "flv.previous_tag_size", "byte 9 is 1,"),
    "size": (
        START + tag_bytes(EXAMPLE[1], 19) + GOOD,
        "flv.previous_tag_size",
        "byte 33 is 19, where the tag before has 20",
    ),
    "type": (START + GOOD + b"\x0a" + bytes(20), "flv.bad_tag_type", "byte 37 has type 10"),
    "garbage": (START + GOOD + b"\xff" * 40, "flv.bad_tag_type", "byte 37 has type 31"),
    "encrypted": (START + b"\x29" + GOOD[1:], "flv.encrypted", "byte 13"),
    "cut header": (START[:7], "flv.truncated", "7 of its 9"),
    "cut offset": (b"FLV\x01\x05\x00\x00\x00\x0cx", "flv.truncated", "2 bytes of the FLV header"),
    "cut tag header": (START + GOOD + GOOD[:4], "flv.truncated", "byte 37 is cut inside its header: 7 bytes"),
    "cut tag": (START + GOOD + GOOD[:15], "flv.truncated", "byte 37 is cut: 5 of its 9 bytes"),
    "no body": (START + GOOD[:11], "flv.truncated", "9 of its 9"),
}


@pytest.mark.parametrize(("data", "code", "words"), MALFORMED.values(), ids=MALFORMED.keys())
def test_malformed_input_has_its_code(data: bytes, code: str, words: str) -> None:
    rows, fault, consumed = read([data])
    assert fault is not None
    assert fault[0] == code
    assert words in fault[1]
    assert read([data[i : i + 1] for i in range(len(data))]) == (rows, fault, consumed)
    assert isinstance(from_fault(fault, "x"), NotFlv if code == "not.flv" else MalformedFlv)


def test_tags_before_the_damage_are_kept_and_those_behind_are_not_read() -> None:
    data = START + GOOD * 3 + b"\xff" * 40 + GOOD
    reader = _native.FlvReader()
    reader.feed(data)
    fault = reader.fault
    reader.feed(flv_bytes(EXAMPLE))
    reader.finish()
    assert reader.fault == fault
    assert reader.consumed_bytes == len(START + GOOD * 3)
    taken = reader.take()
    assert taken is not None
    assert len(Batch.from_native(taken)) == 3


def test_no_bytes_after_the_file_header_is_a_stream_without_tags() -> None:
    for end in range(9, 14):
        assert read([START[:end]]) == ([], None, 13 if end == 13 else 0)


@pytest.mark.skipif(not CAPTURES, reason="the shared captures are absent")
@pytest.mark.parametrize("path", CAPTURES, ids=lambda path: path.name)
def test_captures_give_the_rows_of_a_plain_parser(path: Path) -> None:
    data = path.read_bytes()
    expected = [(*tag, *plain_media(tag)) for tag in parse_flv(data)]
    pieces = random.Random(path.name)
    cuts = [pieces.randrange(len(data)) for _ in range(300)]
    for rows, fault, consumed in (read([data]), read(split(data, cuts))):
        assert fault is None
        assert consumed == len(data)
        assert rows == expected


def test_many_tags_in_one_feed_are_one_batch() -> None:
    tags = [PlainTag((AUDIO, VIDEO, SCRIPT)[i % 3], i, bytes([i % 251]) * (i % 40)) for i in range(5000)]
    rows, fault, _ = read([flv_bytes(tags)])
    assert fault is None
    assert [row[:3] for row in rows] == tags

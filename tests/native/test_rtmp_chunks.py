"""The chunk reader: every header form against a writer of the tests' own, in any division of the input."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from native.rtmp_wire import (
    ABORT,
    ACKNOWLEDGEMENT,
    AGGREGATE,
    AUDIO,
    COMMAND,
    DATA,
    EXTENDED,
    HANDSHAKE,
    PEER_BANDWIDTH,
    USER_CONTROL,
    VIDEO,
    WINDOW_SIZE,
    ChunkWriter,
    PlainMessage,
    aggregate,
    control,
    number,
    read_messages,
    text,
)

from engine import _native
from engine.media.batch import TAG

Row = tuple[int, int, bytes]  # kind, timestamp, body


@dataclass
class Read:
    """What a connection made of its input."""

    rows: list[Row]
    events: list[object]
    output: bytes
    fault: tuple[str, str] | None

    @property
    def code(self) -> str | None:
        """The fault's code."""
        return self.fault[0] if self.fault else None


def read(*pieces: bytes) -> Read:
    """Feed a server the handshake, then the pieces; its own handshake is left out of the output."""
    connection = _native.RtmpConnection("server")
    connection.feed(HANDSHAKE)
    assert len(connection.take_output()) == len(HANDSHAKE)
    assert connection.take_events() == [(0, "handshake")]
    for piece in pieces:
        connection.feed(piece)
    taken = connection.take()
    rows = []
    if taken is not None:
        arena, table = taken
        for row in np.frombuffer(table, TAG):
            assert row["dts"] == row["timestamp"]
            start = int(row["offset"])
            rows.append((int(row["kind"]), int(row["timestamp"]), arena[start : start + int(row["size"])]))
    return Read(rows, list(connection.take_events()), connection.take_output(), connection.fault)


def rows_of(*messages: PlainMessage) -> list[Row]:
    """The rows that media messages should become."""
    return [(message.kind, message.timestamp, message.payload) for message in messages]


def bodies(count: int, byte: int = 0xEE) -> bytes:
    """A payload that is no timestamp."""
    return bytes([byte]) * count


@pytest.mark.parametrize("chunk_stream", [2, 3, 63, 64, 319, 320, 65_599])
@pytest.mark.parametrize("size", [0, 1, 127, 128, 129, 1000])
def test_every_form_of_the_chunk_stream_id(chunk_stream: int, size: int) -> None:
    message = PlainMessage(VIDEO, 77, bodies(size))
    assert read(ChunkWriter().write(chunk_stream, message)).rows == rows_of(message)


def test_a_small_id_in_the_long_form() -> None:
    message = PlainMessage(VIDEO, 77, bodies(300))
    chunks = ChunkWriter().chunks(100, message, basic_bytes=3)
    assert chunks[0][:3] == b"\x01\x24\x00"
    assert read(b"".join(chunks)).rows == rows_of(message)


@pytest.mark.parametrize("repeat_extended", [True, False])
@pytest.mark.parametrize("start", [0, EXTENDED - 20, EXTENDED, 2**31 - 10, 2**32 - 30])
def test_header_types_count_on_over_every_border(start: int, repeat_extended: bool) -> None:
    times = [
        start,
        start,
        start + 20,
        start + 40,
        start + 60,
        start + EXTENDED + 5,
        start + 2 * EXTENDED + 10,
    ]
    messages = [PlainMessage(AUDIO, time % 2**32, bodies(300)) for time in times]
    writer = ChunkWriter(repeat_extended=repeat_extended)
    wire = b"".join(writer.write(4, message, header_type=3) for message in messages)
    assert read(wire).rows == rows_of(*messages)


def test_type_3_repeats_the_field_of_type_0_as_a_delta() -> None:
    wire = ChunkWriter().write(4, PlainMessage(AUDIO, 20, b"a")) + b"\xc4b"
    assert read(wire).rows == [(AUDIO, 20, b"a"), (AUDIO, 40, b"b")]


def test_a_stream_may_begin_with_type_1() -> None:
    ping = b"\x42" + b"\0\0\0" + b"\0\0\x06" + b"\x04" + b"\0\x06\0\0\0\x09"
    assert read_messages(read(ping).output, 128) == [(2, PlainMessage(4, 0, b"\0\x07\0\0\0\x09", 0))]


def test_an_absolute_time_repeated_on_type_3_after_a_delta() -> None:
    """Some peers repeat the timestamp of the message where its header had a delta."""
    first = PlainMessage(AUDIO, 5, b"x")
    delta = (EXTENDED + 1).to_bytes(4, "big")
    head = b"\x44\xff\xff\xff" + (200).to_bytes(3, "big") + bytes([VIDEO]) + delta
    again = b"\xc4" + (EXTENDED + 6).to_bytes(4, "big")
    wire = ChunkWriter().write(4, first) + head + bodies(128) + again + bodies(72)
    assert read(wire).rows == [(AUDIO, 5, b"x"), (VIDEO, EXTENDED + 6, bodies(200))]


def test_interleaved_streams_and_a_new_chunk_size_between_their_chunks() -> None:
    writer = ChunkWriter()
    video, audio = PlainMessage(VIDEO, 1, bodies(300, 1)), PlainMessage(AUDIO, 2, bodies(200, 2))
    first, second = writer.chunks(6, video), writer.chunks(4, audio)
    rest = video.payload[128:]
    wire = first[0] + second[0] + writer.set_chunk_size(1000) + b"\xc6" + rest + b"\xc4" + audio.payload[128:]
    assert read(wire).rows == rows_of(video, audio)


def test_an_aborted_message_is_gone_and_its_stream_goes_on() -> None:
    writer = ChunkWriter()
    left = writer.chunks(6, PlainMessage(VIDEO, 1, bodies(300)))[0]
    after = PlainMessage(VIDEO, 2, bodies(300, 3))
    wire = left + control(ABORT, 6) + control(ABORT, 9) + writer.write(6, after)
    assert read(wire).rows == rows_of(after)


@pytest.mark.parametrize("back_pointer", [None, 0, 0xFFFFFF])
def test_aggregates_are_split_and_rebased(back_pointer: int | None) -> None:
    parts = [
        PlainMessage(VIDEO, 2**32 - 10, b"\x17\x01abc"),
        PlainMessage(AUDIO, 10, b""),
        PlainMessage(COMMAND, 11, b"not media"),
        PlainMessage(DATA, 20, text("@setDataFrame") + text("onMetaData")),
    ]
    message = PlainMessage(AGGREGATE, 1000, aggregate(parts, back_pointer))
    expected = [(VIDEO, 1000, b"\x17\x01abc"), (AUDIO, 1020, b""), (DATA, 1030, text("onMetaData"))]
    assert read(ChunkWriter().write(5, message)).rows == expected


def test_commands_carry_the_number_of_rows_before_them() -> None:
    writer = ChunkWriter()
    call = text("onStatus") + number(0) + b"\x05"
    wire = writer.write(4, PlainMessage(AUDIO, 0, b"a")) + writer.write(3, PlainMessage(COMMAND, 0, call, 7))
    wire += writer.write(4, PlainMessage(AUDIO, 0, b"a")) + control(USER_CONTROL, 1, 7, fmt=">HI")
    wire += writer.write(3, PlainMessage(17, 0, b"\0" + text("f") + number(1) + b"\x11\x06\x03x", 0))
    wire += writer.write(3, PlainMessage(DATA, 0, text("onPlayStatus") + b"\x05", 1))
    assert read(wire).events == [
        (1, "command", 7, ["onStatus", 0.0, None]),
        (2, "user_control", 1, 7),
        (2, "command", 0, ["f", 1.0, "x"]),
        (2, "command", 1, ["onPlayStatus", None]),
    ]


def test_what_is_no_media_makes_no_rows() -> None:
    writer = ChunkWriter()
    noise = [PlainMessage(kind, 0, b"\x01\x02\x03\x04") for kind in (3, 7, 16, 19, 21, 99)]
    noise.append(PlainMessage(DATA, 0, text("|RtmpSampleAccess") + b"\x01\x01\x01\x01"))
    result = read(b"".join(writer.write(3, message) for message in noise))
    assert (result.rows, result.events, result.output, result.fault) == ([], [], b"", None)


def test_answers_of_the_protocol() -> None:
    wire = control(WINDOW_SIZE, 10_000)
    wire += control(PEER_BANDWIDTH, 5_000, 2, fmt=">IB") + control(PEER_BANDWIDTH, 5_000, 2, fmt=">IB")
    wire += ChunkWriter().write(4, PlainMessage(AUDIO, 0, bodies(20_000)))
    result = read(wire)
    answers = read_messages(result.output, 128)
    assert answers[0] == (2, PlainMessage(WINDOW_SIZE, 0, (5_000).to_bytes(4, "big"), 0))
    acknowledged = [int.from_bytes(message.payload, "big") for _, message in answers[1:]]
    assert [message.kind for _, message in answers[1:]] == [ACKNOWLEDGEMENT] * len(acknowledged)
    assert len(acknowledged) == 4
    assert all(5_000 <= after - before < 5_200 for before, after in pairwise([0, *acknowledged]))


def test_a_peer_that_names_no_window_is_acknowledged_too() -> None:
    writer = ChunkWriter()
    wire = writer.set_chunk_size(60_000)
    wire += b"".join(writer.write(6, PlainMessage(VIDEO, time, bodies(50_000))) for time in range(60))
    assert len(read_messages(read(wire).output, 128)) == 2


TIMES = st.one_of(
    st.integers(0, 100),
    st.integers(EXTENDED - 50, EXTENDED + 50),
    st.integers(2**31 - 50, 2**31 + 50),
    st.integers(2**32 - 50, 2**32 - 1),
)
PAYLOADS = st.builds(
    bodies, st.sampled_from([0, 1, 2, 3, 4, 40, 127, 128, 129, 300, 400]), st.sampled_from([0xA5, 0xEE])
)
MESSAGES = st.builds(
    PlainMessage, st.sampled_from([AUDIO, VIDEO, DATA]), TIMES, PAYLOADS, message_stream=st.integers(0, 2)
)
STEPS = st.one_of(
    st.tuples(st.just("message"), st.sampled_from([4, 5, 6, 64, 700]), MESSAGES, st.integers(0, 3)),
    st.tuples(st.just("chunk size"), st.sampled_from([1, 3, 128, 200, 5000])),
    st.tuples(st.just("window"), st.sampled_from([0, 1500, 5000])),
    st.tuples(st.just("ping"), st.integers(0, 2**32 - 1)),
    st.tuples(st.just("command"), st.booleans()),
)


@st.composite
def conversations(draw: st.DrawFn) -> tuple[bytes, list[Row]]:
    """Bytes of a peer that uses every header type and interleaves, and the rows they hold."""
    writer = ChunkWriter(repeat_extended=draw(st.booleans()))
    wire, rows = b"", []
    waiting: dict[int, tuple[list[bytes], PlainMessage]] = {}

    def send_chunk(chunk_stream: int) -> bytes:
        chunks, message = waiting[chunk_stream]
        if len(chunks) == 1:
            rows.extend(rows_of(message))
            del waiting[chunk_stream]
        return chunks.pop(0)

    def flush() -> bytes:
        return b"".join(send_chunk(stream) for stream in list(waiting) for _ in waiting[stream][0][:])

    for step in draw(st.lists(STEPS, max_size=25)):
        match step:
            case ("message", chunk_stream, message, header_type):
                while chunk_stream in waiting:
                    wire += send_chunk(chunk_stream)
                waiting[chunk_stream] = (writer.chunks(chunk_stream, message, header_type), message)
                for turn in draw(st.lists(st.sampled_from(sorted(waiting)), max_size=4)):
                    if turn in waiting:
                        wire += send_chunk(turn)
            case ("chunk size", size):
                wire += flush() + writer.set_chunk_size(size)
            case ("window", size):
                wire += flush() + writer.write(2, PlainMessage(WINDOW_SIZE, 0, size.to_bytes(4, "big"), 0))
            case ("ping", value):
                ping = b"\0\x06" + value.to_bytes(4, "big")
                wire += flush() + writer.write(2, PlainMessage(USER_CONTROL, 0, ping, 0))
            case ("command", status):
                call = text("onStatus" if status else "close") + number(0)
                wire += flush() + writer.write(3, PlainMessage(COMMAND, 0, call))
    return wire + flush(), rows


@given(conversations(), st.lists(st.integers(0, 20_000), max_size=30))
def test_any_conversation_in_any_division(conversation: tuple[bytes, list[Row]], cuts: list[int]) -> None:
    wire, rows = conversation
    whole = read(wire)
    assert whole.fault is None
    assert whole.rows == rows
    borders = [0, *sorted(cut % (len(wire) + 1) for cut in cuts), len(wire)]
    assert read(*(wire[start:end] for start, end in pairwise(borders))) == whole
    assert read(*(wire[at : at + 1] for at in range(len(wire)))) == whole


@given(st.binary(max_size=400), st.integers(1, 50))
def test_garbage_ends_alike_in_any_division(garbage: bytes, step: int) -> None:
    whole = read(garbage)
    assert read(*(garbage[at : at + step] for at in range(0, len(garbage), step))) == whole
    assert whole.code is None or whole.code.split(".")[0] in {"rtmp", "amf"}


@given(st.lists(st.integers(0, 3200), max_size=20))
def test_the_handshake_in_any_division(cuts: list[int]) -> None:
    wire = HANDSHAKE + control(USER_CONTROL, 6, 5, fmt=">HI")
    borders = [0, *sorted(cut % (len(wire) + 1) for cut in cuts), len(wire)]
    connection = _native.RtmpConnection("server")
    for start, end in pairwise(borders):
        connection.feed(wire[start:end])
    output = connection.take_output()
    assert output[0] == 3
    assert output[1537:3073] == bytes(1536)  # S2 is the echo of C1
    assert output[3073:] == control(USER_CONTROL, 7, 5, fmt=">HI")
    assert connection.take_events() == [(0, "handshake")]


def test_a_client_echoes_the_server_and_the_version_fields_are_zero() -> None:
    client = _native.RtmpConnection("client")
    hello = client.take_output()
    assert (len(hello), hello[0], hello[5:9]) == (1537, 3, bytes(4))
    server = bytes(range(256)) * 6
    client.feed(b"\x03" + server)
    assert client.take_output() == server
    assert client.take_events() == []
    client.feed(bytes(1536))
    assert client.take_events() == [(0, "handshake")]


def test_two_connections_do_not_look_alike() -> None:
    assert _native.RtmpConnection("client").take_output() != _native.RtmpConnection("client").take_output()


def test_a_role_is_client_or_server() -> None:
    with pytest.raises(ValueError, match="neither client nor server"):
        _native.RtmpConnection("peer")  # type: ignore[arg-type]

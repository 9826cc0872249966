"""Rows as RTMP messages, commands sent, and what arguments are refused."""

from __future__ import annotations

import pytest
from batches import audio, batch, joined_rows, video, video_config
from hypothesis import given
from hypothesis import strategies as st
from native.rtmp_wire import COMMAND, DATA, HANDSHAKE, PlainMessage, read_messages

from engine import _native
from engine.media.batch import TAG, Batch, Kind

CHUNK_STREAMS = {Kind.AUDIO: 4, Kind.VIDEO: 6, Kind.SCRIPT: 5}


def sample(*times: int) -> Batch:
    """A video, an audio and a script row at each time."""
    script = _native.amf0_encode(["onMetaData", {"duration": 0.0}])
    tags = [
        tag
        for time in times
        for tag in (video(time, payload=b"v" * 300), audio(time, b"a" * 9), (int(Kind.SCRIPT), time, script))
    ]
    return batch(video_config(), *tags)


def connected(role: str = "client") -> _native.RtmpConnection:
    """A connection past its handshake, its output taken."""
    connection = _native.RtmpConnection("server" if role == "server" else "client")
    connection.feed(HANDSHAKE)
    connection.take_output()
    connection.take_events()
    return connection


@pytest.mark.parametrize("chunk_size", [1, 128, 300, 60_000])
def test_rows_become_messages_and_rows_again(chunk_size: int) -> None:
    rows = sample(0, 0xFFFFFE, 0xFFFFFF, 2**31, 2**32 - 1)
    wire = _native.rtmp_messages(rows.arena, rows.tags.tobytes(), 7, chunk_size)
    expected = [
        (CHUNK_STREAMS[Kind(kind)], PlainMessage(kind, time, body, 7))
        for kind, time, body in joined_rows([rows])
    ]
    assert read_messages(wire, chunk_size) == expected
    sender, player = connected("server"), connected()
    sender.send_chunk_size(chunk_size)
    player.feed(sender.take_output() + wire)
    taken = player.take()
    assert taken is not None
    assert joined_rows([Batch.from_native(taken)]) == joined_rows([rows])


def test_the_timestamp_is_the_media_time_modulo_32_bits() -> None:
    rows = sample(5)
    rows.tags["dts"] = 2**32 + 9
    times = {
        message.timestamp for _, message in read_messages(_native.rtmp_messages(*table(rows), 1, 999), 999)
    }
    assert times == {9}


def table(rows: Batch) -> tuple[bytes, bytes]:
    """Arena and table as the native functions take them."""
    return rows.arena, rows.tags.tobytes()


def test_any_buffer_is_taken() -> None:
    rows = sample(5)
    expected = _native.rtmp_messages(*table(rows), 1, 128)
    assert _native.rtmp_messages(bytearray(rows.arena), rows.tags, 1, 128) == expected  # type: ignore[arg-type]
    assert _native.rtmp_messages(memoryview(rows.arena), memoryview(rows.tags.tobytes()), 1, 128) == expected


def test_rows_that_point_outside_of_the_arena_are_refused() -> None:
    rows = sample(5)
    with pytest.raises(ValueError, match="in an arena of"):
        _native.rtmp_messages(rows.arena[:-5], rows.tags.tobytes(), 1, 128)
    rows.tags["offset"] = 2**32 - 1
    with pytest.raises(ValueError, match="in an arena of"):
        _native.rtmp_messages(*table(rows), 1, 128)


def test_half_a_row_and_empty_chunks_are_refused() -> None:
    rows = sample(5)
    with pytest.raises(ValueError, match="40-byte rows"):
        _native.rtmp_messages(rows.arena, bytes(TAG.itemsize + 1), 1, 128)
    with pytest.raises(ValueError, match="in chunks of 0"):
        _native.rtmp_messages(*table(rows), 1, 0)


def test_commands_use_objects_and_the_chunk_size_that_was_sent() -> None:
    connection = connected("server")
    connection.send_command(3, 1, ["name", 1.0, {"key": "x" * 200, "list": [{"deep": None}]}, None])
    first = connection.take_output()
    connection.send_chunk_size(4096)
    connection.send_command(3, 1, ["name", 1, "x" * 200])
    second = connection.take_output()
    peer = connected()
    peer.feed(first + second)
    assert peer.take_events() == [
        (0, "command", 1, ["name", 1.0, {"key": "x" * 200, "list": [{"deep": None}]}, None]),
        (0, "command", 1, ["name", 1.0, "x" * 200]),
    ]
    [(chunk_stream, message)] = read_messages(second[16:], 4096)
    assert (chunk_stream, message.kind, message.message_stream) == (3, COMMAND, 1)
    assert message.payload[7] == 0  # a number, not an ECMA array or anything else
    assert read_messages(first, 128)[0][1].payload[16] == 3  # an object


def test_control_messages() -> None:
    connection = connected("server")
    connection.send_window_acknowledgement(1000)
    connection.send_peer_bandwidth(2000, 2)
    connection.send_user_control(3, 1, 3000)
    connection.send_user_control(0, 1)
    assert [
        (message.kind, message.payload.hex()) for _, message in read_messages(connection.take_output(), 128)
    ] == [
        (5, "000003e8"),
        (6, "000007d002"),
        (4, "00030000000100000bb8"),
        (4, "000000000001"),
    ]


def test_what_cannot_be_sent_is_refused() -> None:
    connection = connected()
    for size in (0, 2**20 + 1):
        with pytest.raises(ValueError, match="cannot send chunks"):
            connection.send_chunk_size(size)
    for chunk_stream in (0, 1, 65_600):
        with pytest.raises(ValueError, match="chunk stream"):
            connection.send_command(chunk_stream, 0, ["x"])
    with pytest.raises(TypeError, match="no AMF0 form"):
        connection.send_command(3, 0, [b"bytes"])  # type: ignore[list-item]
    assert connection.take_output() == b""


@given(st.lists(st.integers(0, 2**32 - 1), max_size=5), st.integers(1, 400))
def test_messages_survive_any_times_and_chunk_size(times: list[int], chunk_size: int) -> None:
    rows = sample(*times)
    messages = read_messages(_native.rtmp_messages(*table(rows), 1, chunk_size), chunk_size)
    assert [(m.kind, m.timestamp, m.payload) for _, m in messages] == joined_rows([rows])
    assert all(m.message_stream == 1 for _, m in messages)
    assert {stream for stream, m in messages if m.kind == DATA} <= {5}

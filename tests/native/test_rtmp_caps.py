"""Hostile peers: each cap ends the connection with its code, keeps what came before, and holds no memory."""

from __future__ import annotations

import resource

import pytest
from native.rtmp_wire import (
    ACKNOWLEDGEMENT,
    AUDIO,
    COMMAND,
    DATA,
    HANDSHAKE,
    USER_CONTROL,
    VIDEO,
    ChunkWriter,
    PlainMessage,
    aggregate,
    control,
    text,
)
from programs import need_file

from engine import _native
from engine.errors import MalformedRtmp, from_fault
from engine.media.batch import Batch

MIB = 1 << 20


def begun(chunk_stream: int, length: int) -> bytes:
    """The first chunk of a message of this length."""
    head = bytes([chunk_stream]) + bytes(3) + length.to_bytes(3, "big") + bytes([VIDEO]) + bytes(4)
    return head + bytes(min(length, 128))


def command(payload: bytes) -> bytes:
    """A command message with this payload."""
    return ChunkWriter().write(3, PlainMessage(COMMAND, 0, payload, 0))


def many_streams() -> bytes:
    """Messages on 67 chunk streams, most of them unfinished."""
    return b"".join(begun(stream, 1000) for stream in range(3, 63)) + b"".join(
        ChunkWriter().write(stream, PlainMessage(ACKNOWLEDGEMENT, 0, bytes(4))) for stream in range(64, 70)
    )


def unfinished_messages() -> bytes:
    """Three messages of 16 MiB that all miss their last byte."""
    length = 2**24 - 1
    wire = control(1, MIB)
    for stream in (10, 11, 12):
        chunks = ChunkWriter(MIB).chunks(stream, PlainMessage(VIDEO, 0, bytes(length)))
        wire += b"".join(chunks)[:-1] if stream == 12 else b"".join(chunks[:-1])
    return wire


MALFORMED = {
    "chunk size 0": (control(1, 0), "rtmp.chunk_size"),
    "chunk size above the cap": (control(1, MIB + 1), "rtmp.chunk_size"),
    "chunk size with the top bit": (control(1, 2**31 + 128), "rtmp.chunk_size"),
    "short chunk size": (control(1, 5, fmt=">H"), "rtmp.control"),
    "short abort": (control(2, 5, fmt=">H"), "rtmp.control"),
    "short window": (control(5, 5, fmt=">H"), "rtmp.control"),
    "short bandwidth": (control(6, 5, fmt=">H"), "rtmp.control"),
    "empty user control": (control(USER_CONTROL, 0, fmt=">B"), "rtmp.control"),
    "a continuation of nothing": (b"\xc7", "rtmp.no_header"),
    "type 2 first": (b"\x87\0\0\0", "rtmp.no_header"),
    "a message inside of a message": (begun(7, 1000) + begun(7, 1000), "rtmp.interrupted"),
    "too many chunk streams": (many_streams(), "rtmp.chunk_streams"),
    "too many unfinished bytes": (unfinished_messages(), "rtmp.partial_bytes"),
    "deep values": (command(b"\x0a\0\0\0\1" * 20 + b"\x05"), "amf.depth"),
    "too many values": (command(b"\x05" * 70_000), "amf.values"),
    "an endless array": (command(b"\x0a\xff\xff\xff\xff"), "amf.truncated"),
    "a reference": (command(b"\x07\0\0"), "amf.reference"),
    "an unknown type": (command(b"\x55"), "amf.marker"),
    "a cut string": (command(b"\x02\x00\x09abc"), "amf.truncated"),
    "a command of 2 MiB": (command(b"\x0c" + (2 * MIB).to_bytes(4, "big") + bytes(2 * MIB)), "rtmp.events"),
    "a flood of commands": (command(text("x")) * 5000, "rtmp.events"),
    "a flood of status data": (
        ChunkWriter().write(3, PlainMessage(DATA, 0, text("onStatus") + b"\x0c\0\0\xff\xff" + bytes(65_535)))
        * 20,
        "rtmp.events",
    ),
    "a cut aggregate": (
        ChunkWriter().write(3, PlainMessage(22, 0, aggregate([PlainMessage(AUDIO, 0, b"abc")])[:12])),
        "rtmp.aggregate",
    ),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_each_malformed_input_has_its_code(name: str) -> None:
    wire, code = MALFORMED[name]
    connection = _native.RtmpConnection("server")
    before = ChunkWriter().write(60, PlainMessage(AUDIO, 1, b"kept"))
    connection.feed(HANDSHAKE + before + wire)
    assert connection.fault is not None
    assert connection.fault[0] == code
    assert isinstance(from_fault(connection.fault, "rtmp://h/a/s"), MalformedRtmp)
    connection.feed(before)  # ignored
    taken = connection.take()
    assert taken is not None
    batch = Batch.from_native(taken)
    assert (batch.body(0)[:4], len(batch)) == (b"kept", 1)


@pytest.mark.parametrize("version", [0, 6, 8, ord("H")])
@pytest.mark.parametrize("role", ["client", "server"])
def test_another_version_is_refused(role: str, version: int) -> None:
    connection = _native.RtmpConnection("server" if role == "server" else "client")
    connection.feed(bytes([version]))
    assert connection.fault is not None
    assert connection.fault[0] == "rtmp.version"


def address_space_bytes() -> int:
    """What the process has allocated, touched or not."""
    pages = int(need_file("/proc", "/proc/self/statm").read_text().split()[0])
    return pages * resource.getpagesize()


def test_announced_lengths_are_not_allocated() -> None:
    before = address_space_bytes()
    connections = [_native.RtmpConnection("server") for _ in range(20)]
    for connection in connections:
        connection.feed(HANDSHAKE + b"".join(begun(stream, 2**24 - 1) for stream in range(3, 60)))
        assert connection.fault is None
    assert address_space_bytes() - before < 256 << 20  # what is announced is 18 GiB


def test_what_is_taken_makes_room_for_more() -> None:
    connection = _native.RtmpConnection("server")
    connection.feed(HANDSHAKE)
    wire = command(text("x" * 1000))
    for _ in range(5000):
        connection.feed(wire)
        connection.take_events()
    assert connection.fault is None


def test_what_is_aborted_makes_room_for_more() -> None:
    connection = _native.RtmpConnection("server")
    writer = ChunkWriter()
    connection.feed(HANDSHAKE + writer.set_chunk_size(MIB))
    begun_chunk = writer.chunks(6, PlainMessage(VIDEO, 0, bytes(MIB + 1)))[0]
    for _ in range(40):
        connection.feed(begun_chunk + control(2, 6))
    assert connection.fault is None


def test_a_message_of_16_mib_is_read() -> None:
    connection = _native.RtmpConnection("server")
    writer = ChunkWriter()
    message = PlainMessage(VIDEO, 3, b"\xee" * (2**24 - 1))
    connection.feed(HANDSHAKE + writer.set_chunk_size(MIB))
    for chunk in writer.chunks(6, message) * 3:
        connection.feed(chunk)
    assert connection.fault is None
    taken = connection.take()
    assert taken is not None
    batch = Batch.from_native(taken)
    assert [batch.body(row) for row in range(len(batch))] == [message.payload] * 3


def test_media_that_nobody_takes_ends_the_connection() -> None:
    connection = _native.RtmpConnection("server")
    writer = ChunkWriter()
    connection.feed(HANDSHAKE + writer.set_chunk_size(MIB))
    wire = writer.write(6, PlainMessage(VIDEO, 3, b"\xee" * (2**24 - 1)))
    for _ in range(17):
        connection.feed(wire)
    assert connection.fault is not None
    assert connection.fault[0] == "rtmp.untaken"

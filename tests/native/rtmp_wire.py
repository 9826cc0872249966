"""RTMP chunks for tests, in plain Python from the specification: nothing here calls the native code."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

AUDIO, VIDEO, DATA, COMMAND, AGGREGATE = 8, 9, 18, 20, 22
SET_CHUNK_SIZE, ABORT, ACKNOWLEDGEMENT, USER_CONTROL, WINDOW_SIZE, PEER_BANDWIDTH = 1, 2, 3, 4, 5, 6
EXTENDED = 0xFFFFFF

HANDSHAKE = b"\x03" + bytes(1536) + bytes(1536)
"""What either side sends until its messages begin."""


class PlainMessage(NamedTuple):
    """A message as section 5.4 describes it."""

    kind: int
    timestamp: int
    payload: bytes
    message_stream: int = 1


@dataclass
class _Last:
    """What types 1 to 3 leave out."""

    message: PlainMessage
    timestamp_field: int


@dataclass
class ChunkWriter:
    """Messages to chunks, with the smallest header type allowed or a larger one.

    `repeat_extended` is what the specification says; without it type 3 chunks leave the extended timestamp
    out, as some peers do.
    """

    chunk_size: int = 128
    repeat_extended: bool = True
    _last: dict[int, _Last] = field(default_factory=dict)

    def chunks(
        self, chunk_stream: int, message: PlainMessage, header_type: int = 0, basic_bytes: int = 0
    ) -> list[bytes]:
        """The chunks of a message; `header_type` is lowered to what the message needs."""
        header_type = min(header_type, self._smallest_header(chunk_stream, message))
        last = self._last.get(chunk_stream)
        if header_type == 0 or last is None:
            header_type, timestamp_field = 0, message.timestamp
        else:
            timestamp_field = (message.timestamp - last.message.timestamp) % 2**32
        self._last[chunk_stream] = _Last(message, timestamp_field)
        head = _basic(header_type, chunk_stream, basic_bytes)
        if header_type < 3:
            head += min(timestamp_field, EXTENDED).to_bytes(3, "big")
        if header_type < 2:
            head += len(message.payload).to_bytes(3, "big") + bytes([message.kind])
        if header_type == 0:
            head += message.message_stream.to_bytes(4, "little")
        extended = timestamp_field.to_bytes(4, "big") if timestamp_field >= EXTENDED else b""
        if header_type < 3 or self.repeat_extended:
            head += extended
        if not self.repeat_extended:
            extended = b""
        payload, size = message.payload, self.chunk_size
        out = [head + payload[:size]]
        for at in range(size, len(payload), size):
            out.append(_basic(3, chunk_stream, basic_bytes) + extended + payload[at : at + size])
        return out

    def write(self, chunk_stream: int, message: PlainMessage, header_type: int = 0) -> bytes:
        """The message, not interleaved."""
        return b"".join(self.chunks(chunk_stream, message, header_type))

    def set_chunk_size(self, size: int) -> bytes:
        """A Set Chunk Size, obeyed."""
        out = self.write(2, PlainMessage(SET_CHUNK_SIZE, 0, size.to_bytes(4, "big"), 0))
        self.chunk_size = size
        return out

    def _smallest_header(self, chunk_stream: int, message: PlainMessage) -> int:
        last = self._last.get(chunk_stream)
        if last is None or last.message.message_stream != message.message_stream:
            return 0
        if last.message.kind != message.kind or len(last.message.payload) != len(message.payload):
            return 1
        delta = (message.timestamp - last.message.timestamp) % 2**32
        return 3 if delta == last.timestamp_field else 2


def _basic(header_type: int, chunk_stream: int, basic_bytes: int) -> bytes:
    """A basic header, in its 3-byte form where 2 bytes would do when asked for."""
    top = header_type << 6
    if chunk_stream < 64:
        return bytes([top | chunk_stream])
    if chunk_stream < 320 and basic_bytes != 3:
        return bytes([top, chunk_stream - 64])
    return bytes([top | 1]) + (chunk_stream - 64).to_bytes(2, "little")


def control(kind: int, *values: int, fmt: str = ">I") -> bytes:
    """A control message on chunk stream 2."""
    return ChunkWriter().write(2, PlainMessage(kind, 0, struct.pack(fmt, *values), 0))


def aggregate(parts: Iterable[PlainMessage], back_pointer: int | None = None) -> bytes:
    """The payload of an aggregate message."""
    out = b""
    for kind, timestamp, payload, _ in parts:
        head = bytes([kind]) + len(payload).to_bytes(3, "big")
        time = (timestamp & 0xFFFFFF).to_bytes(3, "big") + bytes([timestamp >> 24])
        size = 11 + len(payload) if back_pointer is None else back_pointer
        out += head + time + b"\0\0\0" + payload + size.to_bytes(4, "big")
    return out


def text(value: str) -> bytes:
    """An AMF0 string."""
    return b"\x02" + len(value).to_bytes(2, "big") + value.encode()


def number(value: float) -> bytes:
    """An AMF0 number."""
    return b"\x00" + struct.pack(">d", value)


def read_messages(data: bytes, chunk_size: int) -> list[tuple[int, PlainMessage]]:
    """(chunk stream, message) of chunks where type 0 headers begin the messages; nothing may be left."""
    out: list[tuple[int, PlainMessage]] = []
    at = 0
    while at < len(data):
        chunk_stream, kind, message_stream = data[at] & 63, data[at + 7], data[at + 8 : at + 12]
        assert data[at] >> 6 == 0
        assert chunk_stream > 1
        timestamp, length = (int.from_bytes(data[at + n : at + n + 3], "big") for n in (1, 4))
        at += 12
        extended = b""
        if timestamp == EXTENDED:
            extended = data[at : at + 4]
            timestamp = int.from_bytes(extended, "big")
            at += 4
        payload = b""
        while True:
            piece = data[at : at + min(chunk_size, length - len(payload))]
            payload += piece
            at += len(piece)
            if len(payload) == length:
                break
            again = bytes([0xC0 | chunk_stream]) + extended
            assert data[at : at + len(again)] == again
            at += len(again)
        out.append(
            (chunk_stream, PlainMessage(kind, timestamp, payload, int.from_bytes(message_stream, "little")))
        )
    return out

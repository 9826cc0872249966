"""FLV in and out for the sample streams: what an encoder wrote becomes any signalling of codecs.md section 2.

Small on purpose and without the engine: it reads what FFmpeg's muxer writes (legacy H.264, AAC and MP3,
enhanced everything else), never anything hostile.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

AUDIO, VIDEO, SCRIPT = 8, 9, 18
CONFIG, FRAME, END, METADATA, EXTRA = "config", "frame", "end", "metadata", "extra"

LEGACY_VIDEO_IDS = {b"avc1": 7, b"hvc1": 12, b"av01": 13, b"vvc1": 14}
LEGACY_SOUND_FORMATS = {b"mp4a": 10, b".mp3": 2, b"Opus": 13}
WITH_COMPOSITION_TIME = {b"avc1", b"hvc1", b"vvc1"}

_PACKET_TYPES = {CONFIG: 0, FRAME: 1, END: 2, METADATA: 4}
_ROLES = {number: role for role, number in _PACKET_TYPES.items()} | {3: FRAME}
_VIDEO_MULTITRACK, _AUDIO_MULTITRACK, _MOD_EX = 6, 5, 7
_ONE_TRACK, _MANY_TRACKS = 0, 1


@dataclass(frozen=True)
class Tag:
    """One FLV tag: type, timestamp in ms, body."""

    kind: int
    timestamp_ms: int
    body: bytes

    def __bytes__(self) -> bytes:
        size = len(self.body)
        low, high = self.timestamp_ms & 0xFFFFFF, self.timestamp_ms >> 24 & 0xFF
        head = bytes([self.kind]) + size.to_bytes(3, "big") + low.to_bytes(3, "big") + bytes([high, 0, 0, 0])
        return head + self.body + (size + 11).to_bytes(4, "big")


@dataclass(frozen=True)
class Frame:
    """What a tag carries, apart from how it is signalled. `role` EXTRA is a whole tag body, kept as it is."""

    kind: int
    timestamp_ms: int
    role: str
    four_cc: bytes
    key: bool
    cts_ms: int
    payload: bytes
    sound_bits: int = 0x0F  # rate, size and channels of a legacy audio tag


def read_tags(data: bytes) -> Iterator[Tag]:
    """The tags of a well-formed FLV file."""
    at = 13
    while at < len(data):
        size = int.from_bytes(data[at + 1 : at + 4], "big")
        timestamp_ms = int.from_bytes(data[at + 4 : at + 7], "big") | data[at + 7] << 24
        yield Tag(data[at], timestamp_ms, data[at + 11 : at + 11 + size])
        at += 15 + size


def read_frames(data: bytes) -> list[Frame]:
    """The audio and video of a file written by FFmpeg; its script tags are left out."""
    return [_frame(tag) for tag in read_tags(data) if tag.kind != SCRIPT]


def _frame(tag: Tag) -> Frame:
    body, first = tag.body, tag.body[0]
    if tag.kind == VIDEO and first & 0x80:
        packet_type, key, four_cc = first & 15, first >> 4 & 7 == 1, body[1:5]
        timed = packet_type == 1 and four_cc in WITH_COMPOSITION_TIME
        return Frame(
            VIDEO,
            tag.timestamp_ms,
            _ROLES[packet_type],
            four_cc,
            key,
            _signed_24(body[5:8]) if timed else 0,
            body[8:] if timed else body[5:],
        )
    if tag.kind == VIDEO:
        cts_ms = _signed_24(body[2:5])
        return Frame(VIDEO, tag.timestamp_ms, _ROLES[body[1]], b"avc1", first >> 4 == 1, cts_ms, body[5:])
    if first >> 4 == 9:
        return Frame(AUDIO, tag.timestamp_ms, _ROLES[first & 15], body[1:5], True, 0, body[5:])
    bits = first & 15
    if first >> 4 == 10:
        return Frame(AUDIO, tag.timestamp_ms, _ROLES[body[1]], b"mp4a", True, 0, body[2:], bits)
    return Frame(AUDIO, tag.timestamp_ms, FRAME, b".mp3", True, 0, body[1:], bits)


def legacy(frame: Frame, sound_format: int | None = None) -> Tag | None:
    """A frame with its old numeric codec id, private ids included; None for what only FourCC tags can say.

    `sound_format` overrides the number (14 is MP3 at 8 kHz).
    """
    if frame.role == EXTRA:
        return Tag(frame.kind, frame.timestamp_ms, frame.payload)
    if frame.role == METADATA:
        return None
    if frame.kind == VIDEO:
        head = bytes(
            [(1 if frame.key else 2) << 4 | LEGACY_VIDEO_IDS[frame.four_cc], _PACKET_TYPES[frame.role]]
        )
        body = head + (frame.cts_ms & 0xFFFFFF).to_bytes(3, "big") + frame.payload
        return Tag(VIDEO, frame.timestamp_ms, body)
    number = sound_format or LEGACY_SOUND_FORMATS[frame.four_cc]
    head = bytes([number << 4 | frame.sound_bits])
    if frame.four_cc == b"mp4a":
        return Tag(AUDIO, frame.timestamp_ms, head + bytes([_PACKET_TYPES[frame.role]]) + frame.payload)
    return Tag(AUDIO, frame.timestamp_ms, head + frame.payload) if frame.role == FRAME else None


def enhanced(frame: Frame) -> Tag:
    """A frame with its FourCC (Enhanced RTMP v1 for video, v2 for audio)."""
    if frame.role == EXTRA:
        return Tag(frame.kind, frame.timestamp_ms, frame.payload)
    packet_type, payload = _enhanced_parts(frame)
    return Tag(frame.kind, frame.timestamp_ms, _first_byte(frame, packet_type) + frame.four_cc + payload)


def with_mod_ex(frame: Frame, nanoseconds: int) -> Tag:
    """An enhanced frame behind one ModEx block of type 0, which refines its timestamp by nanoseconds."""
    packet_type, payload = _enhanced_parts(frame)
    data = nanoseconds.to_bytes(3, "big")
    block = bytes([len(data) - 1]) + data + bytes([0 << 4 | packet_type])
    body = _first_byte(frame, _MOD_EX) + block + frame.four_cc + payload
    return Tag(frame.kind, frame.timestamp_ms, body)


def multitrack(frames: dict[int, Frame]) -> Tag:
    """Frames of several tracks at one moment in one tag (one codec for all of them)."""
    first = next(iter(frames.values()))
    parts = {track: _enhanced_parts(frame) for track, frame in frames.items()}
    packet_type = max(packet_type for packet_type, _ in parts.values())
    if first.role == FRAME and first.kind == VIDEO:
        packet_type = 1  # each track has its own composition time
        parts = {t: (1, _signed_bytes(frame.cts_ms) + frame.payload) for t, frame in frames.items()}
    layout = _ONE_TRACK if len(frames) == 1 else _MANY_TRACKS
    number = _VIDEO_MULTITRACK if first.kind == VIDEO else _AUDIO_MULTITRACK
    body = _first_byte(first, number) + bytes([layout << 4 | packet_type]) + first.four_cc
    for track, (_, payload) in parts.items():
        size = b"" if layout == _ONE_TRACK else len(payload).to_bytes(3, "big")
        body += bytes([track]) + size + payload
    return Tag(first.kind, first.timestamp_ms, body)


def _first_byte(frame: Frame, packet_type: int) -> bytes:
    if frame.kind == AUDIO:
        return bytes([9 << 4 | packet_type])
    frame_type = 5 if frame.role == METADATA else 1 if frame.key else 2
    return bytes([0x80 | frame_type << 4 | packet_type])


def _enhanced_parts(frame: Frame) -> tuple[int, bytes]:
    packet_type = _PACKET_TYPES[frame.role]
    if frame.kind == VIDEO and frame.role == FRAME and frame.four_cc in WITH_COMPOSITION_TIME:
        return (1, _signed_bytes(frame.cts_ms) + frame.payload) if frame.cts_ms else (3, frame.payload)
    return packet_type, frame.payload


def file_bytes(tags: Iterable[Tag], metadata: dict[str, float | bool | str]) -> bytes:
    """A whole FLV file: header, onMetaData (its `filesize` is filled in), tags."""
    tags = list(tags)
    flags = 4 * any(tag.kind == AUDIO for tag in tags) | any(tag.kind == VIDEO for tag in tags)
    header = b"FLV\x01" + bytes([flags]) + (9).to_bytes(4, "big") + bytes(4)
    body = b"".join(bytes(tag) for tag in tags)
    size_bytes = (
        len(header) + len(body) + len(bytes(Tag(SCRIPT, 0, on_metadata({**metadata, "filesize": 0.0}))))
    )
    return header + bytes(Tag(SCRIPT, 0, on_metadata({**metadata, "filesize": float(size_bytes)}))) + body


def on_metadata(values: dict[str, float | bool | str]) -> bytes:
    """The body of an onMetaData tag: a name and an ECMA array, in AMF0."""
    out = b"\x02" + _amf_text("onMetaData") + b"\x08" + len(values).to_bytes(4, "big")
    for name, value in values.items():
        out += _amf_text(name)
        if isinstance(value, bool):
            out += bytes([1, value])
        elif isinstance(value, str):
            out += b"\x02" + _amf_text(value)
        else:
            out += b"\x00" + struct.pack(">d", value)
    return out + b"\x00\x00\x09"


def _amf_text(text: str) -> bytes:
    return len(text).to_bytes(2, "big") + text.encode()


def mp3_frames(data: bytes) -> Iterator[bytes]:
    """The frames of a bare MPEG audio layer III file without tags."""
    at = 0
    while at + 4 <= len(data):
        size = mp3_frame_bytes(data[at : at + 4])
        yield data[at : at + size]
        at += size


def mp3_frame_bytes(head: bytes) -> int:
    """The length of a layer III frame from its four header bytes (ISO/IEC 11172-3, 13818-3)."""
    version = head[1] >> 3 & 3  # 3 is MPEG-1, 2 MPEG-2, 0 MPEG-2.5
    rates = (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
    lower_rates = (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
    kilobits = (rates if version == 3 else lower_rates)[(head[2] >> 4) - 1]
    sample_rate = (44100, 48000, 32000)[head[2] >> 2 & 3] >> {3: 0, 2: 1, 0: 2}[version]
    return (144 if version == 3 else 72) * kilobits * 1000 // sample_rate + (head[2] >> 1 & 1)


def _signed_24(data: bytes) -> int:
    return int.from_bytes(data, "big", signed=True)


def _signed_bytes(value: int) -> bytes:
    return value.to_bytes(3, "big", signed=True)

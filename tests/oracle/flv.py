"""FLV, read in pure Python: tags, the signalling variants of codecs.md section 2, script data."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

AUDIO, VIDEO, SCRIPT = 8, 9, 18

VIDEO_IDS = {
    2: "h263",
    3: "screen",
    4: "vp6",
    5: "vp6a",
    6: "screen2",
    7: "h264",
    12: "h265",
    13: "av1",
    14: "h266",
}
VIDEO_FOUR_CCS = {"avc1": "h264", "hvc1": "h265", "vvc1": "h266", "av01": "av1", "vp08": "vp8", "vp09": "vp9"}
SOUND_FORMATS = {
    0: "pcm",
    2: "mp3",
    3: "pcm",
    7: "g711a",
    8: "g711u",
    10: "aac",
    11: "speex",
    13: "opus",
    14: "mp3",
}
AUDIO_FOUR_CCS = {"mp4a": "aac", ".mp3": "mp3", "Opus": "opus", "ac-3": "ac3", "ec-3": "eac3", "fLaC": "flac"}
FOUR_CCS = {codec: name for table in (VIDEO_FOUR_CCS, AUDIO_FOUR_CCS) for name, codec in table.items()}
COMPOSED = {"h264", "h265", "h266"}  # codecs whose enhanced frames carry a composition time

ENHANCED_ROLES = {0: "config", 1: "frame", 2: "end", 4: "metadata"}


class DamagedFlvError(Exception):
    """The bytes are not well-formed FLV; `tags` are those before the damage."""

    def __init__(self, message: str, tags: list[Tag] | None = None) -> None:
        super().__init__(message)
        self.tags = tags or []


@dataclass(frozen=True, slots=True)
class Tag:
    """One tag, as it stands in the file."""

    kind: int
    timestamp: int  # unsigned 32-bit milliseconds
    body: bytes
    position: int  # of the tag's first byte in the file


@dataclass(frozen=True, slots=True)
class Media:
    """What one track has in a tag."""

    role: str  # frame, config, end, metadata, other
    codec: str
    signalling: str  # legacy, enhanced
    key: bool = False
    cts_ms: int = 0
    payload: bytes = b""
    track: int = 0
    multitrack: bool = False


@dataclass(frozen=True)
class FlvFile:
    """A file that was read whole."""

    path: Path | None
    has_audio: bool
    has_video: bool
    tags: list[Tag]

    def metadata(self) -> dict[str, object]:
        """The first onMetaData, or an empty dict."""
        for tag in self.tags:
            if tag.kind == SCRIPT:
                name, *values = decode_amf0(tag.body)
                if name == "onMetaData" and values and isinstance(values[0], dict):
                    return values[0]
        return {}


def read(source: Path | bytes) -> FlvFile:
    """Reads a file, strictly: every DataSize and PreviousTagSize must be right.

    Raises:
        DamagedFlvError: anything is wrong.
    """
    data = source if isinstance(source, bytes) else source.read_bytes()
    if data[:4] != b"FLV\x01" or len(data) < 13:
        raise DamagedFlvError("no FLV header")
    if data[4] & 0b11111010:
        raise DamagedFlvError(f"reserved flag bits are set: {data[4]:08b}")
    at = int.from_bytes(data[5:9], "big")
    if data[at : at + 4] != bytes(4):
        raise DamagedFlvError("PreviousTagSize0 is not 0")
    at += 4
    tags: list[Tag] = []
    while at < len(data):
        tag = _tag(data, at, tags)
        tags.append(tag)
        at += len(tag.body) + 15
    return FlvFile(None if isinstance(source, bytes) else source, bool(data[4] & 4), bool(data[4] & 1), tags)


def _tag(data: bytes, at: int, before: list[Tag]) -> Tag:
    head = data[at : at + 11]
    if len(head) < 11:
        raise DamagedFlvError(f"a tag header is cut at byte {at}", before)
    size = int.from_bytes(head[1:4], "big")
    if head[0] not in (AUDIO, VIDEO, SCRIPT) or head[8:11] != bytes(3):
        raise DamagedFlvError(f"no tag at byte {at}: {head.hex()}", before)
    end = at + 11 + size
    if end + 4 > len(data):
        raise DamagedFlvError(f"the tag at byte {at} is cut", before)
    if int.from_bytes(data[end : end + 4], "big") != size + 11:
        raise DamagedFlvError(f"PreviousTagSize behind the tag at byte {at} is wrong", before)
    return Tag(head[0], int.from_bytes(head[4:7], "big") | head[7] << 24, data[at + 11 : end], at)


def classify(tag: Tag) -> list[Media]:
    """What each track has in an audio or video tag; script tags have nothing."""
    body = tag.body
    if tag.kind == SCRIPT:
        return []
    if not body:
        return [Media("other", "", "legacy")]
    if tag.kind == VIDEO:
        if body[0] & 0x80:
            return list(_enhanced(body, VIDEO, body[0] >> 4 & 7))
        return [_legacy_video(body)]
    if body[0] >> 4 == 9:
        return list(_enhanced(body, AUDIO, 1))
    return [_legacy_audio(body)]


def main_media(tag: Tag) -> Media:
    """What track 0 has in an audio or video tag; a Media of role `other` when only other tracks are in it."""
    parts = classify(tag)
    return next((media for media in parts if media.track == 0), replace(parts[0], role="other"))


def _legacy_video(body: bytes) -> Media:
    frame_type, number = body[0] >> 4, body[0] & 15
    codec = VIDEO_IDS.get(number, f"video id {number}")
    key = frame_type in (1, 4)
    if frame_type == 5:
        return Media("other", codec, "legacy")
    if number not in (7, 12, 13, 14):
        return Media("frame", codec, "legacy", key, 0, body[1:])
    role = {0: "config", 1: "frame", 2: "end"}.get(body[1] if len(body) > 1 else -1, "other")
    payload = body[5:]
    if role in ("frame", "config") and not payload:
        role = "other"
    cts_ms = int.from_bytes(body[2:5], "big", signed=True)
    return Media(role, codec, "legacy", key, cts_ms if role == "frame" else 0, payload)


def _legacy_audio(body: bytes) -> Media:
    number = body[0] >> 4
    codec = SOUND_FORMATS.get(number, f"sound format {number}")
    if codec != "aac":
        return Media("frame" if len(body) > 1 else "other", codec, "legacy", True, 0, body[1:])
    role = {0: "config", 1: "frame"}.get(body[1] if len(body) > 1 else -1, "other")
    return Media(role if len(body) > 2 else "other", codec, "legacy", True, 0, body[2:])


def _enhanced(body: bytes, kind: int, frame_type: int) -> Iterator[Media]:
    packet_type, at = body[0] & 15, 1
    while (
        packet_type == 7
    ):  # ModEx: UI8 size - 1 (255: UI16 size - 1 follows), data, type and next packet type
        size = body[at] + 1
        at += 1
        if size == 256:
            size = int.from_bytes(body[at : at + 2], "big") + 1
            at += 2
        packet_type = body[at + size] & 15
        at += size + 1
    if packet_type == (6 if kind == VIDEO else 5):
        yield from _multitrack(body, at, kind, frame_type)
    else:
        yield _track(body[at : at + 4], body[at + 4 :], kind, frame_type, packet_type)


def _multitrack(body: bytes, at: int, kind: int, frame_type: int) -> Iterator[Media]:
    layout, packet_type = body[at] >> 4, body[at] & 15
    at += 1
    four_cc = b""
    if layout != 2:
        four_cc, at = body[at : at + 4], at + 4
    while at < len(body):
        if layout == 2:
            four_cc, at = body[at : at + 4], at + 4
        number, at = body[at], at + 1
        size = len(body) - at
        if layout != 0:
            size, at = int.from_bytes(body[at : at + 3], "big"), at + 3
        media = _track(four_cc, body[at : at + size], kind, frame_type, packet_type)
        yield replace(media, track=number, multitrack=True)
        at += size


def _track(four_cc: bytes, payload: bytes, kind: int, frame_type: int, packet_type: int) -> Media:
    name = four_cc.decode("latin-1")
    codec = (VIDEO_FOUR_CCS if kind == VIDEO else AUDIO_FOUR_CCS).get(name, name)
    role = ENHANCED_ROLES.get(packet_type, "other")
    cts_ms = 0
    if kind == VIDEO and packet_type == 3:
        role = "frame"
    elif kind == VIDEO and packet_type == 1 and codec in COMPOSED:
        cts_ms, payload = int.from_bytes(payload[:3], "big", signed=True), payload[3:]
    if role == "frame" and not payload:
        role = "other"
    return Media(role, codec, "enhanced", frame_type in (1, 4), cts_ms, payload)


def to_enhanced(flv: FlvFile) -> bytes:
    """The file with FourCC signalling and track 0 alone: what FFmpeg can read where it cannot read the
    source's private ids or multitrack layout."""
    out = b"FLV\x01" + bytes([4 * flv.has_audio | flv.has_video]) + (9).to_bytes(4, "big") + bytes(4)
    opus_configured = False
    for tag in flv.tags:
        if tag.kind == SCRIPT:
            continue
        media = main_media(tag)
        if media.role == "other":
            continue
        if media.codec == "opus" and media.role == "config":
            opus_configured = True
        if media.codec == "opus" and not opus_configured:
            opus_configured = True
            head = (
                b"OpusHead\x01"
                + bytes([2 if media.payload[0] & 4 else 1])
                + struct.pack("<HIhB", 312, 48_000, 0, 0)
            )
            out += _tag_bytes(tag, Media("config", "opus", "enhanced", True, 0, head))
        out += _tag_bytes(tag, media)
    return out


def _tag_bytes(tag: Tag, media: Media) -> bytes:
    packet_type = {role: number for number, role in ENHANCED_ROLES.items()}[media.role]
    payload = media.payload
    if tag.kind == VIDEO:
        frame_type = 5 if media.role == "metadata" else 1 if media.key else 2
        first = 0x80 | frame_type << 4 | packet_type
        if media.role == "frame" and media.codec in COMPOSED:
            payload = media.cts_ms.to_bytes(3, "big", signed=True) + payload
    else:
        first = 9 << 4 | packet_type
    if media.codec == "mp3":  # FFmpeg does not read sound format 14; it reads the rate from the frames
        first, body = 0x2E, payload
    else:
        body = FOUR_CCS[media.codec].encode() + payload
    size = len(body) + 1
    stamp = (tag.timestamp & 0xFFFFFF).to_bytes(3, "big") + bytes([tag.timestamp >> 24])
    head = bytes([tag.kind]) + size.to_bytes(3, "big") + stamp + bytes(3)
    return head + bytes([first]) + body + (size + 11).to_bytes(4, "big")


def decode_amf0(data: bytes) -> list[object]:
    """All AMF0 values in script data."""
    values = []
    at = 0
    while at < len(data):
        value, at = _amf0_value(data, at)
        values.append(value)
    return values


def _amf0_value(data: bytes, at: int) -> tuple[object, int]:
    marker, at = data[at], at + 1
    if marker == 0:
        return struct.unpack_from(">d", data, at)[0], at + 8
    if marker == 1:
        return bool(data[at]), at + 1
    if marker == 2:
        return _amf0_text(data, at, 2)
    if marker == 12:
        return _amf0_text(data, at, 4)
    if marker in (3, 8):
        return _amf0_object(data, at + (4 if marker == 8 else 0))
    if marker in (5, 6):
        return None, at
    if marker == 10:
        count, at = int.from_bytes(data[at : at + 4], "big"), at + 4
        items = []
        for _ in range(count):
            item, at = _amf0_value(data, at)
            items.append(item)
        return items, at
    if marker == 11:
        return struct.unpack_from(">d", data, at)[0], at + 10
    raise DamagedFlvError(f"AMF0 marker {marker} at byte {at - 1}")


def _amf0_text(data: bytes, at: int, width: int) -> tuple[str, int]:
    size, at = int.from_bytes(data[at : at + width], "big"), at + width
    return data[at : at + size].decode(), at + size


def _amf0_object(data: bytes, at: int) -> tuple[dict[str, object], int]:
    out: dict[str, object] = {}
    while data[at : at + 3] != b"\0\0\x09":
        if at >= len(data):
            raise DamagedFlvError("an AMF0 object has no end")
        name, at = _amf0_text(data, at, 2)
        out[name], at = _amf0_value(data, at)
    return out, at + 3

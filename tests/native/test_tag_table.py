"""The names in `engine.media` agree with the numbers the native readers put into the table."""

from __future__ import annotations

import pytest
from native.flv_bytes import PlainTag, flv_bytes

from engine import _native
from engine.media.batch import TAG, Batch, Flag, Kind, Role
from engine.media.codecs import Codec

V, A, S = Kind.VIDEO, Kind.AUDIO, Kind.SCRIPT
KEY, ENHANCED, MULTITRACK = Flag.KEY, Flag.ENHANCED, Flag.MULTITRACK

SIGNALS = [
    (V, b"\x17\x00\0\0\0conf", Role.CONFIG, Codec.H264, KEY),
    (V, b"\x27\x01\0\0\0nal", Role.FRAME, Codec.H264, Flag(0)),
    (V, b"\x1c\x01\0\0\0nal", Role.FRAME, Codec.H265, KEY),
    (V, b"\x1d\x01\0\0\0obu", Role.FRAME, Codec.AV1, KEY),
    (V, b"\x1e\x01\0\0\0nal", Role.FRAME, Codec.H266, KEY),
    (V, b"\x14vp6", Role.FRAME, Codec.VP6, KEY),
    (V, b"\x17\x02\0\0\0", Role.END, Codec.H264, Flag(0)),
    (V, b"\x57\x00", Role.OTHER, Codec.H264, Flag(0)),
    (V, b"", Role.OTHER, Codec.NONE, Flag(0)),
    (V, b"\x90avc1conf", Role.CONFIG, Codec.H264, KEY | ENHANCED),
    (V, b"\x93hvc1nal", Role.FRAME, Codec.H265, KEY | ENHANCED),
    (V, b"\xa3vvc1nal", Role.FRAME, Codec.H266, ENHANCED),
    (V, b"\x91av01obu", Role.FRAME, Codec.AV1, KEY | ENHANCED),
    (V, b"\x91vp08x", Role.FRAME, Codec.VP8, KEY | ENHANCED),
    (V, b"\x91vp09x", Role.FRAME, Codec.VP9, KEY | ENHANCED),
    (V, b"\x91whatx", Role.FRAME, Codec.UNKNOWN_VIDEO, KEY | ENHANCED),
    (V, b"\x94hvc1hdr", Role.METADATA, Codec.H265, ENHANCED),
    (V, b"\x96\x01hvc1\0\0\0\0nal", Role.FRAME, Codec.H265, KEY | ENHANCED | MULTITRACK),
    (A, b"\xaf\x00\x12\x10", Role.CONFIG, Codec.AAC, KEY),
    (A, b"\xaf\x01raw", Role.FRAME, Codec.AAC, KEY),
    (A, b"\x2fmp3", Role.FRAME, Codec.MP3, KEY),
    (A, b"\xe2mp3", Role.FRAME, Codec.MP3, KEY),
    (A, b"\xdfopus", Role.FRAME, Codec.OPUS, KEY),
    (A, b"\x72x", Role.FRAME, Codec.G711_A, KEY),
    (A, b"\x82x", Role.FRAME, Codec.G711_MU, KEY),
    (A, b"\xb2x", Role.FRAME, Codec.SPEEX, KEY),
    (A, b"\x90mp4a\x12\x10", Role.CONFIG, Codec.AAC, KEY | ENHANCED),
    (A, b"\x91.mp3x", Role.FRAME, Codec.MP3, KEY | ENHANCED),
    (A, b"\x91Opusx", Role.FRAME, Codec.OPUS, KEY | ENHANCED),
    (A, b"\x91ac-3x", Role.FRAME, Codec.AC3, KEY | ENHANCED),
    (A, b"\x91ec-3x", Role.FRAME, Codec.EAC3, KEY | ENHANCED),
    (A, b"\x91fLaCx", Role.FRAME, Codec.FLAC, KEY | ENHANCED),
    (A, b"\x91whatx", Role.FRAME, Codec.UNKNOWN_AUDIO, KEY | ENHANCED),
    (A, b"\x92mp4a", Role.END, Codec.AAC, ENHANCED),
    (S, b"\x02\x00\x01x", Role.SCRIPT, Codec.NONE, Flag(0)),
]


@pytest.mark.parametrize(("kind", "body", "role", "codec", "flags"), SIGNALS)
def test_a_row_has_the_numbers_of_the_python_names(
    kind: Kind, body: bytes, role: Role, codec: Codec, flags: Flag
) -> None:
    reader = _native.FlvReader()
    reader.feed(flv_bytes([PlainTag(int(kind), 0, body)]))
    taken = reader.take()
    assert taken is not None
    (tag,) = Batch.from_native(taken).tags
    assert Kind(int(tag["kind"])) is kind
    assert Role(int(tag["role"])) is role
    assert Codec.of(int(tag["codec"])) is codec
    assert Flag(int(tag["flags"])) == flags
    assert int(tag["track"]) == 0


def test_a_row_is_as_long_as_the_dtype() -> None:
    assert TAG.itemsize == _native.TAG_BYTES == 40

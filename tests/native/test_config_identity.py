"""`identity` of parse_config on records of real encoders: what is a change, what is none (C3, T12, T22)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from origins.footage import read_flv

from engine import _native
from engine.errors import MalformedConfig
from engine.media.batch import Kind, Role
from engine.media.codecs import Codec
from engine.media.track import Track

Arrays = list[tuple[int, list[bytes]]]  # NAL unit type, its units


@pytest.fixture
def record(sample: Callable[[str], Path]) -> Callable[[str, Kind], tuple[Codec, bytes]]:
    """The first configuration record of a track of a sample stream."""

    def record(name: str, kind: Kind) -> tuple[Codec, bytes]:
        batch = read_flv(sample(name).read_bytes())
        rows = (batch.tags["role"] == Role.CONFIG) & (batch.tags["kind"] == kind)
        config = batch.rows(rows)
        return Codec(int(config.tags["codec"][0])), config.media(0)

    return record


def track(codec: Codec, config: bytes) -> Track:
    return Track.from_config(codec, config)


def avcc(
    sps: list[bytes], pps: list[bytes], *, head: bytes, reserved: int = 0xFF, trailer: bytes = b""
) -> bytes:
    """AVCDecoderConfigurationRecord (ISO/IEC 14496-15 section 5.3.3)."""
    out = head[:4] + bytes([head[4] & 3 | reserved & 0xFC, len(sps) | reserved & 0xE0])
    for unit in sps:
        out += len(unit).to_bytes(2, "big") + unit
    out += bytes([len(pps)])
    for unit in pps:
        out += len(unit).to_bytes(2, "big") + unit
    return out + trailer


def test_h264(record: Callable[..., tuple[Codec, bytes]]) -> None:
    codec, config = record("h264_aac_bframes", Kind.VIDEO)
    sps_bytes = int.from_bytes(config[6:8], "big")
    sps = config[8 : 8 + sps_bytes]
    pps_bytes = int.from_bytes(config[9 + sps_bytes : 11 + sps_bytes], "big")
    pps = config[11 + sps_bytes : 11 + sps_bytes + pps_bytes]
    own = track(codec, config)
    same = [
        avcc([sps], [pps], head=config),
        avcc([sps], [pps], head=config, reserved=0),
        avcc([sps], [pps], head=config, trailer=bytes.fromhex("fdf8f800")),
    ]
    other_pps, other_sps = pps[:-1] + bytes([pps[-1] ^ 1]), sps[:-1] + bytes([sps[-1] ^ 4])
    other = [
        avcc([sps], [other_pps], head=config),
        avcc([other_sps], [pps], head=config),
        avcc([sps], [pps, other_pps], head=config),
        avcc([sps, other_sps], [pps], head=config),
        avcc([sps], [], head=config),
        avcc([sps], [pps], head=config[:3] + bytes([config[3] + 1]) + config[4:]),  # level
        avcc([sps], [pps], head=config[:4] + bytes([config[4] ^ 2])),  # length size
    ]
    assert all(track(codec, made) == own and hash(track(codec, made)) == hash(own) for made in same)
    assert all(track(codec, made) != own for made in other)
    assert len({track(codec, made) for made in other}) == len(other)


def arrays_of(config: bytes, at: int) -> Arrays:
    """The NAL unit arrays of an hvcC record."""
    out: Arrays = []
    count, at = config[at], at + 1
    for _ in range(count):
        units: list[bytes] = []
        nal_type, number, at = config[at] & 63, int.from_bytes(config[at + 1 : at + 3], "big"), at + 3
        for _ in range(number):
            size = int.from_bytes(config[at : at + 2], "big")
            units.append(config[at + 2 : at + 2 + size])
            at += 2 + size
        out.append((nal_type, units))
    return out


def hvcc(head: bytes, arrays: Arrays, *, complete: bool = True) -> bytes:
    """HEVCDecoderConfigurationRecord (section 8.3.3)."""
    out = head[:22] + bytes([len(arrays)])
    for nal_type, units in arrays:
        out += bytes([nal_type | 0x80 * complete]) + len(units).to_bytes(2, "big")
        for unit in units:
            out += len(unit).to_bytes(2, "big") + unit
    return out


def test_h265(record: Callable[..., tuple[Codec, bytes]]) -> None:
    codec, config = record("h265_id12_aac", Kind.VIDEO)
    arrays = [(kind, units) for kind, units in arrays_of(config, 22) if kind in (32, 33, 34)]
    assert [kind for kind, _ in arrays] == [32, 33, 34]
    own = track(codec, config)
    sei = (39, [b"\x4e\x01\x05\x01\x00\x80"])
    noisy = bytes([config[0], config[1], *bytes(20)])  # all but the version and the profile
    noisy = noisy[:21] + config[21:22]  # and the length size
    same = [
        hvcc(config, arrays),
        hvcc(config, arrays, complete=False),
        hvcc(config, arrays[::-1]),
        hvcc(config, [sei, *arrays, sei]),
        hvcc(noisy, arrays),
    ]
    (vps_type, vps), (sps_type, sps), (pps_type, pps) = arrays
    changed = bytes([pps[0][-1] ^ 8])
    other = [
        hvcc(config, [(vps_type, vps), (sps_type, sps), (pps_type, [pps[0][:-1] + changed])]),
        hvcc(config, [(vps_type, vps), (sps_type, sps), (pps_type, [*pps, pps[0]])]),
        hvcc(config, [(sps_type, sps), (pps_type, pps)]),
        hvcc(config[:21] + bytes([config[21] ^ 2]), arrays),
    ]
    assert all(track(codec, made) == own for made in same)
    assert all(track(codec, made) != own for made in other)


def test_h266(record: Callable[..., tuple[Codec, bytes]]) -> None:
    codec, config = record("h266_aac", Kind.VIDEO)
    own = track(codec, config)
    assert (own.width, own.height) == (320, 180)
    last = config[-1]
    assert track(codec, config[:-1] + bytes([last ^ 1])) != own  # a parameter set is the last thing in it
    assert track(codec, bytes([config[0] ^ 2]) + config[1:]) != own  # length size
    without_profile = bytes([config[0] & 0xFE]) + config[config.index(bytes([0x8F, 0, 1])) - 1 :]
    assert track(codec, without_profile) == own


def test_av1(record: Callable[..., tuple[Codec, bytes]]) -> None:
    codec, config = record("av1_opus", Kind.VIDEO)
    own = track(codec, config)
    metadata_obu = bytes([0x2A, 3, 1, 2, 3])
    same = [config[:3] + bytes([0x1F]) + config[4:], config + metadata_obu]
    assert all(track(codec, made) == own for made in same)
    assert track(codec, config[:2] + bytes([config[2] ^ 0x40]) + config[3:]) != own
    assert track(codec, config[:-1] + bytes([config[-1] ^ 1])) != own
    assert track(codec, config[:4]) != own


def test_a_track_of_frames_is_what_its_frames_say() -> None:
    stereo, joint, mono, slower = (
        bytes.fromhex(head) for head in ("fffb9004", "fffbb064", "fffb90c4", "fffb9404")
    )
    own = Track.from_first_frame(Codec.MP3, stereo)
    assert Track.from_first_frame(Codec.MP3, joint) == own  # another bit rate, and joint stereo
    assert Track.from_first_frame(Codec.MP3, mono) != own
    assert Track.from_first_frame(Codec.MP3, slower) != own
    assert Track.from_first_frame(Codec.OPUS, b"\x04") != Track.from_first_frame(Codec.OPUS, b"\x00")


def test_every_bit_of_a_parameter_set_counts(record: Callable[..., tuple[Codec, bytes]]) -> None:
    codec, config = record("h265_enhanced_aac", Kind.VIDEO)
    own = track(codec, config)
    for kind, units in arrays_of(config, 22):
        for unit in units if kind in (32, 33, 34) else ():
            start = config.index(unit)
            for bit in range(8 * start, 8 * (start + len(unit))):
                changed = bytearray(config)
                changed[bit // 8] ^= 0x80 >> bit % 8
                try:
                    assert track(codec, bytes(changed)) != own
                except MalformedConfig:
                    continue


@given(
    st.sampled_from([Codec.H264, Codec.H265, Codec.H266, Codec.AV1, Codec.AAC, Codec.OPUS]),
    st.binary(max_size=99),
)
def test_the_identity_is_a_function_of_the_record(codec: Codec, data: bytes) -> None:
    try:
        first = _native.parse_config(int(codec), data)["identity"]
    except ValueError:
        return
    assert isinstance(first, bytes)
    assert first == _native.parse_config(int(codec), data)["identity"]

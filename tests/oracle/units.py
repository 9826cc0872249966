"""Coded payloads in one form, whatever container they came from.

Transport streams carry NAL units behind start codes, with access unit delimiters and parameter sets put in;
FLV and MP4 carry them behind lengths. AV1 temporal delimiters stand in some containers and not in others.
What is left after taking these away must be the same everywhere.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

NAL_LEFT_OUT = {
    "h264": {7, 8, 9},  # SPS, PPS, AUD
    "h265": {32, 33, 34, 35},  # VPS, SPS, PPS, AUD
    "h266": {12, 13, 14, 15, 16, 20},  # OPI, DCI, VPS, SPS, PPS, AUD
}
PARAMETER_SETS = {"h264": {7, 8}, "h265": {32, 33, 34}, "h266": {15, 16}}
OBU_LEFT_OUT = {2, 15}  # temporal delimiter, padding


def nal_type(codec: str, unit: bytes) -> int:
    """The type of a NAL unit."""
    if codec == "h264":
        return unit[0] & 31
    return unit[0] >> 1 & 63 if codec == "h265" else unit[1] >> 3


def split_lengths(payload: bytes, length_bytes: int = 4) -> Iterator[bytes]:
    """NAL units behind their lengths."""
    at = 0
    while at < len(payload):
        size = int.from_bytes(payload[at : at + length_bytes], "big")
        unit = payload[at + length_bytes : at + length_bytes + size]
        if len(unit) != size:
            raise ValueError(f"a NAL unit of {size} bytes is cut")
        yield unit
        at += length_bytes + size


def split_start_codes(payload: bytes) -> Iterator[bytes]:
    """NAL units behind start codes; bytes before the first are an error."""
    at = payload.find(b"\0\0\1")
    if at < 0 or payload[:at].strip(b"\0"):
        raise ValueError("no start code at the beginning")
    while at >= 0:
        following = payload.find(b"\0\0\1", at + 3)
        yield payload[at + 3 : following if following >= 0 else len(payload)].rstrip(b"\0")
        at = following


def split_obus(payload: bytes) -> Iterator[tuple[int, bytes]]:
    """Open bitstream units as (type, content without size fields) (AV1 section 5.3)."""
    at = 0
    while at < len(payload):
        head = payload[at]
        at += 1
        extension = payload[at : at + 1] if head & 4 else b""
        at += len(extension)
        size = len(payload) - at
        if head & 2:
            size, shift = 0, 0
            while True:
                byte = payload[at]
                at += 1
                size |= (byte & 127) << shift
                shift += 7
                if not byte & 128:
                    break
        yield head >> 3 & 15, extension + payload[at : at + size]
        at += size


def digest(codec: str, units: Iterator[bytes] | list[bytes]) -> str:
    """A fingerprint of NAL units without delimiters and parameter sets."""
    out = hashlib.sha256()
    for unit in units:
        if unit and nal_type(codec, unit) not in NAL_LEFT_OUT[codec]:
            unit = unit.rstrip(b"\0")
            out.update(len(unit).to_bytes(4, "big") + unit)
    return out.hexdigest()[:16]


def payload_digest(codec: str, payload: bytes, *, start_codes: bool = False) -> str:
    """A fingerprint that is the same for the same coded payload in any container."""
    if codec in NAL_LEFT_OUT:
        return digest(codec, (split_start_codes if start_codes else split_lengths)(payload))
    out = hashlib.sha256()
    if codec == "av1":
        for kind, content in split_obus(payload):
            if kind not in OBU_LEFT_OUT:
                out.update(bytes([kind]) + len(content).to_bytes(4, "big") + content)
    else:
        out.update(payload)
    return out.hexdigest()[:16]


def has_parameter_sets(codec: str, payload: bytes) -> bool:
    """An access unit of a transport stream carries all parameter sets a decoder needs."""
    wanted = PARAMETER_SETS[codec]
    return wanted <= {nal_type(codec, unit) for unit in split_start_codes(payload) if unit}

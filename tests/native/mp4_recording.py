"""Growing MP4 files for tests: FFmpeg's fragments behind a placeholder, written without this engine."""

from __future__ import annotations

import hashlib
import struct
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import av

PLACEHOLDER = struct.pack(">I4sQ", 16, b"free", 0)

_OPTIONS = {
    "movflags": "empty_moov+default_base_moof+frag_keyframe+frag_discont+skip_trailer",
    "frag_duration": "1000000",
    "use_editlist": "0",
    "avoid_negative_ts": "disabled",
}


# FLV has this OBU in front of each AV1 frame, MP4 must not; FFmpeg's muxer drops it.
_TEMPORAL_DELIMITER = b"\x12\x00"


class Packet(NamedTuple):
    """One coded frame; times in milliseconds, rounded."""

    stream: int
    dts_ms: int
    pts_ms: int
    key: bool
    size: int
    digest: str


class _Sink:
    """Collects what FFmpeg writes."""

    def __init__(self) -> None:
        self.data = bytearray()

    def write(self, data: bytes) -> int:
        self.data += data
        return len(data)

    def tell(self) -> int:
        return len(self.data)


def _packet(packet: av.Packet) -> Packet:
    assert packet.dts is not None
    assert packet.pts is not None
    dts_ms, pts_ms = (round(Fraction(ticks) * packet.time_base * 1000) for ticks in (packet.dts, packet.pts))
    payload = bytes(packet)
    if packet.stream.codec_context.name == "libdav1d":
        payload = payload.removeprefix(_TEMPORAL_DELIMITER)
    digest = hashlib.sha256(payload).hexdigest()
    return Packet(packet.stream_index, dts_ms, pts_ms, packet.is_keyframe, len(payload), digest)


def record(source: Path) -> tuple[bytes, list[Packet]]:
    """(the bytes of a growing file that holds all of `source`, the packets put into it)."""
    sink = _Sink()
    packets = []
    with av.open(str(source)) as opened, av.open(sink, "w", format="mp4", options=_OPTIONS) as written:
        streams = {}
        for stream in opened.streams:
            added: Any = written.add_stream_from_template(stream, opaque=True)
            if stream.codec_context.name == "hevc":
                added.codec_context.codec_tag = "hvc1"
            streams[stream.index] = added
        for packet in opened.demux():
            if packet.dts is None:
                continue
            packets.append(_packet(packet))
            packet.stream = streams[packet.stream_index]
            written.mux(packet)
    data = bytes(sink.data)
    opening = int.from_bytes(data[:4], "big")
    return data[:opening] + PLACEHOLDER + data[opening:], packets


def demux(path: Path) -> tuple[list[Packet], list[int], float]:
    """(packets, where each ends in the file, duration in ms) as FFmpeg reads a file."""
    with av.open(str(path)) as opened:
        found = [
            (_packet(packet), (packet.pos or 0) + packet.size)
            for packet in opened.demux()
            if packet.dts is not None
        ]
        duration_ms = (opened.duration or 0) / 1000
    return [packet for packet, _ in found], [end for _, end in found], duration_ms


def by_stream(packets: list[Packet]) -> dict[int, list[Packet]]:
    """Packets of each stream, in order."""
    return {
        number: [packet for packet in packets if packet.stream == number]
        for number in sorted({packet.stream for packet in packets})
    }


def assert_same(found: list[Packet], wanted: list[Packet]) -> None:
    """F1 and F2: the same packets in the same order, all of them moved in time by one distance."""
    assert by_stream(found).keys() == by_stream(wanted).keys()
    shifts = set()
    for one, other in zip(by_stream(found).values(), by_stream(wanted).values(), strict=True):
        assert [(p.digest, p.size, p.key) for p in one] == [(p.digest, p.size, p.key) for p in other]
        for ours, theirs in zip(one, other, strict=True):
            shifts |= {theirs.dts_ms - ours.dts_ms, theirs.pts_ms - ours.pts_ms}
    assert len(shifts) == 1, f"packets are moved by {sorted(shifts)} ms"


def longest_frame_ms(packets: list[Packet]) -> int:
    """The longest distance between neighbours of one stream."""
    return max(
        after.dts_ms - before.dts_ms
        for stream in by_stream(packets).values()
        for before, after in pairwise(stream)
    )

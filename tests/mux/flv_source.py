"""A small FLV reader in plain Python, written apart from the native one: what the tests hold the muxers to.

It reads the signalling that the samples use (codecs.md section 2): legacy tags of every codec id, and
enhanced single-track tags.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from engine.media.batch import TAG, Batch, Flag, Kind, Role
from engine.media.codecs import Codec
from engine.media.track import Track

_FOUR_CC = {
    b"avc1": Codec.H264,
    b"hvc1": Codec.H265,
    b"vvc1": Codec.H266,
    b"av01": Codec.AV1,
    b"mp4a": Codec.AAC,
    b".mp3": Codec.MP3,
    b"Opus": Codec.OPUS,
}
_WITH_COMPOSITION_TIME = (Codec.H264, Codec.H265, Codec.H266)


@dataclass(frozen=True)
class Source:
    """An FLV file read whole: every row, the tracks, and the decoder configurations."""

    batch: Batch
    tracks: tuple[Track, ...]

    @property
    def headers(self) -> Batch:
        return self.batch.rows(self.batch.tags["role"] == Role.CONFIG)

    def split(self, rows: int) -> list[Batch]:
        """The rows in batches, each with an arena of its own."""
        parts = []
        for start in range(0, len(self.batch), rows):
            tags = self.batch.tags[start : start + rows].copy()
            first = int(tags["offset"][0])
            last = tags[-1]
            arena = self.batch.arena[first : int(last["offset"]) + int(last["size"])]
            tags["offset"] -= first
            tags["media_offset"] -= first
            parts.append(Batch(arena, tags))
        return parts

    def frames(self, video: bool) -> list[tuple[int, int, bool, bytes]]:
        """(dts, cts, key, payload) of one track's frames."""
        tags = self.batch.tags
        rows = np.flatnonzero((tags["role"] == Role.FRAME) & (tags["kind"] == (9 if video else 8)))
        return [
            (int(tags["dts"][r]), int(tags["cts"][r]), bool(tags["flags"][r] & Flag.KEY), self.batch.media(r))
            for r in rows
        ]

    def shifted(self, offset_ms: int) -> Source:
        """The same stream on another clock."""
        tags = self.batch.tags.copy()
        tags["dts"] += offset_ms
        tags["timestamp"] = tags["dts"] & 0xFFFFFFFF
        return replace(self, batch=Batch(self.batch.arena, tags))


def read_flv(path: Path) -> Source:
    """Reads a file; the dts column is the wire timestamp."""
    data = path.read_bytes()
    assert data[:3] == b"FLV"
    at = int.from_bytes(data[5:9], "big") + 4
    rows, tracks = [], {}
    while at + 11 <= len(data):
        kind = data[at]
        size = int.from_bytes(data[at + 1 : at + 4], "big")
        timestamp = int.from_bytes(data[at + 7 : at + 8] + data[at + 4 : at + 7], "big")
        start = at + 11
        role, codec, flags, cts, skip = _classify(kind, data[start : start + size])
        rows.append(
            (
                timestamp,
                timestamp,
                cts,
                start,
                size,
                start + skip,
                size - skip,
                kind,
                role,
                codec,
                flags,
                0,
                0,
            )
        )
        media = data[start + skip : start + size]
        if kind != Kind.SCRIPT and kind not in tracks and role in (Role.CONFIG, Role.FRAME):
            make = Track.from_config if role == Role.CONFIG else Track.from_first_frame
            tracks[kind] = make(Codec(codec), media)
        at = start + size + 4
    ordered = tuple(tracks[kind] for kind in (Kind.VIDEO, Kind.AUDIO) if kind in tracks)
    return Source(Batch(data, np.array(rows, dtype=TAG)), ordered)


def _classify(kind: int, body: bytes) -> tuple[int, int, int, int, int]:
    """(role, codec, flags, cts, bytes before the payload)."""
    if kind == Kind.SCRIPT:
        return Role.SCRIPT, 0, 0, 0, 0
    if kind == Kind.AUDIO:
        return _classify_audio(body)
    key = Flag.KEY if (body[0] >> 4) & 7 == 1 else Flag(0)
    if body[0] & 0x80:
        codec = _FOUR_CC[body[1:5]]
        packet_type = body[0] & 15
        flags = key | Flag.ENHANCED
        if packet_type == 1 and codec in _WITH_COMPOSITION_TIME:
            return Role.FRAME, codec, flags, _signed_24(body[5:8]), 8
        return (
            {0: Role.CONFIG, 1: Role.FRAME, 2: Role.END, 3: Role.FRAME}.get(packet_type, Role.METADATA),
            codec,
            flags,
            0,
            5,
        )
    role = {0: Role.CONFIG, 1: Role.FRAME}.get(body[1], Role.END)
    return role, body[0] & 15, key, _signed_24(body[2:5]) if role is Role.FRAME else 0, 5


def _classify_audio(body: bytes) -> tuple[int, int, int, int, int]:
    sound = body[0] >> 4
    if sound == 9:
        role = {0: Role.CONFIG, 1: Role.FRAME, 2: Role.END}.get(body[0] & 15, Role.METADATA)
        return role, _FOUR_CC[body[1:5]], Flag.KEY | Flag.ENHANCED, 0, 5
    if sound == 10:
        return (Role.FRAME if body[1] else Role.CONFIG), Codec.AAC, Flag.KEY, 0, 2
    return Role.FRAME, 100 + sound, Flag.KEY, 0, 1


def _signed_24(data: bytes) -> int:
    return int.from_bytes(data, "big", signed=True)

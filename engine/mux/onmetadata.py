"""FLV's onMetaData: written at the start with room for what is known at the end, completed in place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from engine import _native
from engine.media.codecs import Codec
from engine.media.track import Track
from engine.mux.base import Signalling

NAME = "onMetaData"
SCRIPT_PREFIX = b"\x02\x00\x0aonMetaData"
"""How an onMetaData tag's body begins (AMF0 string)."""

_FEWEST_SLOTS, _MOST_SLOTS = 64, 2048  # 1.2 KB and 36 KB of index
_SLOTS_WHEN_UNKNOWN = 512  # a seek point every 14 s in two hours
_SECONDS_PER_SLOT = 2.0  # the usual distance of keyframes


_CLAIMS = {
    True: ("videocodecid", "width", "height", "framerate", "videodatarate"),
    False: ("audiocodecid", "audiosamplerate", "audiosamplesize", "audiodatarate", "stereo"),
}
"""What the source says of its video, and of its audio."""

_FOUR_CC = {Codec.H265: b"hvc1", Codec.H266: b"vvc1", Codec.AV1: b"av01", Codec.OPUS: b"Opus"}


def source_claims(
    source: Mapping[str, Any], tracks: Sequence[Track], signalling: Signalling
) -> dict[str, Any]:
    """The source's metadata without what it says of tracks that the file does not hold; a player would wait
    for them. Codec numbers are those that the file's tags have."""
    kept = dict(source)
    for is_video, keys in _CLAIMS.items():
        track = next((track for track in tracks if track.is_video is is_video), None)
        if track is None:
            for key in keys:
                kept.pop(key, None)
        elif signalling != "source" and keys[0] in kept:
            kept[keys[0]] = float(_number(track.codec, signalling))
    return kept


def _number(codec: Codec, signalling: Signalling) -> int:
    """A codec as onMetaData names it: by its id, or by its FourCC (Enhanced RTMP v2)."""
    if signalling == "enhanced" and codec in _FOUR_CC:
        return int.from_bytes(_FOUR_CC[codec], "big")
    return codec if codec.is_video else codec - Codec.PCM


def index_slots(expected_duration_s: float | None) -> int:
    """How many seek points to leave room for."""
    if expected_duration_s is None:
        return _SLOTS_WHEN_UNKNOWN
    return max(_FEWEST_SLOTS, min(_MOST_SLOTS, round(expected_duration_s / _SECONDS_PER_SLOT)))


class KeyframeIndex:
    """Times and file positions of keyframes, in a fixed number of slots.

    A full index drops every second entry and from then on takes every second keyframe, so that it covers a
    file of any length at the same size.
    """

    def __init__(self, slots: int) -> None:
        self._slots = slots
        self._times_s: list[float] = []
        self._positions: list[float] = []
        self._stride = 1
        self._seen = 0

    def add(self, time_ms: int, position: int) -> None:
        """Notes a keyframe; both values only grow."""
        if self._seen % self._stride == 0:
            if len(self._times_s) == self._slots:
                del self._times_s[1::2], self._positions[1::2]
                self._stride *= 2
            if self._seen % self._stride == 0:
                self._times_s.append(time_ms / 1000)
                self._positions.append(float(position))
        self._seen += 1

    def amf(self) -> dict[str, list[float]]:
        """times, filepositions and a spacer: always twice as many numbers as there are slots."""
        spacer = [0.0] * (2 * (self._slots - len(self._times_s)))
        return {"times": list(self._times_s), "filepositions": list(self._positions), "spacer": spacer}


@dataclass(slots=True)
class Completion:
    """What the file says of itself; unknown while it grows."""

    has_video: bool
    has_audio: bool
    index: KeyframeIndex
    duration_s: float = 0.0
    file_bytes: int = 0
    last_timestamp_s: float = 0.0
    last_keyframe_s: float = 0.0
    has_keyframes: bool = False
    can_seek_to_end: bool = False
    source: Mapping[str, Any] = field(default_factory=dict)

    def script_body(self) -> bytes:
        """The script tag's body: the source's keys, then ours. Its length does not depend on the values."""
        ours: dict[str, Any] = {
            "duration": self.duration_s,
            "filesize": float(self.file_bytes),
            "lasttimestamp": self.last_timestamp_s,
            "lastkeyframetimestamp": self.last_keyframe_s,
            "hasVideo": self.has_video,
            "hasAudio": self.has_audio,
            "hasMetadata": True,
            "hasKeyframes": self.has_keyframes,
            "canSeekToEnd": self.can_seek_to_end,
            "keyframes": self.index.amf(),
        }
        kept = {key: value for key, value in self.source.items() if key not in ours}
        return _native.amf0_encode([NAME, {**kept, **ours}])

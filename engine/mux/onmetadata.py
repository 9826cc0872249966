"""FLV's onMetaData: written at the start with room for what is known at the end, completed in place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from engine import _native
from engine.media.batch import Batch, Flag, Kind, Role
from engine.media.codecs import Codec
from engine.media.track import Track
from engine.mux.base import Signalling, Stats

NAME = "onMetaData"
SCRIPT_PREFIX = b"\x02\x00\x0aonMetaData"
"""How an onMetaData tag's body begins (AMF0 string)."""

_VIDEO = int(Kind.VIDEO)
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
    """What the file says of itself, gathered tag by tag; unknown while it grows. Times are the file's."""

    has_video: bool
    has_audio: bool
    index: KeyframeIndex
    source: Mapping[str, Any] = field(default_factory=dict)
    _duration_s: float = 0.0
    _file_bytes: int = 0
    _last_timestamp_s: float = 0.0
    _last_keyframe_ms: int | None = None
    _last_video_ms: int | None = None

    def note(self, batch: Batch, begin: int, starts: Sequence[int], shift_ms: int) -> None:
        """Notes rows that are written from `begin` on, where each starts, with the timestamp
        `dts - shift_ms`."""
        if (survey := batch.survey) is not None:
            last_ms, keys = survey.last_of.get(_VIDEO), survey.keys
        else:
            last_ms, keys = _video_of(batch.tags)
        if last_ms is not None:
            self._last_video_ms = last_ms - shift_ms
        for row, dts_ms in keys:
            self._last_keyframe_ms = dts_ms - shift_ms
            self.index.add(self._last_keyframe_ms, begin + starts[row])

    def complete(self, stats: Stats, file_bytes: int, shift_ms: int) -> bytes:
        """The script tag's body of the whole file. A track that was promised and never came is not in it."""
        self.has_video, self.has_audio = stats.video_packets > 0, stats.audio_packets > 0
        self._duration_s = stats.duration_ms / 1000
        self._file_bytes = file_bytes
        if stats.last_dts_ms is not None:
            self._last_timestamp_s = (stats.last_dts_ms - shift_ms) / 1000
        return self.script_body()

    def script_body(self) -> bytes:
        """The script tag's body: the source's keys, then ours. Its length does not depend on the values."""
        keyframe_ms = self._last_keyframe_ms
        ours: dict[str, Any] = {
            "duration": self._duration_s,
            "filesize": float(self._file_bytes),
            "lasttimestamp": self._last_timestamp_s,
            "lastkeyframetimestamp": 0.0 if keyframe_ms is None else keyframe_ms / 1000,
            "hasVideo": self.has_video,
            "hasAudio": self.has_audio,
            "hasMetadata": True,
            "hasKeyframes": keyframe_ms is not None,
            "canSeekToEnd": keyframe_ms is not None and keyframe_ms == self._last_video_ms,
            "keyframes": self.index.amf(),
        }
        kept = {key: value for key, value in self.source.items() if key not in ours}
        return _native.amf0_encode([NAME, {**kept, **ours}])


def _video_of(tags: npt.NDArray[np.void]) -> tuple[int | None, list[tuple[int, int]]]:
    """The dts of the last video frame, and (row, dts) of the keyframes."""
    rows = np.flatnonzero((tags["kind"] == Kind.VIDEO) & (tags["role"] == Role.FRAME))
    if not len(rows):
        return None, []
    keys = rows[tags["flags"][rows] & Flag.KEY != 0]
    return int(tags["dts"][rows[-1]]), list(zip(keys.tolist(), tags["dts"][keys].tolist(), strict=True))


_KEYFRAMES = b"\0\x09keyframes\x03\0\x05times\x0a"
_SCALARS = [
    "duration",
    "filesize",
    "lasttimestamp",
    "lastkeyframetimestamp",
    "hasVideo",
    "hasAudio",
    "hasMetadata",
    "hasKeyframes",
    "canSeekToEnd",
]
_BEHIND_TIMES_BYTES = len(b"\0\0\0\0\0\x0dfilepositions\x0a\0\0\0\0\0\x06spacer\x0a\0\0\0\0\0\0\x09\0\0\x09")
_SLOT_BYTES = 18  # two AMF0 numbers


def read_ours(body: bytes) -> Completion | None:
    """What to complete in a script tag's body that `Completion` wrote, whether it was completed before, half
    of it was when a crash came, or never; None for another program's.

    Of the values only the source's are believed. How many slots the index has follows from the length.
    """
    at = body.find(_KEYFRAMES)
    while at >= 0:
        room = len(body) - (at + len(_KEYFRAMES) + _BEHIND_TIMES_BYTES)
        if room > 0 and room % _SLOT_BYTES == 0:
            found = _read_scalars(body, at, room // _SLOT_BYTES)
            if found is not None:
                return found
        at = body.find(_KEYFRAMES, at + 1)
    return None


def _read_scalars(body: bytes, keyframes_at: int, slots: int) -> Completion | None:
    try:
        name, said = _native.amf0_decode(body[:keyframes_at] + b"\0\0\x09")
    except ValueError:
        return None
    if name != NAME or not isinstance(said, dict) or list(said)[-len(_SCALARS) :] != _SCALARS:
        return None
    source = {key: value for key, value in said.items() if key not in _SCALARS}
    found = Completion(
        said["hasVideo"] is True, said["hasAudio"] is True, KeyframeIndex(slots), source=source
    )
    return found if len(found.script_body()) == len(body) else None

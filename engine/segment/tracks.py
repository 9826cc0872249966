"""The tracks of a stream as its configuration tags and first frames tell them."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from engine.errors import MalformedConfig
from engine.media.batch import Batch, Flag, Kind, Role
from engine.media.codecs import Codec
from engine.media.track import Track
from engine.segment.operations import Note

_SELF_DESCRIBING = (Codec.MP3, Codec.OPUS)  # no configuration tag is needed: the frames tell
_NOTED = 64  # different notes of one push: a source that keeps finding new ones is not listened to
_MP3_FORMAT = np.array([0xFF, 0xFE, 0x0C, 0xC0], dtype=np.uint8)  # sync, version, layer; rate; channel mode
_MP3_MONO = 3 << 6


@dataclass(slots=True)
class TrackBook:
    """What is known of each kind's track, kept up to date row by row.

    `tracks` and `headers` are keyed by kind; they stay for long, and hold no batch's arena. A configuration
    that parses to what is known already is no change; one that cannot be parsed changes nothing and is noted.
    """

    tracks: dict[int, Track] = field(default_factory=dict)
    headers: dict[int, Batch] = field(default_factory=dict)
    metadata: bytes = b""
    notes: list[Note] = field(default_factory=list)
    _noted: set[str] = field(default_factory=set)
    _mp3_format: npt.NDArray[np.uint8] = field(default_factory=lambda: np.zeros(4, dtype=np.uint8))

    @property
    def reads_frames(self) -> bool:
        """A known track's frames can say something new."""
        track = self.tracks.get(Kind.AUDIO)
        return track is not None and track.codec is Codec.MP3

    def candidates(self, batch: Batch) -> npt.NDArray[np.intp]:
        """Rows that can say something new: all but the frames of known tracks as they are known."""
        tags = batch.tags
        plain = np.zeros(len(tags), dtype=np.bool_)
        for kind, track in self.tracks.items():
            plain |= (tags["kind"] == kind) & (tags["codec"] == int(track.codec))
        plain &= (tags["role"] == Role.FRAME) & (tags["flags"] & Flag.MULTITRACK == 0)
        if self.reads_frames:
            plain &= ~self._is_other_mp3(batch)
        return np.flatnonzero(~plain)

    def is_news(self, batch: Batch, row: int) -> bool:
        """Whether `learn` could find a new or changed track in a row."""
        tag = batch.tags[row]
        known = self.tracks.get(int(tag["kind"]))
        if int(tag["role"]) == Role.CONFIG:
            return known is None or known.codec != tag["codec"] or known.config != batch.media(row)
        if int(tag["role"]) != Role.FRAME:
            return False
        if known is None or known.codec != tag["codec"]:
            return True
        return known.codec is Codec.MP3 and bool(self._is_other_mp3(batch.rows(slice(row, row + 1)))[0])

    def _is_other_mp3(self, batch: Batch) -> npt.NDArray[np.bool_]:
        """Which rows are MP3 frames of another format than the known one; without a sync word none is."""
        tags = batch.tags
        other: npt.NDArray[np.bool_] = tags["codec"] == int(Codec.MP3)
        other &= tags["media_size"] >= len(_MP3_FORMAT)
        rows = np.flatnonzero(other)
        formats = _mp3_formats(batch, rows)
        is_frame = (formats[:, 0] == 0xFF) & (formats[:, 1] >= 0xE0)
        other[rows] = is_frame & (formats != self._mp3_format).any(axis=1)
        return other

    def learn(self, batch: Batch, row: int) -> bool:
        """Take in a row; true when a track appeared or changed."""
        tag = batch.tags[row]
        role = int(tag["role"])
        if role == Role.SCRIPT:
            body = batch.body(row)
            if body[3:13] == b"onMetaData":
                self.metadata = body
            return False
        if tag["flags"] & Flag.MULTITRACK:
            self._note("multitrack", "the stream has several tracks of one kind: only track 0 is recorded")
        if role not in (Role.CONFIG, Role.FRAME) or tag["track"] != 0:
            return False
        kind, codec = int(tag["kind"]), Codec.of(int(tag["codec"]))
        if role == Role.CONFIG:
            return self._learn_config(batch, row, kind, codec)
        known = self.tracks.get(kind)
        if known is not None and known.codec is codec and not self.is_news(batch, row):
            return False
        if codec in _SELF_DESCRIBING:
            return self._learn(kind, codec, batch, row, from_frame=True)
        if codec not in (Codec.H264, Codec.H265, Codec.H266, Codec.AV1, Codec.AAC):
            return self._set(kind, Track(codec, codec_string=codec.label.lower()), None)
        return False

    def _learn_config(self, batch: Batch, row: int, kind: int, codec: Codec) -> bool:
        known = self.tracks.get(kind)
        if known is not None and known.codec is codec and known.config == batch.media(row):
            self.headers[kind] = batch.alone(row)
            return False
        return self._learn(kind, codec, batch, row, from_frame=False)

    def _learn(self, kind: int, codec: Codec, batch: Batch, row: int, *, from_frame: bool) -> bool:
        payload = batch.media(row)
        try:
            track = (
                Track.from_first_frame(codec, payload) if from_frame else Track.from_config(codec, payload)
            )
        except MalformedConfig as error:
            if not from_frame or kind not in self.tracks:
                self._note("malformed_config", str(error))
            return False
        if codec is Codec.MP3:
            self._mp3_format = _mp3_formats(batch, np.array([row]))[0]
        return self._set(kind, track, None if from_frame else batch.alone(row))

    def _set(self, kind: int, track: Track, header: Batch | None) -> bool:
        changed = self.tracks.get(kind) != track
        self.tracks[kind] = track
        if header is None:
            self.headers.pop(kind, None)
        else:
            self.headers[kind] = header
        return changed

    def _note(self, code: str, message: str) -> None:
        if message not in self._noted and len(self._noted) < _NOTED:
            self._noted.add(message)
            self.notes.append(Note(code, message))

    def take_notes(self) -> list[Note]:
        """The notes since the last call."""
        notes, self.notes = self.notes, []
        return notes

    def known(self, kinds: tuple[int, ...] = (Kind.VIDEO, Kind.AUDIO)) -> tuple[Track, ...]:
        """The known tracks of these kinds, video first."""
        return tuple(self.tracks[kind] for kind in kinds if kind in self.tracks)

    def known_headers(self, kinds: tuple[int, ...] = (Kind.VIDEO, Kind.AUDIO)) -> tuple[Batch, ...]:
        """The configuration tags of the known tracks of these kinds, video first."""
        return tuple(self.headers[kind] for kind in kinds if kind in self.headers)


def _mp3_formats(batch: Batch, rows: npt.NDArray[np.intp]) -> npt.NDArray[np.uint8]:
    """What a decoder must know of each row's frame, from the four bytes of its header."""
    at = batch.tags["media_offset"][rows].astype(np.intp)[:, None] + np.arange(len(_MP3_FORMAT))
    formats: npt.NDArray[np.uint8] = np.frombuffer(batch.arena, dtype=np.uint8)[at] & _MP3_FORMAT
    formats[:, 3] = formats[:, 3] == _MP3_MONO
    return formats

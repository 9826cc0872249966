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


@dataclass(slots=True)
class TrackBook:
    """What is known of each kind's track, kept up to date row by row.

    `tracks` and `headers` are keyed by kind. A configuration that parses to what is known already is no
    change; one that cannot be parsed changes nothing and is noted.
    """

    tracks: dict[int, Track] = field(default_factory=dict)
    headers: dict[int, Batch] = field(default_factory=dict)
    metadata: bytes = b""
    notes: list[Note] = field(default_factory=list)
    _noted: set[str] = field(default_factory=set)

    def candidates(self, batch: Batch) -> npt.NDArray[np.intp]:
        """Rows that can say something new: all but the frames of known tracks."""
        tags = batch.tags
        plain = np.zeros(len(tags), dtype=np.bool_)
        for kind, track in self.tracks.items():
            plain |= (tags["kind"] == kind) & (tags["codec"] == int(track.codec))
        plain &= (tags["role"] == Role.FRAME) & (tags["flags"] & Flag.MULTITRACK == 0)
        return np.flatnonzero(~plain)

    def is_news(self, batch: Batch, row: int) -> bool:
        """Whether `learn` could find a new or changed track in a row."""
        tag = batch.tags[row]
        known = self.tracks.get(int(tag["kind"]))
        if int(tag["role"]) == Role.CONFIG:
            return known is None or known.codec != tag["codec"] or known.config != batch.media(row)
        return int(tag["role"]) == Role.FRAME and (known is None or known.codec != tag["codec"])

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
        if known is not None and known.codec is codec:
            return False
        if codec in _SELF_DESCRIBING:
            return self._learn(kind, codec, batch, row, from_frame=True)
        if codec not in (Codec.H264, Codec.H265, Codec.H266, Codec.AV1, Codec.AAC):
            return self._set(kind, Track(codec, codec_string=codec.label.lower()), None)
        return False

    def _learn_config(self, batch: Batch, row: int, kind: int, codec: Codec) -> bool:
        known = self.tracks.get(kind)
        if known is not None and known.codec is codec and known.config == batch.media(row):
            self.headers[kind] = batch.rows(slice(row, row + 1))
            return False
        return self._learn(kind, codec, batch, row, from_frame=False)

    def _learn(self, kind: int, codec: Codec, batch: Batch, row: int, *, from_frame: bool) -> bool:
        payload = batch.media(row)
        try:
            track = (
                Track.from_first_frame(codec, payload) if from_frame else Track.from_config(codec, payload)
            )
        except MalformedConfig as error:
            self._note("malformed_config", str(error))
            return False
        return self._set(kind, track, None if from_frame else batch.rows(slice(row, row + 1)))

    def _set(self, kind: int, track: Track, header: Batch | None) -> bool:
        changed = self.tracks.get(kind) != track
        self.tracks[kind] = track
        if header is None:
            self.headers.pop(kind, None)
        else:
            self.headers[kind] = header
        return changed

    def _note(self, code: str, message: str) -> None:
        if message not in self._noted:
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

"""The first cut point of a push (F4).

Media is held until the tracks are known and, with video, a keyframe has come; what was promised and does not
come is waited for `OPENING_WAIT_MS` of media time. A header alone is no track: frames must come too.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from engine.media.batch import Batch, Flag, Kind, Role
from engine.media.limits import OPENING_BYTES, OPENING_WAIT_MS
from engine.segment.tracks import TrackBook


@dataclass(slots=True)
class Opening:
    """Holds media until the first cut point is known."""

    book: TrackBook
    _held: list[Batch] = field(default_factory=list)
    _held_bytes: int = 0
    _key: tuple[int, int] | None = None  # (index in _held, row) of the first usable keyframe
    _first: dict[int, int] = field(default_factory=dict)  # kind -> dts of its first frame
    _last: dict[int, int] = field(default_factory=dict)

    @property
    def saw_frames(self) -> bool:
        """Whether any frame came, usable or not."""
        return bool(self._first)

    def feed(self, batch: Batch) -> bool:
        """Take in a batch; true when the recording can start."""
        video_from = 0 if Kind.VIDEO in self.book.tracks else None
        for row in self.book.candidates(batch):
            if self.book.learn(batch, int(row)) and batch.tags[row]["kind"] == Kind.VIDEO:
                self._key = None
                video_from = int(row)
        tags = batch.tags
        frames = tags["role"] == Role.FRAME
        if self._key is None and video_from is not None:
            is_key = frames & (tags["kind"] == Kind.VIDEO) & (tags["flags"] & Flag.KEY != 0)
            keys = np.flatnonzero(is_key)
            keys = keys[keys >= video_from]
            if len(keys):
                self._key = (len(self._held), int(keys[0]))
        for kind in (Kind.VIDEO, Kind.AUDIO):
            dts = tags["dts"][frames & (tags["kind"] == kind)]
            if len(dts):
                self._first.setdefault(kind, int(dts[0]))
                self._last[kind] = int(dts.max())
        self._held.append(batch)
        self._held_bytes += batch.size_bytes
        return self._decide(final=False)

    def finish(self) -> bool:
        """No more comes: start with what there is, if it is anything."""
        return self._decide(final=True)

    def _decide(self, *, final: bool) -> bool:
        has_audio = Kind.AUDIO in self.book.tracks and Kind.AUDIO in self._first
        if self._key is not None and has_audio:
            return True
        waited_ms = max((self._last[kind] - first for kind, first in self._first.items()), default=0)
        if not (final or waited_ms >= OPENING_WAIT_MS or self._held_bytes > OPENING_BYTES):
            return False
        if self._key is not None:
            return True
        if Kind.VIDEO in self.book.tracks and Kind.VIDEO in self._first:
            self._forget()  # the tracks are known, the keyframe is still to come
            return False
        return has_audio

    def _forget(self) -> None:
        del self._held[:-1]
        self._held_bytes = sum(batch.size_bytes for batch in self._held)

    @property
    def kinds(self) -> tuple[int, ...]:
        """The kinds the recording starts with, video first."""
        has_audio = Kind.AUDIO in self.book.tracks and Kind.AUDIO in self._first
        video = (Kind.VIDEO,) if self._key is not None else ()
        return (*video, Kind.AUDIO) if has_audio else video

    def release(self) -> list[Batch]:
        """The media from the first cut point on; the first row of the first batch is the cut point.

        Audio that came before the keyframe but belongs behind it in time follows the keyframe.
        """
        held, self._held = self._held, []
        if self._key is None:
            return _from_first_audio(held)
        index, row = self._key
        key = held[index].rows(slice(row, row + 1))
        from_dts = key.tags["dts"][0]
        early = [held[at] for at in range(index)] + [held[index].rows(slice(0, row))]
        audio = [_audio_from(batch, from_dts) for batch in early]
        rest = [held[index].rows(slice(row + 1, None)), *held[index + 1 :]]
        return [batch for batch in (key, *audio, *rest) if len(batch)]


def _audio_from(batch: Batch, dts_ms: int) -> Batch:
    tags = batch.tags
    return batch.rows(
        (tags["kind"] == Kind.AUDIO) & (tags["role"] == Role.FRAME) & (tags["dts"] >= dts_ms)
    )


def _from_first_audio(held: list[Batch]) -> list[Batch]:
    for index, batch in enumerate(held):
        tags = batch.tags
        rows = np.flatnonzero((tags["kind"] == Kind.AUDIO) & (tags["role"] == Role.FRAME))
        if len(rows):
            return [batch.rows(slice(int(rows[0]), None)), *held[index + 1 :]]
    return []

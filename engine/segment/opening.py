"""The first cut point of a push (F4).

Media is held until the tracks are known and, with video, a keyframe has come; what was promised and does not
come is waited for `OPENING_WAIT_MS` of media time. A header alone is no track: frames must come too.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from engine.media.batch import Batch, Flag, Kind, Role
from engine.media.limits import JUMP_AHEAD_MS, JUMP_BACK_MS, OPENING_BYTES, OPENING_WAIT_MS
from engine.segment.tracks import TrackBook

_REMEMBERED_ROWS = 64  # of those before a keyframe that is still to come: audio may belong behind it


@dataclass(slots=True)
class Opening:
    """Holds media until the first cut point is known."""

    book: TrackBook
    _held: list[Batch] = field(default_factory=list)  # one row each
    _held_bytes: int = 0
    _key: int | None = None  # where in _held the first usable keyframe is
    _has_audio: bool = False  # frames of the newest audio configuration came
    _audio_since: int = 0  # where in _held the audio of the newest configuration begins
    _last: dict[int, int] = field(default_factory=dict)  # kind -> dts of its last frame
    _waited_ms: dict[int, int] = field(default_factory=dict)  # kind -> media time since its first frame

    @property
    def saw_frames(self) -> bool:
        """Whether any frame came, usable or not."""
        return bool(self._last)

    def feed(self, row: Batch) -> bool:
        """Take in one row; true when the recording can start.

        Row by row, so that what comes behind the start, in the same batch or not, plays no part in it.
        """
        tag = row.tags[0]
        kind, is_frame = int(tag["kind"]), int(tag["role"]) == Role.FRAME
        if self.book.learn(row, 0):  # what was held is of the configuration before
            if kind == Kind.VIDEO:
                self._key = None
            else:
                self._has_audio, self._audio_since = False, len(self._held)
        if is_frame:
            self._wait(kind, int(tag["dts"]))
            track = self.book.tracks.get(kind)
            if track is not None and track.codec == tag["codec"]:
                self._note_usable(kind, is_key=bool(tag["flags"] & Flag.KEY))
        self._held.append(row)
        self._held_bytes += row.size_bytes
        return self._decide(final=False)

    def _note_usable(self, kind: int, *, is_key: bool) -> None:
        """The row about to be held can be played, given a keyframe."""
        if kind == Kind.AUDIO:
            self._has_audio = True
        elif is_key and self._key is None:
            self._key = len(self._held)

    def _wait(self, kind: int, dts: int) -> None:
        """Count media time; a clock that jumps is no waiting."""
        step_ms = dts - self._last.get(kind, dts)
        if -JUMP_BACK_MS <= step_ms <= JUMP_AHEAD_MS:
            self._waited_ms[kind] = self._waited_ms.get(kind, 0) + step_ms
        self._last[kind] = dts

    def finish(self) -> bool:
        """No more comes: start with what there is, if it is anything."""
        return self._decide(final=True)

    def _decide(self, *, final: bool) -> bool:
        if self._key is not None and self._has_audio:
            return True
        waited_ms = max(self._waited_ms.values(), default=0)
        if not (final or waited_ms >= OPENING_WAIT_MS or self._held_bytes > OPENING_BYTES):
            return False
        if self._key is not None:
            return True
        if Kind.VIDEO in self.book.tracks and Kind.VIDEO in self._last:
            self._forget()  # the tracks are known, the keyframe is still to come
            return False
        return self._has_audio

    def _forget(self) -> None:
        self._audio_since -= max(len(self._held) - _REMEMBERED_ROWS, 0)
        del self._held[:-_REMEMBERED_ROWS]
        self._held_bytes = sum(row.size_bytes for row in self._held)

    @property
    def kinds(self) -> tuple[int, ...]:
        """The kinds the recording starts with, video first."""
        video = (Kind.VIDEO,) if self._key is not None else ()
        return (*video, Kind.AUDIO) if self._has_audio else video

    def release(self) -> list[Batch]:
        """The media from the first cut point on; the first row of the first batch is the cut point.

        Audio that came before the keyframe but belongs behind it in time follows the keyframe.
        """
        held, self._held = self._held, []
        since = max(self._audio_since, 0)
        if self._key is None:
            first = next(at for at, row in enumerate(held) if at >= since and _is_audio_frame(row))
            return held[first:]
        key = held[self._key]
        from_dts = key.tags["dts"][0]
        early = held[min(since, self._key) : self._key]
        audio = [row for row in early if _is_audio_frame(row) and row.tags["dts"][0] >= from_dts]
        return [key, *audio, *held[self._key + 1 :]]


def _is_audio_frame(row: Batch) -> bool:
    tag = row.tags[0]
    return bool(tag["kind"] == Kind.AUDIO and tag["role"] == Role.FRAME)

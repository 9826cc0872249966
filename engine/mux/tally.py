"""Counts what a muxer takes in."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from engine._native import Pieces, Survey, TrackSurvey
from engine.errors import MuxError
from engine.media.batch import Batch
from engine.mux.base import Stats
from engine.mux.frames import FIRST_AUDIO_CODEC, KEY, Frame, frames_of, survey_of

if TYPE_CHECKING:
    from engine._native import TrackTables

_ALL_CODECS = range(256)
_REFUSED_RUN = 250
"""So many unreadable packets of a track in a row are no damage in the stream: the output has failed."""


@dataclass(slots=True)
class _Track:
    """Packets of one track, and its times since the last discontinuity."""

    packets: int = 0
    keyframes: int = 0
    last_ms: int | None = None
    frame_ms: int = 0  # the last distance of two frames that is not zero

    def rises_to(self, found: TrackSurvey | None) -> bool:
        """No time of its rows steps back."""
        if found is None:
            return True
        return found.least_step_ms >= 0 and (self.last_ms is None or found.first_ms >= self.last_ms)

    def take(self, found: TrackSurvey) -> None:
        """Counts rows whose times rise."""
        if found.last_step_ms:
            self.frame_ms = found.last_step_ms
        elif self.last_ms is not None and found.first_ms > self.last_ms:
            self.frame_ms = found.first_ms - self.last_ms
        self.packets += found.frames
        self.keyframes += found.keyframes
        self.last_ms = found.last_ms


class Tally:
    """Packets, bytes and times of the frames seen so far."""

    def __init__(self) -> None:
        self._video = _Track()
        self._audio = _Track()
        self._media_bytes = 0
        self._first_ms: int | None = None
        self._last_ms: int | None = None
        self._start_ms: int | None = None
        self._earlier_ms = 0
        self.shown_ms: int | None = None
        """The latest time of presentation since the last discontinuity."""
        self.script_tags = 0
        self.adjusted = 0
        self.refused = 0
        self.late_segments = 0

    def add(self, frames: Iterable[Frame]) -> None:
        """Counts frames."""
        for dts_ms, cts_ms, _, size, codec, flags, _ in frames:
            track = self._video if codec < FIRST_AUDIO_CODEC else self._audio
            self._show(dts_ms + cts_ms)
            track.packets += 1
            track.keyframes += flags & KEY
            self._media_bytes += size
            if track.last_ms is None:
                track.last_ms = dts_ms
            elif dts_ms > track.last_ms:
                track.frame_ms = dts_ms - track.last_ms
                track.last_ms = dts_ms
            if self._start_ms is None or dts_ms < self._start_ms:
                self._start_ms = dts_ms

    def add_tables(self, tables: TrackTables, origin_ms: int) -> None:
        """Counts an audio or video track that has samples, as `add` would its frames; `origin_ms` is the
        source's time of its clock's 0."""
        track = self._video if tables["kind"] == "video" else self._audio
        track.packets += tables["samples"]
        track.keyframes += tables["sync_samples"]
        self._media_bytes += tables["media_bytes"]
        first_ms, last_ms = tables["first_dts_ms"] + origin_ms, tables["last_dts_ms"] + origin_ms
        step_ms = tables["frame_ms"]
        if track.last_ms is not None:
            ahead_ms = last_ms - track.last_ms
            step_ms = min(step_ms or ahead_ms, ahead_ms)
        if step_ms > 0:
            track.frame_ms = step_ms
        if track.last_ms is None or last_ms > track.last_ms:
            track.last_ms = last_ms
        self._show(last_ms)
        if self._start_ms is None or first_ms < self._start_ms:
            self._start_ms = first_ms

    def _show(self, time_ms: int) -> None:
        if self.shown_ms is None or time_ms > self.shown_ms:
            self.shown_ms = time_ms

    def take(self, batch: Batch, codecs: Container[int] = _ALL_CODECS) -> bool:
        """Counts the frames of a batch, of these codecs; whether there were any."""
        if (survey := survey_of(batch, codecs)) and self._add_survey(survey):
            return True
        frames = frames_of(batch, codecs)
        self.add(frames)
        return bool(frames)

    def _add_survey(self, survey: Survey) -> bool:
        """Counts a plain batch; false, and nothing counted, where its times step back."""
        video, audio = survey.video, survey.audio
        if not (self._video.rises_to(video) and self._audio.rises_to(audio)):
            return False
        if video is not None:
            self._video.take(video)
        if audio is not None:
            self._audio.take(audio)
        self._media_bytes += survey.media_bytes
        self._show(survey.shown_ms)
        if self._start_ms is None or survey.first_ms < self._start_ms:
            self._start_ms = survey.first_ms
        return True

    def discontinuity(self) -> None:
        """What follows is on another clock: the times so far are closed."""
        self._earlier_ms += self._section_ms()
        self._first_ms, self._last_ms = self._bounds()
        self._start_ms = self._video.last_ms = self._audio.last_ms = self.shown_ms = None

    def end_ms(self) -> int | None:
        """Where the last frame of any track ends, taking a frame to last as long as the one before it."""
        ends = [t.last_ms + t.frame_ms for t in (self._video, self._audio) if t.last_ms is not None]
        return max(ends, default=None)

    @property
    def video_frame_ms(self) -> int:
        """How long a picture lasts: the last distance of two."""
        return self._video.frame_ms

    def _section_ms(self) -> int:
        end_ms = self.end_ms()
        return 0 if end_ms is None or self._start_ms is None else end_ms - self._start_ms

    def _bounds(self) -> tuple[int | None, int | None]:
        """First and last dts over all sections."""
        lasts = [t.last_ms for t in (self._video, self._audio) if t.last_ms is not None]
        first_ms = self._start_ms if self._first_ms is None else self._first_ms
        return first_ms, max(lasts, default=self._last_ms)

    def snapshot(self) -> list[int | None]:
        """All that is counted, to go on from (`resumed`)."""
        tracks = [
            value
            for track in (self._video, self._audio)
            for value in (track.packets, track.keyframes, track.last_ms, track.frame_ms)
        ]
        times = [self._first_ms, self._last_ms, self._start_ms, self._earlier_ms]
        counts = [self._media_bytes, self.script_tags, self.adjusted, self.refused, self.late_segments]
        return [*tracks, *times, *counts]

    @classmethod
    def resumed(cls, snapshot: Sequence[int | None]) -> Tally:
        """A tally that goes on from a snapshot.

        Raises:
            ValueError: it is none.
        """
        tally = cls()
        if len(snapshot) != len(tally.snapshot()):
            raise ValueError(f"a snapshot of {len(snapshot)} values")
        numbers = [value or 0 for value in snapshot]
        for track, at in ((tally._video, 0), (tally._audio, 4)):
            track.packets, track.keyframes, _, track.frame_ms = numbers[at : at + 4]
            track.last_ms = snapshot[at + 2]
        tally._first_ms, tally._last_ms, tally._start_ms = snapshot[8:11]
        tally._earlier_ms, tally._media_bytes, tally.script_tags = numbers[11:14]
        tally.adjusted, tally.refused, tally.late_segments = numbers[14:17]
        return tally

    def stats(self) -> Stats:
        """The counts as they are now."""
        first_ms, last_ms = self._bounds()
        return Stats(
            video_packets=self._video.packets,
            audio_packets=self._audio.packets,
            script_tags=self.script_tags,
            keyframes=self._video.keyframes,
            media_bytes=self._media_bytes,
            first_dts_ms=first_ms,
            last_dts_ms=last_ms,
            duration_ms=self._earlier_ms + self._section_ms(),
            end_ms=self.end_ms(),
            shown_to_ms=None if self.shown_ms is None else self.shown_ms + self.video_frame_ms,
            adjusted=self.adjusted,
            refused=self.refused,
            late_segments=self.late_segments,
        )


def counted(
    tally: Tally, mux: Callable[..., tuple[Pieces, int, int, int]], *arguments: bytes | int
) -> Pieces:
    """What a native writer makes of frames. Those that it moves in time or leaves out are counted.

    Raises:
        MuxError: nothing of a track could be read for a while, or a row points outside the arena.
    """
    try:
        data, moved, refused, refused_run = mux(*arguments)
    except ValueError as error:
        raise MuxError(str(error)) from error
    tally.adjusted += moved
    tally.refused += refused
    if refused_run >= _REFUSED_RUN:
        raise MuxError(f"no packet of a track can be read, {refused_run} in a row")
    return data

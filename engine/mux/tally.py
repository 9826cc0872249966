"""Counts what a muxer takes in, a batch at a time."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from engine.media.batch import Batch, Flag, Kind, Role
from engine.mux.base import Stats

_MEDIA_KINDS = (Kind.VIDEO, Kind.AUDIO)


class Tally:
    """Packets, bytes and times of the rows seen so far."""

    def __init__(self) -> None:
        self._packets = dict.fromkeys(_MEDIA_KINDS, 0)
        self._script_tags = 0
        self._keyframes = 0
        self._media_bytes = 0
        self._first_ms: int | None = None
        self._earlier_ms = 0
        self._start_ms: int | None = None
        self._last_ms: dict[Kind, int] = {}
        self._frame_ms = dict.fromkeys(_MEDIA_KINDS, 0)
        self.adjusted = 0
        self.refused = 0

    def add(self, batch: Batch) -> None:
        """Counts the frames and script rows of a batch."""
        tags = batch.tags
        self._script_tags += int(np.count_nonzero(tags["kind"] == Kind.SCRIPT))
        frames = tags[(tags["role"] == Role.FRAME) & (tags["media_size"] > 0)]
        if not len(frames):
            return
        self._media_bytes += int(frames["media_size"].sum(dtype=np.int64))
        start = int(frames["dts"].min())
        self._start_ms = start if self._start_ms is None else min(self._start_ms, start)
        self._first_ms = self._start_ms if self._first_ms is None else self._first_ms
        for kind in _MEDIA_KINDS:
            rows = frames[frames["kind"] == kind]
            if not len(rows):
                continue
            self._packets[kind] += len(rows)
            if kind is Kind.VIDEO:
                self._keyframes += int(np.count_nonzero(rows["flags"] & Flag.KEY))
            self._step(kind, rows["dts"])

    def _step(self, kind: Kind, times_ms: npt.NDArray[np.int64]) -> None:
        """Remembers a track's last time and its last distance that is not zero."""
        distinct = np.unique(np.append(times_ms, self._last_ms.get(kind, times_ms[0])))
        if len(distinct) > 1:
            self._frame_ms[kind] = int(distinct[-1] - distinct[-2])
        self._last_ms[kind] = int(distinct[-1])

    def discontinuity(self) -> None:
        """What follows is on another clock: times measured so far are closed."""
        self._earlier_ms += self._section_ms()
        self._start_ms = None
        self._last_ms.clear()

    def end_ms(self) -> int | None:
        """Where the last frame of any track ends, taking a frame to last as long as the one before it."""
        return max((time_ms + self._frame_ms[kind] for kind, time_ms in self._last_ms.items()), default=None)

    def _section_ms(self) -> int:
        end = self.end_ms()
        return 0 if end is None or self._start_ms is None else end - self._start_ms

    def stats(self) -> Stats:
        """The counts as they are now."""
        return Stats(
            video_packets=self._packets[Kind.VIDEO],
            audio_packets=self._packets[Kind.AUDIO],
            script_tags=self._script_tags,
            keyframes=self._keyframes,
            media_bytes=self._media_bytes,
            first_dts_ms=self._first_ms,
            last_dts_ms=max(self._last_ms.values(), default=None),
            duration_ms=self._earlier_ms + self._section_ms(),
            adjusted=self.adjusted,
            refused=self.refused,
        )

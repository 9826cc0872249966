"""What `probe` says about a file, and the meter that every container's reader feeds."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

MOST_LINES = 20
"""Lines kept of each list: a file with a thousand faults needs no thousand lines."""

MOST_CHARACTERS = 300
"""Of a line: what a file says may be long, and of several lines."""

_MOST_DISTANCES = 1_000

JUMP_BACK_MS, JUMP_AHEAD_MS = 1_000, 10_000  # rule F6


@dataclass(slots=True)
class Distances:
    """Milliseconds between neighbouring keyframes."""

    shortest_ms: float
    mean_ms: float
    longest_ms: float


@dataclass(slots=True)
class TrackReport:
    """One track as its packets and its decoder configuration show it."""

    kind: str
    codec: str
    codec_string: str = ""
    width: int = 0
    height: int = 0
    sample_rate: int = 0
    channels: int = 0
    packets: int = 0
    payload_bytes: int = 0
    first_ms: float | None = None
    last_ms: float | None = None
    frame_ms: float = 0.0
    keyframes: int = 0
    keyframe_distances: Distances | None = None


@dataclass(slots=True)
class Report:
    """A file read back. `damaged` holds what makes it incomplete or unreadable; empty means it is whole."""

    path: str
    container: str
    size_bytes: int = 0
    duration_ms: float = 0.0
    segments: int | None = None
    tracks: list[TrackReport] = field(default_factory=list)
    discontinuities: list[str] = field(default_factory=list)
    anomalies: list[str] = field(default_factory=list)
    damaged: list[str] = field(default_factory=list)

    def damage(self, line: str) -> None:
        """Notes a fault."""
        _note(self.damaged, line)

    def anomaly(self, line: str) -> None:
        """Notes something unusual that leaves the file whole."""
        _note(self.anomalies, line)

    def discontinuity(self, line: str) -> None:
        """Notes where the clock breaks."""
        _note(self.discontinuities, line)


def _note(lines: list[str], line: str) -> None:
    if len(lines) < MOST_LINES:
        line = " ".join(line.split())
        lines.append(line if len(line) <= MOST_CHARACTERS else f"{line[:MOST_CHARACTERS]}...")
    elif len(lines) == MOST_LINES:
        lines.append("... and more")


class Meter:
    """Measures one track, some packets at a time, in constant memory."""

    def __init__(self, track: TrackReport, report: Report) -> None:
        self.track = track
        self._report = report
        self._last_ms: float | None = None
        self._last_key_ms: float | None = None
        self._key_distances: tuple[float, float, float, int] | None = None
        self._section_start_ms: float | None = None
        self._section_end_ms = -math.inf
        self._distances: dict[float, int] = {}
        self._shared = 0
        self._falling = 0
        self.piece_first_ms: float | None = None
        """First time since `begin_piece`."""

    def add(self, times_ms: npt.NDArray[np.float64], keys: npt.NDArray[np.bool_], payload_bytes: int) -> None:
        """Takes packets in file order; `times_ms` are decoding times."""
        if not len(times_ms):
            return
        track = self.track
        times_ms = np.round(times_ms, 3)
        track.packets += len(times_ms)
        track.payload_bytes += payload_bytes
        if track.kind == "video":
            track.keyframes += int(np.count_nonzero(keys))
        if track.first_ms is None:
            track.first_ms = float(times_ms[0])
        track.last_ms = float(times_ms[-1])
        if self.piece_first_ms is None:
            self.piece_first_ms = float(times_ms[0])
        self._measure_steps(times_ms)
        self._measure_keys(times_ms[keys])

    def _measure_steps(self, times_ms: npt.NDArray[np.float64]) -> None:
        before = times_ms[0] if self._last_ms is None else self._last_ms
        steps = np.diff(times_ms, prepend=before)
        if self._section_start_ms is None:
            self._section_start_ms = float(times_ms[0])
            steps = steps[1:]
        jumps = (steps < -JUMP_BACK_MS) | (steps > JUMP_AHEAD_MS)
        for at in np.flatnonzero(jumps).tolist():
            row = at + len(times_ms) - len(steps)
            line = f"{self.track.kind} jumps by {steps[at]:+.0f} ms to {times_ms[row]:.0f} ms"
            self._report.discontinuity(line)
        self._count_distances(steps[~jumps & (steps > 0)])
        self._shared += int(np.count_nonzero(steps == 0))
        self._falling += int(np.count_nonzero(~jumps & (steps < 0)))
        self._last_ms = float(times_ms[-1])
        self._section_end_ms = max(self._section_end_ms, float(times_ms.max()))

    def _count_distances(self, distances: npt.NDArray[np.float64]) -> None:
        """The usual distance of two frames is the most frequent one, to the tenth of a millisecond."""
        for distance, count in zip(*np.unique(np.round(distances, 1), return_counts=True), strict=True):
            if distance in self._distances or len(self._distances) < _MOST_DISTANCES:
                self._distances[float(distance)] = self._distances.get(float(distance), 0) + int(count)
        if self._distances:
            self.track.frame_ms = max(self._distances, key=self._distances.__getitem__)

    def _measure_keys(self, times_ms: npt.NDArray[np.float64]) -> None:
        if self.track.kind != "video" or not len(times_ms):
            return
        distances = (
            np.diff(times_ms) if self._last_key_ms is None else np.diff(times_ms, prepend=self._last_key_ms)
        )
        self._last_key_ms = float(times_ms[-1])
        if not len(distances):
            return
        shortest, longest, total, count = self._key_distances or (np.inf, -np.inf, 0.0, 0)
        self._key_distances = (
            min(shortest, float(distances.min())),
            max(longest, float(distances.max())),
            total + float(distances.sum()),
            count + len(distances),
        )

    def nearest(self, times_ms: npt.NDArray[np.float64], wrap_ms: float) -> npt.NDArray[np.float64]:
        """The times moved by whole wraps of their clock, to go on where the track is."""
        if self._last_ms is None or not len(times_ms):
            return times_ms
        wraps = round((self._last_ms - float(times_ms[0])) / wrap_ms)
        return times_ms + wraps * wrap_ms

    def begin_piece(self) -> None:
        """Another file of the same output starts."""
        self.piece_first_ms = None

    def section_ms(self) -> tuple[float, float] | None:
        """Start and end on the current clock, the last packet lasting as long as the usual one."""
        if self._section_start_ms is None:
            return None
        return self._section_start_ms, self._section_end_ms + self.track.frame_ms

    def break_clock(self) -> None:
        """The container declares a discontinuity: the next packet's time says nothing about a jump."""
        self._last_ms = self._last_key_ms = self._section_start_ms = None
        self._section_end_ms = -math.inf

    def finish(self) -> None:
        """Writes the sums into the reports."""
        if self._key_distances is not None:
            shortest, longest, total, count = self._key_distances
            self.track.keyframe_distances = Distances(
                round(shortest, 3), round(total / count, 3), round(longest, 3)
            )
        if self._shared:
            self._report.anomaly(
                f"{self._shared} {self.track.kind} packets share their time with the one before"
            )
        if self._falling:
            self._report.anomaly(f"{self._falling} {self.track.kind} packets step back in time")


class Meters:
    """The meters of a file's tracks."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._meters: list[Meter] = []
        self._earlier_ms = 0.0

    def __iter__(self) -> Iterator[Meter]:
        return iter(self._meters)

    def new(self, track: TrackReport) -> Meter:
        """A meter for another track of the file."""
        meter = Meter(track, self._report)
        self._meters.append(meter)
        self._report.tracks.append(track)
        return meter

    def section_ms(self) -> float:
        """Length of the current section over all tracks."""
        sections = [section for meter in self._meters if (section := meter.section_ms())]
        if not sections:
            return 0.0
        return max(end for _, end in sections) - min(start for start, _ in sections)

    def break_clocks(self) -> None:
        """A declared discontinuity, of all tracks."""
        self._earlier_ms += self.section_ms()
        for meter in self._meters:
            meter.break_clock()

    def finish(self) -> None:
        """Completes the report."""
        self._report.duration_ms = round(self._earlier_ms + self.section_ms(), 3)
        for meter in self._meters:
            meter.finish()

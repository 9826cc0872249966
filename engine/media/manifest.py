"""The manifest beside a finished file: what it holds, and which part of its recording's window it covers.

`FILE.json` is one JSON object, a `Manifest`. The parts that a recording's manifests of one format cover
follow each other without a break from the beginning of its window to its end, and in each part the recorded
intervals and the gaps do (G1).
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict

from engine.media.codecs import Format
from engine.media.events import FileFinished, GapReason, TrackInfo


class Interval(BaseModel):
    """A stretch of wall-clock time, in UTC."""

    model_config = ConfigDict(frozen=True)

    start: AwareDatetime
    end: AwareDatetime


class Gap(Interval):
    """A part of the window that is not recorded."""

    reason: GapReason


class Part(BaseModel):
    """A part of the window: `recorded` and `gaps` together tile `covers`."""

    model_config = ConfigDict(frozen=True)

    covers: Interval
    recorded: list[Interval]
    gaps: list[Gap]


class Manifest(Part):
    """What a finished file holds. Times that end in `_dts_ms` are those of the media's own clock."""

    manifest: Literal[1] = 1
    recording: str
    url: str
    stream: str
    format: Format
    file: str
    size_bytes: int
    duration_ms: int
    video_packets: int
    audio_packets: int
    keyframes: int
    media_bytes: int
    first_dts_ms: int
    last_dts_ms: int
    started_at: AwareDatetime
    tracks: list[TrackInfo]
    notes: list[str]
    """What was repaired or left out, in words."""
    recovered: bool = False
    """The process that recorded it did not live to finish it."""

    def event(self, path: str, at: datetime) -> FileFinished:
        """What its recording says of the file."""
        return FileFinished(
            at=at,
            recording=self.recording,
            format=self.format,
            path=path,
            size_bytes=self.size_bytes,
            duration_ms=self.duration_ms,
            video_packets=self.video_packets,
            audio_packets=self.audio_packets,
            first_dts_ms=self.first_dts_ms,
            last_dts_ms=self.last_dts_ms,
            started_at=self.started_at,
            recovered=self.recovered,
        )

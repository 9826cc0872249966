"""The one event vocabulary: what `--json` prints, workers report and callbacks are made of.

Each event is one JSON object with `event` (its name), `at` (UTC), `recording` (an id) and the fields of its
class. `EVENT` is the discriminated union; `EVENT.json_schema()` documents it.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from engine.media.codecs import Format

if TYPE_CHECKING:  # it loads the native module, which readers of events do not need
    from engine.media.track import Track

GapReason = Literal["not_live", "interrupted", "stalled", "storage", "process_down", "unsupported", "paused"]


class TrackInfo(BaseModel):
    """A track as people and programs read it."""

    model_config = ConfigDict(frozen=True)

    kind: Literal["video", "audio"]
    codec: str
    codec_string: str
    width: int | None = None
    height: int | None = None
    sample_rate: int | None = None
    channels: int | None = None

    @classmethod
    def of(cls, track: Track) -> TrackInfo:
        """The public face of a track."""
        label, text = track.codec.label, track.codec_string
        if track.is_video:
            return cls(kind="video", codec=label, codec_string=text, width=track.width, height=track.height)
        rate, channels = track.sample_rate, track.channels
        return cls(kind="audio", codec=label, codec_string=text, sample_rate=rate, channels=channels)


class _Event(BaseModel):
    model_config = ConfigDict(frozen=True)

    at: datetime
    recording: str


class Connecting(_Event):
    """The recorder dials the origin. `reason`: why the connection before this one ended."""

    event: Literal["connecting"] = "connecting"
    url: str
    attempt: int
    reason: str | None = None


class Live(_Event):
    """The first cut point was reached: media is recorded from here."""

    event: Literal["live"] = "live"
    tracks: list[TrackInfo]
    first_dts_ms: int


class Interrupted(_Event):
    """The live stream broke off or ended, and may return."""

    event: Literal["interrupted"] = "interrupted"
    reason: str


class Waiting(_Event):
    """The stream is waited for: it is dialled again at `next_try_at`, and for the last time at `until`."""

    event: Literal["waiting"] = "waiting"
    reason: str
    next_try_at: datetime
    until: datetime


class Progress(_Event):
    """A recording at a glance, for callers that ask for it. `bitrate_bps` is of the time since the event
    before this one; `queued_bytes` wait for the disk; `last_frame_age_ms` is null until media came."""

    event: Literal["progress"] = "progress"
    state: str
    media_ms: int
    wall_ms: int
    media_bytes: int
    bitrate_bps: int
    queued_bytes: int
    last_frame_age_ms: int | None


class SegmentOpened(_Event):
    """A file starts to grow; for HLS, a playlist with its segments."""

    event: Literal["segment_opened"] = "segment_opened"
    format: Format
    path: str


class SegmentClosed(_Event):
    """A file grows no more; for HLS, a playlist with its segments."""

    event: Literal["segment_closed"] = "segment_closed"
    format: Format
    path: str


class GapOpened(_Event):
    """From `start` on the window is not recorded: in one format, or in any."""

    event: Literal["gap_opened"] = "gap_opened"
    reason: GapReason
    start: datetime
    format: Format | None = None


class GapClosed(_Event):
    """The gap that was open ends. `at_end`: with the window, so that no media comes behind it."""

    event: Literal["gap_closed"] = "gap_closed"
    reason: GapReason
    start: datetime
    end: datetime
    format: Format | None = None
    at_end: bool = False


class CodecChanged(_Event):
    """The stream's tracks changed, or one appeared."""

    event: Literal["codec_changed"] = "codec_changed"
    tracks: list[TrackInfo]


class Warned(_Event):
    """Something was repaired, left out, or failed without ending the recording."""

    event: Literal["warning"] = "warning"
    code: str
    message: str
    format: Format | None = None


class FileFinished(_Event):
    """A file is final: flushed, renamed, its directory synced (S3). `recovered`: by another process than the
    one that recorded it, which did not live to do it."""

    event: Literal["file_finished"] = "file_finished"
    format: Format
    path: str
    size_bytes: int
    duration_ms: int
    video_packets: int
    audio_packets: int
    first_dts_ms: int
    last_dts_ms: int
    started_at: datetime
    recovered: bool = False


class Finished(_Event):
    """The recording ended as it should."""

    event: Literal["finished"] = "finished"
    reason: Literal["stopped", "duration", "stream_ended"]
    files: int
    gaps: int


class Failed(_Event):
    """The recording ended without doing what it was asked; files made until then are kept."""

    event: Literal["failed"] = "failed"
    code: str
    message: str
    exit_code: int
    files: int


Event = (
    Connecting
    | Live
    | Interrupted
    | Waiting
    | Progress
    | SegmentOpened
    | SegmentClosed
    | GapOpened
    | GapClosed
    | CodecChanged
    | Warned
    | FileFinished
    | Finished
    | Failed
)

EVENT: TypeAdapter[Event] = TypeAdapter(Annotated[Event, Field(discriminator="event")])
"""Validates and describes any event."""

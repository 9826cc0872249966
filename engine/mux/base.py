"""What a muxer is, what it writes into, and what it says about the work done.

The store gives a `Sink` (one growing file) or a `Folder` (an HLS playlist and its segments); a muxer never
opens a file itself. All calls of one muxer come from one thread at a time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal, Protocol

from engine._native import Pieces
from engine.media.batch import Batch
from engine.media.track import Track

Timestamps = Literal["original", "zero"]
Signalling = Literal["source", "enhanced", "legacy"]
HlsSegment = Literal["ts", "fmp4", "auto"]


class Sink(Protocol):
    """One growing file: append only, plus patch in place."""

    def write(self, data: bytes | Pieces, /) -> int:
        """Appends all of `data`; returns its length in bytes."""

    def patch(self, offset: int, data: bytes, /) -> None:
        """Overwrites bytes written earlier; never makes the file longer."""

    @property
    def size(self) -> int:
        """Bytes written so far."""


class Folder(Protocol):
    """An HLS recording: a playlist beside a folder of segments.

    Notes are what a recovery needs to list a segment (`engine.mux.playlist.SegmentNote` as JSON fields); a
    segment's note is kept before it grows, and again with what is known at its end.
    """

    def open(self, name: str, note: Mapping[str, object] | None = None, /) -> Sink:
        """A segment, growing under a temporary name."""

    def commit(self, sink: Sink, note: Mapping[str, object] | None = None, /) -> str:
        """Makes the segment whole on disk under its own name; returns the URI to list in the playlist."""

    def publish(self, playlist: str, /) -> None:
        """Replaces the m3u8 by rename."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MuxOptions:
    """How a file is written. MP4 and the audio-only formats always start at 0."""

    timestamps: Timestamps = "original"
    flv_signalling: Signalling = "source"
    headers: Sequence[Batch] = ()
    """CONFIG rows of the source, which start an FLV file (rule F3)."""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    """The source's onMetaData."""
    hls_segment: HlsSegment = "auto"
    hls_time_s: float = 6.0
    expected_duration_s: float | None = None
    """Sizes the keyframe index of FLV."""
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    """The wall clock of the first row, for PROGRAM-DATE-TIME."""


@dataclass(frozen=True, slots=True)
class Stats:
    """What a muxer has taken in so far. Times are the source's, in ms."""

    video_packets: int = 0
    audio_packets: int = 0
    script_tags: int = 0
    keyframes: int = 0
    media_bytes: int = 0
    first_dts_ms: int | None = None
    last_dts_ms: int | None = None
    duration_ms: int = 0
    """From the first frame's dts to the end of the last frame of any track."""
    end_ms: int | None = field(default=None, compare=False)
    """Where the last frame of any track ends, on the clock of the last section; recovery does not say."""
    shown_to_ms: int | None = field(default=None, compare=False)
    """When its last picture has been shown; likewise."""
    adjusted: int = 0
    """Frames whose time was moved because the container wants a rising clock: shared or falling dts,
    negative composition times."""
    refused: int = 0
    """Frames left out because FFmpeg cannot parse them."""
    late_segments: int = 0
    """Segments that found no keyframe to end at for much longer than they should last."""


class Muxer(Protocol):
    """Rows of a stream to the bytes of one file."""

    def write(self, batch: Batch, /) -> None:
        """Adds rows in stream order with unwrapped dts; rows of tracks the file does not hold are skipped.

        Raises:
            MuxError: FFmpeg refused, with its own words.
            StorageError: the sink cannot write.
        """

    def pause(self) -> None:
        """Writes what waits in memory, so that all there is can be played: nothing may come for a while.

        Raises:
            MuxError: as for `write`.
            StorageError: as for `write`.
        """

    def close(self) -> None:
        """Completes the file's bytes. A second call does nothing.

        Raises:
            MuxError: as for `write`.
            StorageError: as for `write`.
        """

    @property
    def stats(self) -> Stats:
        """Packets, bytes and times so far."""


class RestartableMuxer(Muxer, Protocol):
    """A muxer that can go on with other tracks in the same output: HLS."""

    def restart(self, tracks: Sequence[Track], started_at: datetime | None = None) -> None:
        """Ends the segment; what follows has these tracks, another clock and EXT-X-DISCONTINUITY.

        `started_at` is the wall clock of the next row; without it the old one continues.
        """

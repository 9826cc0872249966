"""HLS: a playlist of media segments, in MPEG-TS or fragmented MP4 (RFC 8216).

Nothing of one segment waits when the next begins, and each starts with its tables; timestamps, continuity
counters and fragment numbers go on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from engine._native import Pieces
from engine.errors import MuxError, StorageError
from engine.media.batch import Batch
from engine.media.codecs import Codec
from engine.media.track import Track
from engine.mux.base import Folder, HlsSegment, MuxOptions, Sink, Stats
from engine.mux.frames import (
    DISCONTINUITY,
    FIRST_AUDIO_CODEC,
    KEY,
    Frame,
    frames_of,
    is_held,
    rows_of,
    survey_of,
)
from engine.mux.playlist import Entry, Playlist, SegmentNote
from engine.mux.segments import Fragments, SegmentWriter, TransportPackets
from engine.mux.tally import Tally

_FMP4_CODECS = frozenset({Codec.H265, Codec.OPUS})  # in TS neither Apple's players nor hls.js read them
_LATE_FACTOR = 3  # so many times the wanted length without a keyframe to end a segment at is worth a word


@dataclass(slots=True)
class _Clock:
    """A stretch of the stream without a discontinuity: how its times are written and what o'clock it is."""

    origin_ms: int
    start_ms: int
    starts_at: datetime

    def wall(self, time_ms: int) -> datetime:
        return self.starts_at + timedelta(milliseconds=time_ms - self.start_ms)


@dataclass(slots=True)
class _Segment:
    """The segment being written."""

    sink: Sink
    note: SegmentNote
    late: bool = False

    @property
    def start_ms(self) -> int:
        return self.note.start_ms


class HlsMuxer:
    """Cuts a stream into segments at keyframes and keeps the playlist."""

    def __init__(self, tracks: Sequence[Track], folder: Folder, options: MuxOptions) -> None:
        self._folder = folder
        self._fragmented = _is_fragmented(options.hls_segment, tracks)
        self._segment_ms = round(options.hls_time_s * 1000)
        self._from_zero = options.timestamps == "zero"
        self._playlist = Playlist(options.hls_time_s)
        self._tally = Tally()
        self._writer: SegmentWriter = (
            Fragments(self._tally) if self._fragmented else TransportPackets(self._tally)
        )
        self._map_uris: dict[bytes, str] = {}
        self._sequence = 0
        self._written_to_ms = self._shown_to_ms = 0  # on the written clock
        self._next_starts_at = options.started_at
        self._breaks = False
        self._goes_on = False
        self._clock: _Clock | None = None
        self._segment: _Segment | None = None
        self._closed = False
        self._use(tracks)

    def _use(self, tracks: Sequence[Track]) -> None:
        self._codecs = frozenset(int(track.codec) for track in tracks)
        self._cut_at_video = any(track.is_video for track in tracks)
        self._writer.use(tracks)

    def write(self, batch: Batch) -> None:
        """Adds frames; segments that end among them are committed and listed."""
        if self._closed:
            raise MuxError("the playlist has ended")
        if self._is_one_piece(batch):
            self._add(batch)
            return
        survey = survey_of(batch, self._codecs)
        if survey is not None and self._segment is not None and self._cut_at_video:
            self._add_plain(batch, survey.keys, self._segment.start_ms)
            return
        start = 0
        begun_ms = self._segment.start_ms if self._segment else None
        for row, frame in enumerate(rows_of(batch)):
            if not is_held(frame, self._codecs):
                continue
            begun_ms = frame[0] if begun_ms is None else begun_ms
            if frame[5] & DISCONTINUITY:
                self._add(batch.rows(slice(start, row)))
                self._break_clock(None)
            elif self._may_cut(frame) and frame[0] - begun_ms >= self._segment_ms:
                self._add(batch.rows(slice(start, row)))
                self._end_segment(frame[0])
            else:
                continue
            start, begun_ms = row, frame[0]
        self._add(batch.rows(slice(start, None)))

    def _add_plain(self, batch: Batch, keys: Sequence[tuple[int, int]], begun_ms: int) -> None:
        """A plain batch, cut at those of its keyframes that end a segment."""
        start = 0
        for row, dts_ms in keys:
            if dts_ms - begun_ms >= self._segment_ms:
                self._add(batch.part(start, row))
                self._end_segment(dts_ms)
                start, begun_ms = row, dts_ms
        self._add(batch.part(start, len(batch)) if start else batch)

    def _is_one_piece(self, batch: Batch) -> bool:
        """The batch is plain, and no segment ends in it."""
        survey = survey_of(batch, self._codecs)
        if survey is None or self._segment is None:
            return False
        lead = survey.video if self._cut_at_video else survey.audio
        if lead is None:
            return True
        begun_ms = (lead.last_key_ms or 0) - self._segment.start_ms
        return lead.least_step_ms >= 0 and begun_ms < self._segment_ms

    def _may_cut(self, frame: Frame) -> bool:
        return bool(frame[5] & KEY) and (frame[4] < FIRST_AUDIO_CODEC) == self._cut_at_video

    def _add(self, batch: Batch) -> None:
        if self._clock is None or self._segment is None:
            # Behind a cut a plain batch begins with the keyframe, which says all.
            frames = frames_of(batch if batch.survey is None else batch.rows(slice(1)), self._codecs)
            if not frames:
                return
            self._clock = self._clock or self._start_clock(frames)
            self._segment = self._start_segment(frames, self._clock)
        segment = self._segment
        self._put(self._writer.mux(batch, self._clock.origin_ms))
        self._tally.take(batch, self._codecs)
        end_ms = self._tally.end_ms() or 0
        if not segment.late and end_ms - segment.start_ms > _LATE_FACTOR * self._segment_ms:
            segment.late = True
            self._tally.late_segments += 1

    def _start_clock(self, frames: list[Frame]) -> _Clock:
        first_ms = min(frame[0] for frame in frames)
        origin_ms = 0
        if self._from_zero or self._goes_on:  # after a break the written clock goes on where it was
            leads_ms = next((frame[1] for frame in frames if frame[4] < FIRST_AUDIO_CODEC), 0)
            origin_ms = first_ms - max(self._written_to_ms, self._shown_to_ms - leads_ms)
        elif self._fragmented:  # tfdt has no sign
            origin_ms = min(first_ms, 0)
        return _Clock(origin_ms, frames[0][0], self._next_starts_at)

    def _start_segment(self, frames: list[Frame], clock: _Clock) -> _Segment:
        self._writer.begin()
        video = next((frame for frame in frames if frame[4] < FIRST_AUDIO_CODEC), None)
        independent = video is None or bool(video[5] & KEY)
        self._playlist.independent &= independent
        start_ms = frames[0][0]
        note = SegmentNote(
            f"{self._sequence:05d}.{self._writer.suffix}",
            clock.wall(start_ms),
            start_ms,
            clock.origin_ms,
            self._breaks,
            self._map(self._writer.head) if self._writer.head else None,
            independent,
        )
        sink = self._folder.open(note.name, note.fields())
        self._breaks = False
        self._sequence += 1
        return _Segment(sink, note)

    def _map(self, head: bytes) -> str:
        """The URI of an initialization section; written once."""
        uri = self._map_uris.get(head)
        if uri is None:
            sink = self._folder.open(f"init-{len(self._map_uris)}.mp4")
            sink.write(head)
            uri = self._map_uris[head] = self._folder.commit(sink)
        return uri

    def _put(self, data: bytes | Pieces) -> None:
        if data and self._segment is not None:
            self._segment.sink.write(data)

    def _end_segment(self, next_ms: int | None) -> None:
        """Commits and lists the open segment; `next_ms` is the dts that follows on the same clock.

        What was written of a segment is kept even when its last bytes cannot be: when the disk refuses them,
        as it is, for recovery to count what of it is there.
        """
        segment = self._segment
        if segment is None:
            return
        is_whole = True
        try:
            self._put(self._writer.finish())
        except StorageError:
            is_whole = False
            raise
        finally:
            self._segment = None
            if is_whole and segment.sink.size:
                self._list(segment, next_ms)

    def _list(self, segment: _Segment, next_ms: int | None) -> None:
        end_ms = self._tally.end_ms() if next_ms is None else next_ms
        duration_ms = max(0 if end_ms is None else end_ms - segment.start_ms, 0)
        note = segment.note.whole(duration_ms, segment.sink.size, self._tally.snapshot())
        uri = self._folder.commit(segment.sink, note.fields())
        self._playlist.append(Entry(uri, duration_ms, note.starts_at, note.discontinuity, note.map_uri))
        self._folder.publish(self._playlist.render(ended=False))

    def _break_clock(self, next_starts_at: datetime | None) -> None:
        self._end_segment(None)
        clock, end_ms = self._clock, self._tally.end_ms()
        if clock is not None and end_ms is not None:
            self._written_to_ms = end_ms - clock.origin_ms
            shown_ms = end_ms if self._tally.shown_ms is None else self._tally.shown_ms
            self._shown_to_ms = shown_ms + self._tally.video_frame_ms - clock.origin_ms
            self._next_starts_at = clock.wall(end_ms)
        if next_starts_at is not None:  # the wall clock of what came before may have been late
            self._next_starts_at = max(next_starts_at, self._next_starts_at)
        self._clock = None
        self._breaks = self._sequence > 0
        self._tally.discontinuity()

    def pause(self) -> None:
        """Ends the segment and lists it: nothing may come for a while."""
        self._end_segment(None)

    def restart(self, tracks: Sequence[Track], started_at: datetime | None = None) -> None:
        """Ends the segment; what follows has these tracks, another clock and EXT-X-DISCONTINUITY.

        The kind of segments stays: a playlist cannot go back from fragmented MP4 to TS. Another push
        (`started_at` is given) has a clock that says nothing beside the one before it: it is written from
        where that ended, so that players that know no discontinuities play it too.
        """
        if self._closed:
            raise MuxError("the playlist has ended")
        self._break_clock(started_at)
        self._goes_on = self._goes_on or started_at is not None
        self._use(tracks)

    def close(self) -> None:
        """Lists the last segment and ends the playlist. Nothing is published for a stream of no frames."""
        if self._closed:
            return
        self._closed = True
        try:
            self._end_segment(None)
        finally:
            if len(self._playlist):
                self._folder.publish(self._playlist.render(ended=True))

    @property
    def stats(self) -> Stats:
        """Packets, bytes and times so far."""
        return self._tally.stats()


def _is_fragmented(wanted: HlsSegment, tracks: Sequence[Track]) -> bool:
    if wanted == "auto":
        return any(track.codec in _FMP4_CODECS for track in tracks)
    return wanted == "fmp4"

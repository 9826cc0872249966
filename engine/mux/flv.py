"""FLV, tag-exact: the source's tags with their payloads unchanged, and a completed onMetaData."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from engine import _native
from engine.errors import MuxError
from engine.media.batch import TAG, Batch, Flag, Kind, Role
from engine.media.track import Track
from engine.mux.base import MuxOptions, Sink, Stats
from engine.mux.onmetadata import SCRIPT_PREFIX, Completion, KeyframeIndex, index_slots
from engine.mux.tally import Tally

_TAG_HEADER_BYTES = 11


class FlvMuxer:
    """Rows to FLV tags.

    The file starts, once the first row comes, with onMetaData and the decoder configurations, all at the
    first row's time (rule F3). The source's own onMetaData is replaced by that; other script tags stay.
    """

    def __init__(self, tracks: Sequence[Track], sink: Sink, options: MuxOptions) -> None:
        self._sink = sink
        self._signalling = options.flv_signalling
        self._from_zero = options.timestamps == "zero"
        self._headers = options.headers
        has_video = any(track.is_video for track in tracks)
        has_audio = any(not track.is_video for track in tracks)
        self._kinds = [Kind.SCRIPT] + [Kind.VIDEO] * has_video + [Kind.AUDIO] * has_audio
        self._index = KeyframeIndex(index_slots(options.expected_duration_s))
        self._metadata = Completion(has_video, has_audio, self._index, source=options.metadata)
        self._metadata_bytes = 0
        self._metadata_offset = 0
        self._tally = Tally()
        self._started = False
        self._closed = False
        self._shift_ms = 0
        self._last_keyframe_ms: int | None = None
        self._last_video_ms: int | None = None
        self._repeated: list[bytes] = []

    def write(self, batch: Batch) -> None:
        """Adds tags: everything of the file's tracks, private extensions included."""
        if self._closed:
            raise MuxError("the file is closed")
        tags = batch.tags
        held = batch.rows(np.isin(tags["kind"], self._kinds) & ~self._is_metadata(batch))
        if not len(held):
            return
        if not self._started:
            self._start(int(held.tags["dts"][0]))
        held = self._without_repeated_headers(held)
        self._tally.add(held)
        self._put(held)

    @staticmethod
    def _is_metadata(batch: Batch) -> npt.NDArray[np.bool_]:
        found = np.zeros(len(batch), dtype=np.bool_)
        for row in np.flatnonzero(batch.tags["kind"] == Kind.SCRIPT).tolist():
            found[row] = batch.body(row).startswith(SCRIPT_PREFIX)
        return found

    def _start(self, first_ms: int) -> None:
        self._started = True
        self._shift_ms = first_ms if self._from_zero else 0
        self._sink.write(_native.flv_header(self._metadata.has_audio, self._metadata.has_video))
        body = self._metadata.script_body()
        self._metadata_offset = self._sink.size + _TAG_HEADER_BYTES
        self._metadata_bytes = len(body)
        self._put(_script_row(body, first_ms))
        for header in self._headers:
            wanted = header.rows(np.isin(header.tags["kind"], self._kinds))
            tags = wanted.tags.copy()
            tags["dts"] = first_ms
            self._repeated += [wanted.body(row) for row in range(len(wanted))]
            self._put(Batch(wanted.arena, tags))

    def _without_repeated_headers(self, batch: Batch) -> Batch:
        """Leaves out, before the first frame, configurations equal to those the file starts with."""
        if not self._repeated:
            return batch
        keep = np.ones(len(batch), dtype=np.bool_)
        for row in np.flatnonzero(np.isin(batch.tags["role"], (Role.CONFIG, Role.FRAME))).tolist():
            if batch.tags["role"][row] == Role.FRAME:
                self._repeated.clear()
                break
            keep[row] = batch.body(row) not in self._repeated
        return batch.rows(keep)

    def _put(self, batch: Batch) -> None:
        if not len(batch):
            return
        try:
            data, starts = _native.flv_tags(
                batch.arena, batch.tags.tobytes(), self._shift_ms, self._signalling
            )
        except ValueError as error:
            raise MuxError(f"flv: {error}") from error
        base = self._sink.size
        self._sink.write(data)
        self._note_keyframes(batch.tags, np.frombuffer(starts, dtype=np.uint32), base)

    def _note_keyframes(self, tags: npt.NDArray[np.void], starts: npt.NDArray[np.uint32], base: int) -> None:
        video = np.flatnonzero((tags["kind"] == Kind.VIDEO) & (tags["role"] == Role.FRAME))
        for row in video[tags["flags"][video] & Flag.KEY != 0].tolist():
            self._last_keyframe_ms = int(tags["dts"][row]) - self._shift_ms
            self._index.add(self._last_keyframe_ms, base + int(starts[row]))
        if len(video):
            self._last_video_ms = int(tags["dts"][video[-1]]) - self._shift_ms

    def close(self) -> None:
        """Completes onMetaData. A file of no rows stays empty.

        Raises:
            StorageError: the sink cannot be patched.
        """
        if self._closed:
            return
        self._closed = True
        if not self._started:
            return
        stats = self._tally.stats()
        metadata = self._metadata
        metadata.duration_s = stats.duration_ms / 1000
        metadata.file_bytes = self._sink.size
        if stats.last_dts_ms is not None:
            metadata.last_timestamp_s = (stats.last_dts_ms - self._shift_ms) / 1000
        if self._last_keyframe_ms is not None:
            metadata.last_keyframe_s = self._last_keyframe_ms / 1000
            metadata.has_keyframes = True
            metadata.can_seek_to_end = self._last_keyframe_ms == self._last_video_ms
        body = metadata.script_body()
        if len(body) != self._metadata_bytes:
            raise MuxError(f"onMetaData changed its length from {self._metadata_bytes} to {len(body)} bytes")
        self._sink.patch(self._metadata_offset, body)

    @property
    def stats(self) -> Stats:
        """Packets, bytes and times so far."""
        return self._tally.stats()


def _script_row(body: bytes, time_ms: int) -> Batch:
    tags = np.zeros(1, dtype=TAG)
    tags["dts"], tags["timestamp"] = time_ms, time_ms & 0xFFFFFFFF
    tags["size"] = tags["media_size"] = len(body)
    tags["kind"], tags["role"] = Kind.SCRIPT, Role.SCRIPT
    return Batch(body, tags)

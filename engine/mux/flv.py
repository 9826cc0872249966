"""FLV, tag-exact: the source's tags with their payloads unchanged, and a completed onMetaData."""

from __future__ import annotations

import struct
from collections.abc import Sequence

import numpy as np

from engine import _native
from engine.errors import MuxError
from engine.media.batch import TAG, Batch, Flag, Kind, Role
from engine.media.codecs import Codec
from engine.media.track import Track
from engine.mux.base import MuxOptions, Sink, Stats
from engine.mux.onmetadata import SCRIPT_PREFIX, Completion, KeyframeIndex, index_slots, source_claims
from engine.mux.tally import Tally

_TAG_HEADER_BYTES = 11
_OPUS_SEQUENCE_START = b"\x90Opus"


class FlvMuxer:
    """Rows to FLV tags.

    The file starts, once the first row comes, with onMetaData, at time 0, and the decoder configurations, at
    the first row's time (rule F3). The source's own onMetaData is replaced; other script tags stay.
    """

    def __init__(self, tracks: Sequence[Track], sink: Sink, options: MuxOptions) -> None:
        self._sink = sink
        self._signalling = options.flv_signalling
        self._from_zero = options.timestamps == "zero"
        self._headers = options.headers
        self._bare_opus = None
        if self._signalling == "enhanced":
            self._bare_opus = next((t for t in tracks if t.codec is Codec.OPUS and not t.config), None)
        has_video = any(track.is_video for track in tracks)
        has_audio = any(not track.is_video for track in tracks)
        self._kinds = {int(Kind.SCRIPT)}
        if has_video:
            self._kinds.add(int(Kind.VIDEO))
        if has_audio:
            self._kinds.add(int(Kind.AUDIO))
        index = KeyframeIndex(index_slots(options.expected_duration_s))
        claims = source_claims(options.metadata, tracks, options.flv_signalling)
        self._metadata = Completion(has_video, has_audio, index, source=claims)
        self._metadata_bytes = 0
        self._metadata_offset = 0
        self._tally = Tally()
        self._started = False
        self._closed = False
        self._shift_ms = 0
        self._repeated: list[bytes] = []

    def write(self, batch: Batch) -> None:
        """Adds tags: everything of the file's tracks, private extensions included."""
        if self._closed:
            raise MuxError("the file is closed")
        survey = batch.survey
        all_wanted = survey and self._started and not self._repeated and self._kinds.issuperset(survey.codecs)
        held = batch if all_wanted else self._wanted(batch)
        self._put(held)
        if self._tally.take(held):
            self._repeated.clear()

    def _wanted(self, batch: Batch) -> Batch:
        """The rows the file holds: of its tracks, but no onMetaData, and before the first frame no
        configuration that the file starts with. The first such row starts the file."""
        left_out = []
        columns = zip(*(batch.tags[name].tolist() for name in ("kind", "role", "dts")), strict=True)
        before_frames = True
        for row, (kind, role, dts_ms) in enumerate(columns):
            if kind not in self._kinds or (kind == Kind.SCRIPT and batch.body(row).startswith(SCRIPT_PREFIX)):
                left_out.append(row)
                continue
            if not self._started:
                self._start(dts_ms)
            before_frames = before_frames and role != Role.FRAME
            if self._repeated and before_frames and role == Role.CONFIG and batch.body(row) in self._repeated:
                left_out.append(row)
            elif kind == Kind.SCRIPT:
                self._tally.script_tags += 1
        return batch.rows(np.delete(np.arange(len(batch)), left_out)) if left_out else batch

    def _start(self, first_ms: int) -> None:
        self._started = True
        self._shift_ms = first_ms if self._from_zero else 0
        self._sink.write(_native.flv_header(self._metadata.has_audio, self._metadata.has_video))
        body = self._metadata.script_body()
        self._metadata_offset = self._sink.size + _TAG_HEADER_BYTES
        self._metadata_bytes = len(body)
        self._put(_script_row(body, self._shift_ms))  # at 0: elsewhere FFmpeg takes it for subtitles
        for header in self._headers:
            wanted = header.rows(np.isin(header.tags["kind"], list(self._kinds)))
            tags = wanted.tags.copy()
            tags["dts"] = first_ms
            self._repeated += [wanted.body(row) for row in range(len(wanted))]
            self._put(Batch(wanted.arena, tags))
        if self._bare_opus is not None:
            self._put(_opus_head_row(self._bare_opus, first_ms))

    def _put(self, batch: Batch) -> None:
        table = batch.table
        if not table:
            return
        arguments = (batch.arena, table, self._shift_ms, self._signalling)
        try:
            data, starts = _native.flv_parts(*arguments) or _native.flv_tags(*arguments)
        except ValueError as error:
            raise MuxError(f"flv: {error}") from error
        begin = self._sink.size
        self._sink.write(data)
        self._metadata.note(batch, begin, memoryview(starts).cast("I"), self._shift_ms)

    def pause(self) -> None:
        """Nothing waits to be written."""

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
        body = self._metadata.complete(self._tally.stats(), self._sink.size, self._shift_ms)
        if len(body) != self._metadata_bytes:
            raise MuxError(f"onMetaData changed its length from {self._metadata_bytes} to {len(body)} bytes")
        self._sink.patch(self._metadata_offset, body)
        self._sink.patch(0, _native.flv_header(self._metadata.has_audio, self._metadata.has_video))

    @property
    def stats(self) -> Stats:
        """Packets, bytes and times so far."""
        return self._tally.stats()


def _script_row(body: bytes, time_ms: int) -> Batch:
    return _row(body, time_ms, Kind.SCRIPT, Role.SCRIPT)


def _opus_head_row(track: Track, time_ms: int) -> Batch:
    """The sequence start of Opus that came as sound format 13, which has none; its FourCC form needs it.
    OpusHead is that of RFC 7845 section 5.1, saying no more than the frames do."""
    head = struct.pack("<8sBBHIhB", b"OpusHead", 1, track.channels, 0, track.sample_rate, 0, 0)
    row = _row(_OPUS_SEQUENCE_START + head, time_ms, Kind.AUDIO, Role.CONFIG)
    row.tags["codec"], row.tags["flags"] = Codec.OPUS, Flag.KEY | Flag.ENHANCED
    return row


def _row(body: bytes, time_ms: int, kind: Kind, role: Role) -> Batch:
    tags = np.zeros(1, dtype=TAG)
    tags["dts"], tags["timestamp"] = time_ms, time_ms & 0xFFFFFFFF
    tags["size"] = tags["media_size"] = len(body)
    tags["kind"], tags["role"] = kind, role
    return Batch(body, tags)

"""FLV: cut to the last whole tag, onMetaData completed in place."""

from __future__ import annotations

from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from engine import _native
from engine.errors import MalformedConfig, MalformedFlv, NothingRecorded, from_fault
from engine.media.batch import Batch, Kind, Role
from engine.media.codecs import Codec
from engine.media.events import TrackInfo
from engine.media.track import Track
from engine.mux.base import Stats
from engine.mux.onmetadata import SCRIPT_PREFIX, Completion, read_ours
from engine.mux.recover import tear
from engine.mux.recover.report import Recovered, on_source_clock
from engine.mux.tally import Tally

_FRAMING_BYTES = 15  # a tag's header and the PreviousTagSize behind it
_TAG_HEADER_BYTES = 11
_LARGEST_TAG_BYTES = (16 << 20) + _FRAMING_BYTES
_SELF_CONTAINED = (Codec.MP3, Codec.OPUS)
_NEGATIVE_FROM = (1 << 32) - 60_000  # timestamps are signed: a file may begin a little below zero
_NEAR_MS = 10_000
_MOST_PLACES = 16


def recover_flv(path: Path, first_dts_ms: int | None, grown: bool) -> Recovered:
    """Makes a file end with its last whole tag and say its duration, size and keyframes.

    What was written by `FlvMuxer` becomes what its `close` would have made of the same tags. In another
    program's onMetaData, the numbers `duration` and `filesize` are corrected where they stand.
    """
    with tear.opened(path) as file:
        scan = _Scan(first_dts_ms)
        end = _read(path, file, scan, grown)
        stats = scan.tally.stats()
        if not (stats.video_packets or stats.audio_packets):
            raise NothingRecorded(f"{path}: no whole audio or video tag in its {tear.size_of(file)} bytes")
        moved = on_source_clock(stats, first_dts_ms) if scan.from_zero else stats
        report = Recovered(moved, end, tracks=scan.tracks())
        report.problems += scan.problems
        report.cut_bytes = tear.cut(file, end)
        _complete(file, scan, stats, report)
    return report


def _read(path: Path, file: BinaryIO, scan: _Scan, grown: bool) -> int:
    """Where the last whole tag ends.

    Raises:
        NotFlv: the file is something else.
        MalformedFlv: it is damaged otherwise than a crash does it.
    """
    reader = _native.FlvReader(strict=True)
    size = tear.size_of(file)
    for piece in tear.pieces(file, size):
        reader.feed(piece)
        scan.take(reader.take(), reader.consumed_bytes)
        if reader.fault is not None:
            break
    fault, end = reader.fault, reader.consumed_bytes
    if fault is None:
        return end
    if not end:
        raise from_fault(fault, str(path))
    torn = grown or (tear.data_end(file) < size and tear.data_end(file) - end <= _LARGEST_TAG_BYTES)
    if not torn:
        raise MalformedFlv(f"{path}: damaged inside, left as it is: {fault[1]}")
    return end


class _Scan:
    """The tags of a file so far."""

    def __init__(self, first_dts_ms: int | None) -> None:
        self.tally = Tally()
        self.script: bytes | None = None
        """The body of the first tag when it is onMetaData."""
        self.script_offset = 0
        self.metadata: Completion | None = None
        self.problems: list[str] = []
        self.from_zero = False
        """Its first audio or video tag stands at 0."""
        self._first_dts_ms = first_dts_ms
        self._wire: tuple[int, int] | None = None
        self._begun = False
        self._tracks: dict[Kind, Track] = {}

    def take(self, taken: tuple[bytes, bytes] | None, end: int) -> None:
        """Takes what the reader gave; its last tag ends at byte `end`."""
        if taken is None:
            return
        batch = Batch.from_native(taken)
        sizes = batch.tags["size"].astype(np.int64) + _FRAMING_BYTES
        positions = end - np.cumsum(sizes[::-1])[::-1]
        self._read_scripts(batch, int(positions[0]))
        self._place(batch)
        self._read_tracks(batch)
        self.tally.take(batch)
        if self.metadata is not None:
            self.metadata.note(batch, 0, positions.tolist(), 0)

    def _read_scripts(self, batch: Batch, position: int) -> None:
        for row in np.flatnonzero(batch.tags["kind"] == Kind.SCRIPT).tolist():
            body = batch.body(row)
            if not body.startswith(SCRIPT_PREFIX):
                self.tally.script_tags += 1
            elif row == 0 and not self._begun:
                self.script, self.script_offset = body, position + _TAG_HEADER_BYTES
                self.metadata = read_ours(body)
        self._begun = True

    def _place(self, batch: Batch) -> None:
        """Unwraps timestamps. onMetaData stands at 0 in any file, so script tags say nothing of the clock."""
        rows = np.flatnonzero(batch.tags["kind"] != Kind.SCRIPT)
        if not len(rows):
            return
        wire: npt.NDArray[np.uint32] = batch.tags["timestamp"][rows]
        if self._wire is None:
            self.from_zero = not wire[0]
            self._wire = int(wire[0]), self._start_ms(int(wire[0]))
        last_wire, last_ms = self._wire
        steps = np.diff(wire, prepend=np.uint32(last_wire)).view(np.int32)
        dts_ms = last_ms + np.cumsum(steps, dtype=np.int64)
        batch.tags["dts"][rows] = dts_ms
        self._wire = int(wire[-1]), int(dts_ms[-1])

    def _start_ms(self, wire: int) -> int:
        if self._first_dts_ms is not None and wire:
            step = (wire - self._first_dts_ms + (1 << 31)) % (1 << 32) - (1 << 31)
            if abs(step) <= _NEAR_MS:
                return self._first_dts_ms + step
        return wire - (1 << 32) * (wire >= _NEGATIVE_FROM)

    def _read_tracks(self, batch: Batch) -> None:
        """The first configuration of each kind, or the first frame of a codec that has none."""
        tags = batch.tags
        tells = (tags["role"] == Role.FRAME) & np.isin(tags["codec"], _SELF_CONTAINED)
        tells |= tags["role"] == Role.CONFIG
        for kind in {Kind.VIDEO, Kind.AUDIO} - self._tracks.keys():
            rows = np.flatnonzero(tells & (tags["kind"] == kind))
            if len(rows):
                self._tracks[kind] = self._track(batch, int(rows[0]))

    def _track(self, batch: Batch, row: int) -> Track:
        codec, media = Codec.of(int(batch.tags["codec"][row])), batch.media(row)
        try:
            if batch.tags["role"][row] == Role.CONFIG:
                return Track.from_config(codec, media)
            return Track.from_first_frame(codec, media)
        except MalformedConfig as error:
            self.problems.append(str(error))
            return Track(codec)

    def tracks(self) -> tuple[TrackInfo, ...]:
        """Video, then audio."""
        return tuple(
            TrackInfo.of(self._tracks[kind]) for kind in (Kind.VIDEO, Kind.AUDIO) if kind in self._tracks
        )


def _complete(file: BinaryIO, scan: _Scan, stats: Stats, report: Recovered) -> None:
    if scan.metadata is not None:
        tear.patch(file, scan.script_offset, scan.metadata.complete(stats, report.size_bytes, 0))
        tear.patch(file, 0, _native.flv_header(scan.metadata.has_audio, scan.metadata.has_video))
        return
    said = _decoded(scan.script)
    if said is None or not {"duration", "filesize"} & said.keys():
        if report.cut_bytes:
            report.problems.append("it has no onMetaData that says a duration or a size")
        return
    body = scan.script or b""
    if not report.cut_bytes and _is_right(said, stats, report.size_bytes):
        return
    for key, value in (("duration", stats.duration_ms / 1000), ("filesize", float(report.size_bytes))):
        if key in said:
            changed = _with_number(body, key, value)
            if changed is None:
                report.problems.append(f"onMetaData's {key} is not a number that can be corrected")
            body = changed or body
    if report.cut_bytes and "keyframes" in said:
        report.problems.append("onMetaData's keyframe index is another program's and may reach past the end")
    tear.patch(file, scan.script_offset, body)


def _decoded(body: bytes | None) -> dict[str, Any] | None:
    try:
        values = _native.amf0_decode(body or b"")
    except ValueError:
        return None
    return values[1] if len(values) > 1 and isinstance(values[1], dict) else None


def _is_right(said: dict[str, Any], stats: Stats, size_bytes: int) -> bool:
    """Whether another program completed its onMetaData: durations are counted in several ways."""
    duration_s, file_bytes = said.get("duration"), said.get("filesize")
    return (file_bytes is None or file_bytes == size_bytes) and (
        duration_s is None
        or (isinstance(duration_s, float) and abs(duration_s * 1000 - stats.duration_ms) <= 1000)
    )


def _with_number(body: bytes, key: str, value: float) -> bytes | None:
    """The body with another number under a key of its object; None when there is no such place.

    The key's bytes may also stand inside a text: what counts is that reading gives the new number and that
    all else stays.
    """
    name = key.encode()
    marker = len(name).to_bytes(2, "big") + name + b"\0"
    number = _native.amf0_encode([value])[1:]
    before = _decoded(body)
    at = -1
    for _ in range(_MOST_PLACES):
        at = body.find(marker, at + 1)
        if at < 0 or at + len(marker) + len(number) > len(body):
            return None
        start = at + len(marker)
        changed = body[:start] + number + body[start + len(number) :]
        if before is not None and _decoded(changed) == {**before, key: value}:
            return changed
    return None

"""FLV files, read back through the native reader in pieces."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from engine import _native
from engine.errors import MalformedConfig
from engine.media.batch import Batch, Flag, Kind, Role
from engine.media.codecs import Codec
from engine.media.track import Track
from engine.mux.onmetadata import SCRIPT_PREFIX
from engine.mux.probe.report import Meter, Meters, Report, TrackReport

_PIECE_BYTES = 1 << 20
_KINDS = {Kind.VIDEO: "video", Kind.AUDIO: "audio"}
_SELF_CONTAINED = (Codec.MP3, Codec.OPUS)  # playable without a configuration tag


def probe_flv(path: Path, report: Report) -> None:
    """Reads every tag; constant memory."""
    report.container = "FLV"
    reader = _native.FlvReader()
    reading = _FlvReading(report)
    with path.open("rb") as file:
        while reader.fault is None and (piece := file.read(_PIECE_BYTES)):
            reader.feed(piece)
            reading.take(reader.take())
    if reader.fault is None:
        reader.finish()
        reading.take(reader.take())
    if reader.fault is not None:
        report.damage(f"after byte {reader.consumed_bytes}: {reader.fault[1]}")
    reading.finish()


class _FlvReading:
    """The tags of one file so far."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._meters = Meters(report)
        self._of_kind: dict[Kind, Meter] = {}
        self._codecs: dict[Kind, int] = {}
        self._tracks: dict[Kind, Track] = {}
        self._metadata: dict[str, Any] | None = None
        self._wire: tuple[int, int] | None = None

    def take(self, taken: tuple[bytes, bytes] | None) -> None:
        """Measures what the reader gave."""
        if taken is None:
            return
        batch = Batch.from_native(taken)
        times_ms = self._unwrap(batch.tags["timestamp"])
        self._read_scripts(batch)
        self._read_configurations(batch, times_ms)
        for kind in _KINDS:
            rows = np.flatnonzero((batch.tags["kind"] == kind) & (batch.tags["role"] == Role.FRAME))
            if len(rows):
                self._measure(kind, batch, rows, times_ms[rows])

    def _unwrap(self, timestamps: npt.NDArray[np.uint32]) -> npt.NDArray[np.float64]:
        """32-bit milliseconds to a clock that goes on, each taken as the nearest to the one before."""
        wire, time_ms = self._wire or (int(timestamps[0]), int(timestamps[0]))
        steps = np.diff(timestamps, prepend=np.uint32(wire)).astype(np.int32).astype(np.int64)
        times_ms = time_ms + np.cumsum(steps)
        self._wire = int(timestamps[-1]), int(times_ms[-1])
        return times_ms.astype(np.float64)

    def _read_scripts(self, batch: Batch) -> None:
        for row in np.flatnonzero(batch.tags["kind"] == Kind.SCRIPT).tolist():
            body = batch.body(row)
            if self._metadata is not None or not body.startswith(SCRIPT_PREFIX):
                continue
            try:
                values = _native.amf0_decode(body)
            except ValueError as error:
                self._report.damage(f"onMetaData: {error}")
                values = []
            self._metadata = values[1] if len(values) > 1 and isinstance(values[1], dict) else {}

    def _read_configurations(self, batch: Batch, times_ms: npt.NDArray[np.float64]) -> None:
        for row in np.flatnonzero(batch.tags["role"] == Role.CONFIG).tolist():
            kind = Kind(int(batch.tags["kind"][row]))
            codec = Codec.of(int(batch.tags["codec"][row]))
            try:
                track = Track.from_config(codec, batch.media(row))
            except MalformedConfig as error:
                self._report.damage(f"at {times_ms[row]:.0f} ms: {error}")
                continue
            known = self._tracks.setdefault(kind, track)
            if known != track:
                self._tracks[kind] = track
                self._report.anomaly(f"{_KINDS[kind]} configuration changes at {times_ms[row]:.0f} ms")

    def _measure(
        self, kind: Kind, batch: Batch, rows: npt.NDArray[np.intp], times_ms: npt.NDArray[np.float64]
    ) -> None:
        tags = batch.tags[rows]
        keys = tags["flags"] & Flag.KEY != 0
        meter = self._of_kind.get(kind)
        if meter is None:
            meter = self._first_frame(kind, batch, int(rows[0]), bool(keys[0]))
        for codec in set(np.unique(tags["codec"]).tolist()) - {self._codecs[kind]}:
            self._report.anomaly(f"{_KINDS[kind]} changes its codec to {Codec.of(codec).label}")
        meter.add(times_ms, keys, int(tags["media_size"].sum(dtype=np.int64)))

    def _first_frame(self, kind: Kind, batch: Batch, row: int, key: bool) -> Meter:
        codec = Codec.of(int(batch.tags["codec"][row]))
        track = self._tracks.get(kind)
        if track is None and codec in _SELF_CONTAINED:
            try:
                track = Track.from_first_frame(codec, batch.media(row))
            except MalformedConfig as error:
                self._report.damage(f"first {_KINDS[kind]} packet: {error}")
        elif track is None:
            self._report.damage(f"{_KINDS[kind]} has no decoder configuration before its first packet")
        if kind is Kind.VIDEO and not key:
            self._report.anomaly("video does not start with a keyframe")
        track = track or Track(codec)
        self._codecs[kind] = int(codec)
        self._of_kind[kind] = self._meters.new(
            TrackReport(
                _KINDS[kind],
                codec.label,
                track.codec_string,
                track.width,
                track.height,
                track.sample_rate,
                track.channels,
            )
        )
        return self._of_kind[kind]

    def finish(self) -> None:
        """Compares what onMetaData says with what was found."""
        self._meters.finish()
        report = self._report
        if not report.tracks:
            report.damage("no audio or video in it")
            return
        metadata = self._metadata
        if metadata is None:
            report.anomaly("no onMetaData")
            return
        frame_ms = max(track.frame_ms for track in report.tracks)
        duration_s, file_bytes = metadata.get("duration"), metadata.get("filesize")
        if isinstance(duration_s, float) and abs(duration_s * 1000 - report.duration_ms) > frame_ms + 1:
            report.anomaly(
                f"onMetaData says {duration_s:.3f} s, the packets {report.duration_ms / 1000:.3f} s"
            )
        if isinstance(file_bytes, float) and file_bytes not in (0.0, float(report.size_bytes)):
            report.anomaly(f"onMetaData says {file_bytes:.0f} bytes, the file has {report.size_bytes}")

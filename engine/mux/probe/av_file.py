"""MP4 and MPEG-TS files, demuxed by FFmpeg."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import numpy as np
import numpy.typing as npt

from engine import _native
from engine.errors import MalformedConfig
from engine.media.codecs import Codec
from engine.media.track import Track
from engine.mux.libav import av
from engine.mux.probe.report import MOST_LINES, Meter, Meters, Report, TrackReport

_NAMES = {
    "h264": Codec.H264,
    "hevc": Codec.H265,
    "vvc": Codec.H266,
    "av1": Codec.AV1,
    "aac": Codec.AAC,
    "mp3": Codec.MP3,
    "opus": Codec.OPUS,
}
_WRAPS_MS = {"mpegts": (1 << 33) / 90}  # PTS and DTS have 33 bits
_MP4_FAMILY = "mov,mp4,m4a,3gp,3g2,mj2"  # FFmpeg's name for its one reader of them
_PIECE_PACKETS = 4096
_PIECE_BYTES = 188 * 4096
_POINTER = re.compile(r"\s*@ 0x[0-9a-f]+")


@dataclass(slots=True)
class _Pending:
    """Packets of one stream not measured yet."""

    meter: Meter
    wrap_ms: float | None
    times_ms: list[float] = field(default_factory=list)
    keys: list[bool] = field(default_factory=list)
    size_bytes: int = 0
    shown_to_ms: float = 0.0

    def flush(self) -> None:
        times_ms = np.array(self.times_ms)
        if self.wrap_ms is not None:
            times_ms = self.meter.nearest(times_ms, self.wrap_ms)
        self.meter.add(times_ms, np.array(self.keys, dtype=np.bool_), self.size_bytes)
        self.times_ms.clear()
        self.keys.clear()
        self.size_bytes = 0


class Readable(Protocol):
    """What FFmpeg reads from; with `seek` and `tell` as well it can look ahead."""

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes; none at the end."""


def demux(source: str | Readable, av_format: str, report: Report, meters: Meters) -> None:
    """Measures every packet of a file; FFmpeg's complaints become damage.

    With meters of an earlier part of the same output (an HLS segment) they go on.
    """
    with av.logging.Capture() as lines:
        complaints = _Complaints(lines)
        try:
            with av.open(source, "r", format=av_format) as container:
                _measure(container, report, meters, complaints)
        except (av.error.FFmpegError, ValueError, OSError) as error:
            report.damage(f"{av_format}: {getattr(error, 'strerror', None) or error}")
    complaints.sort_out()
    for line in complaints.distinct:
        report.damage(line)


class _Complaints:
    """What FFmpeg says, each once: it may say something about every packet of a long file."""

    def __init__(self, lines: list[tuple[int, str, str]]) -> None:
        self._lines = lines
        self.distinct: dict[str, None] = {}

    def sort_out(self) -> None:
        """Takes the new lines in."""
        for _, name, line in self._lines:
            if len(self.distinct) <= MOST_LINES:
                self.distinct[f"FFmpeg ({_POINTER.sub('', name)}): {line.strip()}"] = None
        self._lines.clear()


def _packets(container: Any) -> Iterator[Any]:
    """Every packet of the streams that were there when the file was opened."""
    try:
        yield from container.demux()
    except IndexError:
        # PyAV, behind the last packet, when FFmpeg has met a stream in the middle of the file.
        return


def _measure(container: Any, report: Report, meters: Meters, complaints: _Complaints) -> None:
    earlier = {meter.track.kind: meter for meter in meters}
    pending: dict[int, _Pending] = {}
    for stream in container.streams:
        if stream.type not in ("video", "audio"):
            report.anomaly(f"a {stream.type} stream, left out")
            continue
        meter = earlier.get(stream.type) or meters.new(track_of(stream))
        pending[stream.index] = _Pending(meter, _WRAPS_MS.get(container.format.name))
    corrupt = 0
    for packet in _packets(container):
        complaints.sort_out()
        one = pending.get(packet.stream_index)
        time = packet.dts if packet.dts is not None else packet.pts
        if one is None or time is None or not packet.size:
            continue
        corrupt += packet.is_corrupt
        ms = float(packet.time_base) * 1000
        one.times_ms.append(time * ms)
        if packet.pts is not None:
            one.shown_to_ms = max(one.shown_to_ms, (packet.pts + (packet.duration or 0)) * ms)
        one.keys.append(packet.is_keyframe)
        one.size_bytes += packet.size
        if len(one.keys) == _PIECE_PACKETS:
            one.flush()
    for one in pending.values():
        one.flush()
    if container.format.name == _MP4_FAMILY and container.duration is not None:
        _compare_duration(container.duration / 1000, pending.values(), report)
    if corrupt:
        report.damage(f"{corrupt} packets are not whole")


def _compare_duration(said_ms: float, streams: Iterable[_Pending], report: Report) -> None:
    """What an MP4 states, from its clock's 0, against the end of the last packet shown."""
    shown_ms = max((one.shown_to_ms for one in streams), default=0.0)
    frame_ms = max((one.meter.track.frame_ms for one in streams), default=0.0)
    if abs(said_ms - shown_ms) > frame_ms + 1:
        report.anomaly(f"the file says {said_ms / 1000:.3f} s, its packets {shown_ms / 1000:.3f} s")


def track_of(stream: Any) -> TrackReport:
    """What FFmpeg found out about an audio or video stream."""
    context = stream.codec_context
    name = context.codec.canonical_name if context is not None else "unknown"
    codec = _NAMES.get(name)
    track = TrackReport(stream.type, codec.label if codec else name)
    if stream.type == "video" and context is not None:
        track.width, track.height = context.width, context.height
    elif context is not None:
        track.sample_rate, track.channels = context.sample_rate, context.channels
    if codec is not None and context.extradata:
        try:
            track.codec_string = Track.from_config(codec, context.extradata).codec_string
        except MalformedConfig:
            track.codec_string = ""  # TS carries parameter sets in another form
    return track


def probe_mp4(path: Path, report: Report) -> None:
    """Boxes first, then packets."""
    report.container = "MP4"
    boxes = _native.scan_mp4(str(path))
    if boxes["fragmented"]:
        report.container = "MP4 (fragmented)"
    if boxes["problem"]:
        report.damage(str(boxes["problem"]))
    _probe(path, "mp4", report)


def probe_ts(path: Path, report: Report) -> None:
    """Packets of 188 bytes with their counters, then what they carry."""
    report.container = "MPEG-TS"
    with path.open("rb") as file:
        check_transport(file, report)
    _probe(path, "mpegts", report)


def _probe(path: Path, av_format: str, report: Report) -> None:
    meters = Meters(report)
    demux(str(path), av_format, report, meters)
    meters.finish()
    if not any(track.packets for track in report.tracks):
        report.damage("no audio or video in it")


def check_transport(file: BinaryIO, report: Report) -> None:
    """Sync bytes, error indicators and continuity counters (ISO 13818-1 section 2.4.3.3)."""
    last: dict[int, int] = {}
    for packets in _transport_packets(file, report):
        if np.any(packets[:, 0] != 0x47):
            report.damage("packets without their sync byte")
            return
        if np.any(packets[:, 1] & 0x80):
            report.damage("packets marked as having transmission errors")
        pids = (packets[:, 1].astype(np.intp) & 0x1F) << 8 | packets[:, 2]
        with_payload = packets[:, 3] & 0x10 != 0
        for pid in np.unique(pids[with_payload]).tolist():
            counters = packets[with_payload & (pids == pid), 3] & 0x0F
            before = last.get(pid, (int(counters[0]) - 1) & 0x0F)
            steps = np.diff(counters, prepend=np.uint8(before)) & 0x0F
            if pid != 0x1FFF and np.any(steps != 1):
                report.damage(
                    f"PID {pid}: {int(np.count_nonzero(steps != 1))} jumps of the continuity counter"
                )
            last[pid] = int(counters[-1])


def _transport_packets(file: BinaryIO, report: Report) -> Iterator[npt.NDArray[np.uint8]]:
    while piece := file.read(_PIECE_BYTES):
        rest = len(piece) % 188
        if rest:
            report.damage(f"ends inside a packet: {rest} bytes")
        if len(piece) > rest:
            yield np.frombuffer(piece, dtype=np.uint8, count=len(piece) - rest).reshape(-1, 188)

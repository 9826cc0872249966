"""HLS playlists, read back with all their segments."""

from __future__ import annotations

import io
import math
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import unquote, urlsplit

import m3u8  # type: ignore[import-untyped]

from engine.mux.probe.av_file import check_transport, demux
from engine.mux.probe.report import Meters, Report

_LARGEST_PLAYLIST_BYTES = 16 << 20
_LARGEST_INIT_BYTES = 1 << 20
_MOST_SEGMENTS = 1 << 18  # six days of 2 s; the library takes a kilobyte for each


@dataclass(slots=True)
class _Listed:
    """A segment as the playlist lists it, and where its media begins."""

    name: str
    extinf_ms: float
    breaks: bool
    start_ms: float
    end_ms: float
    frame_ms: float


def probe_playlist(path: Path, report: Report) -> None:
    """The playlist's own rules, then each segment."""
    report.container = "HLS"
    if report.size_bytes > _LARGEST_PLAYLIST_BYTES:
        report.damage(f"a playlist of {report.size_bytes} bytes")
        return
    data = path.read_bytes()
    if (count := data.count(b"#EXTINF")) > _MOST_SEGMENTS:
        report.damage(f"a playlist of {count} segments")
        return
    try:
        playlist: Any = m3u8.loads(data.decode("utf-8"))
    except Exception as error:  # the library raises whatever its input provokes
        report.damage(f"not a playlist: {error}")
        return
    if playlist.is_variant:
        report.damage("a multivariant playlist, not a media playlist")
        return
    report.segments = len(playlist.segments)
    _check_tags(playlist, report)
    meters = Meters(report)
    read: set[str] = set()
    listed = [_probe_segment(path.parent, segment, report, meters, read) for segment in playlist.segments]
    meters.finish()
    _compare_durations(listed, report)


def _check_tags(playlist: Any, report: Report) -> None:
    if not playlist.segments:
        report.damage("lists no segment")
    if not playlist.is_endlist:
        report.damage("no EXT-X-ENDLIST: still growing, or cut")
    target_s = playlist.target_duration
    if target_s is None:
        report.damage("no EXT-X-TARGETDURATION")
        return
    for segment in playlist.segments:
        if segment.duration is None:
            report.damage(f"{segment.uri}: no EXTINF")
        elif not math.isfinite(segment.duration):
            report.damage(f"{segment.uri}: EXTINF is {segment.duration}")
        elif int(segment.duration + 0.5) > target_s:
            report.damage(
                f"{segment.uri}: {segment.duration:.3f} s is beyond EXT-X-TARGETDURATION {target_s:g}"
            )


def _probe_segment(
    folder: Path, segment: Any, report: Report, meters: Meters, read: set[str]
) -> _Listed | None:
    if segment.uri in read:  # not again: a short playlist could have a long file read any number of times
        report.damage(f"{segment.uri}: listed more than once")
        return None
    read.add(segment.uri)
    if segment.discontinuity:
        report.discontinuity(f"before {segment.uri}")
        meters.break_clocks()
    part = Report(segment.uri, "segment")
    for meter in meters:
        meter.begin_piece()
    try:
        _read_segment(folder, segment, part, meters)
    except OSError as error:
        part.damage(error.strerror or str(error))
    for line in part.damaged:
        report.damage(f"{segment.uri}: {line}")
    report.size_bytes += part.size_bytes
    report.tracks += part.tracks
    starts = {meter.track.kind: meter.piece_first_ms for meter in meters if meter.piece_first_ms is not None}
    sections = [section for meter in meters if (section := meter.section_ms())]
    if not starts or segment.duration is None or not math.isfinite(segment.duration):
        return None
    return _Listed(
        segment.uri,
        segment.duration * 1000,
        segment.discontinuity,
        starts.get("video", starts.get("audio", 0.0)),
        max(end for _, end in sections),
        max(meter.track.frame_ms for meter in meters),
    )


def _read_segment(folder: Path, segment: Any, part: Report, meters: Meters) -> None:
    file = _beside(folder, segment.uri)
    part.size_bytes = _regular_bytes(file)
    with file.open("rb") as opened:
        if segment.init_section is None:
            check_transport(opened, part)
            opened.seek(0)
            demux(opened, "mpegts", part, meters)
            return
        beginning = _beside(folder, segment.init_section.uri)
        _regular_bytes(beginning)
        with beginning.open("rb") as init:
            demux(_Joined(init.read(_LARGEST_INIT_BYTES), opened), "mp4", part, meters)


class _Joined:
    """An initialization section and a segment as one stream."""

    def __init__(self, header: bytes, file: BinaryIO) -> None:
        self._header = io.BytesIO(header)
        self._file = file

    def read(self, size: int) -> bytes:
        return self._header.read(size) or self._file.read(size)


def _beside(folder: Path, uri: str) -> Path:
    """The file of a relative URI (RFC 8216 section 2).

    Raises:
        OSError: the URI leads elsewhere.
    """
    try:
        parts = urlsplit(uri)
        file = folder / unquote(parts.path)
        inside = file.resolve().is_relative_to(folder.resolve())
    except ValueError:  # a name that no file system has, an address that is none
        inside = False
    if not inside or parts.scheme or parts.netloc:
        raise OSError("not a file beside the playlist")
    return file


def _regular_bytes(file: Path) -> int:
    """The size of a file.

    Raises:
        OSError: there is none, or it is something else, which might never end.
    """
    status = file.stat()
    if not stat.S_ISREG(status.st_mode):
        raise OSError("not a regular file")
    return status.st_size


def _compare_durations(listed: list[_Listed | None], report: Report) -> None:
    """EXTINF against the media: to the next segment's start, or to the last packet's end."""
    for number, one in enumerate(listed):
        following = listed[number + 1] if number + 1 < len(listed) else None
        if one is None or (following is None and number + 1 < len(listed)):
            continue  # reported as missing
        end_ms = one.end_ms if following is None or following.breaks else following.start_ms
        media_ms = end_ms - one.start_ms
        if abs(media_ms - one.extinf_ms) > one.frame_ms + 1:
            report.damage(f"{one.name}: EXTINF says {one.extinf_ms:.0f} ms, its media {media_ms:.0f} ms")

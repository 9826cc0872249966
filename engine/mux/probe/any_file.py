"""Which reader a file needs, by its first bytes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from engine.mux.probe.av_file import probe_mp4, probe_ts
from engine.mux.probe.bare_file import probe_adts, probe_mp3
from engine.mux.probe.flv_file import probe_flv
from engine.mux.probe.playlist_file import probe_playlist
from engine.mux.probe.report import Report

_HEAD_BYTES = 189
_MP4_FIRST_BOXES = (b"ftyp", b"styp", b"moov", b"moof", b"free")
_UNIQUE_HEADS = ((b"FLV", probe_flv), (b"#EXTM3U", probe_playlist))


def probe_any(path: Path) -> Report:
    """As `engine.mux.probe.probe`."""
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    report = Report(str(path), "unknown", path.stat().st_size)
    read = _reader_of(head)
    if not head:
        report.damage("the file is empty")
    elif read is None:
        report.damage("not FLV, MP4, MPEG-TS, ADTS, MP3 or an HLS playlist")
    else:
        read(path, report)
    return report


def _reader_of(head: bytes) -> Callable[[Path, Report], None] | None:
    for start, reader in _UNIQUE_HEADS:
        if head.startswith(start):
            return reader
    if head[4:8] in _MP4_FIRST_BOXES:
        return probe_mp4
    if head[:1] == b"\x47" and head[188:189] in (b"\x47", b""):
        return probe_ts
    if head[:1] == b"\xff" and len(head) > 1:
        sync, layer = head[1] & 0xF0, head[1] & 0x06  # ISO 13818-7 has layer 0; MPEG audio does not
        if sync == 0xF0 and layer == 0:
            return probe_adts
        if head[1] & 0xE0 == 0xE0 and layer:
            return probe_mp3
    return None

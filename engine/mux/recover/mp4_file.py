"""MP4: finalized from its fragments. Of the media nothing is read."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import BinaryIO, Literal, cast

from engine import _native
from engine.errors import MalformedMp4, NothingRecorded
from engine.media.codecs import Codec
from engine.media.events import TrackInfo
from engine.mux.base import Stats
from engine.mux.libav import av
from engine.mux.probe.av_file import track_of
from engine.mux.probe.report import TrackReport
from engine.mux.recover import tear
from engine.mux.recover.report import Recovered, on_source_clock

_STRINGS = {Codec.MP3.label: "mp4a.40.34"}  # it has no configuration that would say so
_PLACEHOLDER_BYTES = 16
_PLACEHOLDER = _PLACEHOLDER_BYTES.to_bytes(4, "big") + b"free"
_LARGEST_OPENING_BYTES = 1 << 20


def recover_mp4(path: Path, first_dts_ms: int | None) -> Recovered:
    """Makes a growing file a regular one. A file that is regular, or that another program fragmented, is left
    as it is."""
    with tear.opened(path) as file:
        size = tear.size_of(file)
        growing = _is_growing(file)
        if growing:
            tear.cut(file, tear.data_end(file))
        try:
            size_bytes = _native.finalize_mp4(str(path))["bytes"]
        except _native.Mp4Error as error:
            if error.code == "mp4.no_placeholder":
                line = "its fragments were written by another program: left fragmented"
                return Recovered(Stats(), size, problems=[line])
            if error.code == "mp4.no_media" and (growing or not _has_media(path)):
                raise NothingRecorded(f"{path}: {error}") from None
            raise MalformedMp4(f"{path}: {error}") from None
        report = Recovered(
            on_source_clock(_stats(path), first_dts_ms), size_bytes, tracks=_tracks(file, path)
        )
        if growing:
            report.cut_bytes = max(0, size - _media_end(path))
    return report


def _is_growing(file: BinaryIO) -> bool:
    """Whether the 16 bytes behind `ftyp` still wait to become the header of one `mdat`."""
    opening = int.from_bytes(os.pread(file.fileno(), 4, 0), "big")
    return os.pread(file.fileno(), len(_PLACEHOLDER), opening) == _PLACEHOLDER


def _boxes(path: Path) -> list[tuple[str, int, int]]:
    return cast("list[tuple[str, int, int]]", _native.scan_mp4(str(path))["boxes"])


def _has_media(path: Path) -> bool:
    return any(kind in ("mdat", "moof") for kind, _, _ in _boxes(path))


def _media_end(path: Path) -> int:
    """Where the one `mdat` of a finalized file ends."""
    return next((offset + size for kind, offset, size in _boxes(path) if kind == "mdat"), 0)


def _stats(path: Path) -> Stats:
    """What `engine.mux.tally` would count, from the sample tables; the earliest frame is at 0."""
    tracks = (track for track in _native.mp4_tracks(str(path)) if track["kind"] in ("video", "audio"))
    held = [track for track in tracks if track["samples"]]
    start_ms = min((track["first_dts_ms"] for track in held), default=0)

    def total(key: Literal["samples", "sync_samples", "media_bytes"], kind: str) -> int:
        return sum(track[key] for track in held if track["kind"] == kind)

    return Stats(
        video_packets=total("samples", "video"),
        audio_packets=total("samples", "audio"),
        keyframes=total("sync_samples", "video"),
        media_bytes=total("media_bytes", "video") + total("media_bytes", "audio"),
        first_dts_ms=0 if held else None,
        last_dts_ms=max((track["last_dts_ms"] - start_ms for track in held), default=None),
        duration_ms=max((track["last_dts_ms"] + track["frame_ms"] - start_ms for track in held), default=0),
    )


def _track_info(track: TrackReport) -> TrackInfo:
    """A track as a reader found it, as programs read it."""
    info = TrackInfo(
        kind="video" if track.kind == "video" else "audio",
        codec=track.codec,
        codec_string=track.codec_string or _STRINGS.get(track.codec, ""),
    )
    shape = (
        {"width": track.width, "height": track.height}
        if track.kind == "video"
        else {"sample_rate": track.sample_rate, "channels": track.channels}
    )
    return info.model_copy(update=shape)


def described(source: BinaryIO | str, av_format: str) -> tuple[TrackInfo, ...]:
    """The audio and video tracks that FFmpeg finds.

    Raises:
        av.error.FFmpegError, ValueError: it cannot read the source.
    """
    with av.open(source, "r", format=av_format) as container:
        streams = [stream for stream in container.streams if stream.type in ("video", "audio")]
        return tuple(_track_info(track_of(stream)) for stream in streams)


def _tracks(file: BinaryIO, path: Path) -> tuple[TrackInfo, ...]:
    try:
        return described(_opening(file) or str(path), "mp4")
    except (av.error.FFmpegError, ValueError):
        return ()


def _opening(file: BinaryIO) -> io.BytesIO | None:
    """`ftyp` and the first `moov` of a file that grew by fragments; with them FFmpeg need not read the tables
    of all samples."""
    fd = file.fileno()
    ftyp_bytes = int.from_bytes(os.pread(fd, 4, 0), "big")
    moov_at = ftyp_bytes + _PLACEHOLDER_BYTES
    head = os.pread(fd, 8, moov_at)
    size = int.from_bytes(head[:4], "big")
    if head[4:] != b"moov" or max(ftyp_bytes, size) > _LARGEST_OPENING_BYTES:
        return None
    return io.BytesIO(os.pread(fd, ftyp_bytes, 0) + os.pread(fd, size, moov_at))

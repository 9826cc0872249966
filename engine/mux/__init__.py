"""Packets to container bytes. Only this folder imports av, and only where FFmpeg is asked: it takes 17 MB of
a process, which only those who write MP4 need.

A muxer takes batches and writes into a sink that the store gave it; `open_muxer` makes the one for a format.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal, cast, overload

from engine.errors import UnsupportedCodec
from engine.media.codecs import Format, refusal
from engine.media.track import Track
from engine.mux.audio import AudioMuxer
from engine.mux.base import Folder, Muxer, MuxOptions, RestartableMuxer, Sink, Stats
from engine.mux.flv import FlvMuxer
from engine.mux.hls import HlsMuxer
from engine.mux.mp4 import Mp4Muxer
from engine.mux.segments import load_ffmpeg

__all__ = ["Folder", "MuxOptions", "Muxer", "RestartableMuxer", "Sink", "Stats", "open_muxer", "prepare"]


@overload
def open_muxer(
    format: Literal[Format.HLS], tracks: Sequence[Track], out: Folder, options: MuxOptions
) -> RestartableMuxer: ...
@overload
def open_muxer(format: Format, tracks: Sequence[Track], out: Sink | Folder, options: MuxOptions) -> Muxer: ...
def open_muxer(format: Format, tracks: Sequence[Track], out: Sink | Folder, options: MuxOptions) -> Muxer:
    """The muxer of a format: HLS takes a `Folder`, every other a `Sink`.

    Raises:
        UnsupportedCodec: the format cannot hold the tracks; nothing has been written.
        MuxError: FFmpeg refuses the tracks.
        StorageError: the sink cannot write what the file starts with.
    """
    reason = refusal((track.codec for track in tracks), format)
    if reason is not None:
        raise UnsupportedCodec(reason)
    if format is Format.HLS:
        return HlsMuxer(tracks, cast("Folder", out), options)
    if format is Format.FLV:
        return FlvMuxer(tracks, cast("Sink", out), options)
    if format is Format.MP4:
        return Mp4Muxer(tracks, cast("Sink", out))
    return AudioMuxer(tracks, cast("Sink", out))


def prepare(formats: Iterable[Format]) -> None:
    """Load FFmpeg if one of these formats needs it, before media comes: it takes a third of a second."""
    if Format.MP4 in formats:
        load_ffmpeg()

"""Template streams: what FFmpeg must know of a track before its first packet.

PyAV makes an output stream from an input stream without opening an encoder. So a track's decoder
configuration is put into an MP4 file of no samples (ISO 14496-12), in memory, and that is opened as input:
the one container whose sample entries carry every configuration record of codecs.md section 2, together
with the width and height that some of those records lack.
"""

from __future__ import annotations

import io
import struct
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from engine.errors import MuxError
from engine.media.codecs import Codec
from engine.media.track import Track
from engine.mux.libav import av

if TYPE_CHECKING:
    from av.audio.stream import AudioStream
    from av.container import InputContainer
    from av.video.stream import VideoStream

_CACHED_TEMPLATES = 64  # an open template is about 30 KB; recordings of one encoder share theirs
_PROBE_LIMITS = {"probesize": "4096", "analyzeduration": "0", "fpsprobesize": "0"}
_MPEG_AUDIO_OBJECT = {Codec.AAC: 0x40, Codec.MP3: 0x6B}  # ISO 14496-1 objectTypeIndication
_SELF_CONTAINED = (Codec.MP3, Codec.OPUS)  # described by their frames when there is no record
_OPUS_RATE = 48_000


@dataclass(frozen=True, slots=True)
class Template:
    """An input stream to copy from; its container stays open with it."""

    container: InputContainer
    stream: VideoStream | AudioStream


def template_of(track: Track) -> Template:
    """The template of a track.

    Raises:
        MuxError: there is no decoder configuration, or FFmpeg cannot read it.
    """
    if not track.config and track.codec not in _SELF_CONTAINED:
        raise MuxError(f"{track.codec.label}: no decoder configuration")
    try:
        return _opened(_empty_mp4(track))
    except (av.error.FFmpegError, IndexError) as error:
        raise MuxError(f"{track.codec.label} decoder configuration refused: {error}") from error


@lru_cache(maxsize=_CACHED_TEMPLATES)
def _opened(empty_mp4: bytes) -> Template:
    """By the bytes, not by the track: equal tracks may have records that differ, and a file keeps its own."""
    container = av.open(io.BytesIO(empty_mp4), "r", format="mov", container_options=_PROBE_LIMITS)
    streams = container.streams.video or container.streams.audio
    return Template(container, streams[0])


def _empty_mp4(track: Track) -> bytes:
    if track.is_video:
        handler, entry = b"vide", _visual_entry(track)
    else:
        handler, entry = b"soun", _audio_entry(track)
    empty_table = struct.pack(">II", 0, 0)
    sample_table = _box(
        b"stbl",
        _box(b"stsd", struct.pack(">II", 0, 1), entry),
        _box(b"stts", empty_table),
        _box(b"stsc", empty_table),
        _box(b"stsz", struct.pack(">III", 0, 0, 0)),
        _box(b"stco", empty_table),
    )
    media = _box(
        b"mdia",
        _box(b"mdhd", struct.pack(">IIIIIHH", 0, 0, 0, track.sample_rate or 1000, 0, 0x55C4, 0)),
        _box(b"hdlr", struct.pack(">II4s13x", 0, 0, handler)),
        _box(b"minf", sample_table),
    )
    header = _box(b"tkhd", struct.pack(">III", 3, 0, 0), struct.pack(">II", 1, 0), bytes(64))
    return _box(b"ftyp", b"isom", bytes(4), b"isom") + _box(b"moov", _box(b"trak", header, media))


def _visual_entry(track: Track) -> bytes:
    """VisualSampleEntry (ISO 14496-12 section 12.1.3) with the configuration record of its codec."""
    kind, record = {
        Codec.H264: (b"avc1", b"avcC"),
        Codec.H265: (b"hvc1", b"hvcC"),
        Codec.H266: (b"vvc1", b"vvcC"),
        Codec.AV1: (b"av01", b"av1C"),
    }[track.codec]
    version = bytes(4) if track.codec is Codec.H266 else b""  # vvcC alone is a FullBox
    fields = struct.pack(">6xH16xHHIII", 1, track.width, track.height, 0x480000, 0x480000, 0)
    return _box(kind, fields, struct.pack(">H32xHh", 1, 24, -1), _box(record, version, track.config))


def _audio_entry(track: Track) -> bytes:
    """AudioSampleEntry (section 12.2.3) with esds (ISO 14496-14) or dOps."""
    fields = struct.pack(">6xH8xHHIHH", 1, track.channels or 2, 16, 0, min(track.sample_rate, 0xFFFF), 0)
    if track.codec is Codec.OPUS:
        return _box(b"Opus", fields, _box(b"dOps", _opus_specific(track)))
    specific = _descriptor(5, track.config) if track.config else b""
    decoder = struct.pack(">BBHBII", _MPEG_AUDIO_OBJECT[track.codec], 0x15, 0, 0, 0, 0)
    elementary = struct.pack(">HB", 1, 0) + _descriptor(4, decoder + specific) + _descriptor(6, b"\x02")
    return _box(b"mp4a", fields, _box(b"esds", bytes(4), _descriptor(3, elementary)))


def _opus_specific(track: Track) -> bytes:
    """OpusSpecificBox: OpusHead (RFC 7845 section 5.1) with its numbers turned to big-endian."""
    head = track.config
    if len(head) < 19 or not head.startswith(b"OpusHead"):
        return struct.pack(">BBHIhB", 0, track.channels, 0, _OPUS_RATE, 0, 0)
    channels, pre_skip, rate, gain, family = struct.unpack_from("<BHIhB", head, 9)
    return struct.pack(">BBHIhB", 0, channels, pre_skip, rate, gain, family) + head[19:]


def _descriptor(tag: int, payload: bytes) -> bytes:
    size = len(payload)
    length = bytes(
        [0x80 | (size >> 21) & 0x7F, 0x80 | (size >> 14) & 0x7F, 0x80 | (size >> 7) & 0x7F, size & 0x7F]
    )
    return bytes([tag]) + length + payload


def _box(kind: bytes, *parts: bytes) -> bytes:
    payload = b"".join(parts)
    return struct.pack(">I4s", 8 + len(payload), kind) + payload

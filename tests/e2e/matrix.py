"""The matrix of codecs.md section 1, written down a second time: what the engine's own copy is held to."""

from __future__ import annotations

from collections.abc import Iterable

from engine.media.codecs import Format

LABELS = {
    "h264": "H.264",
    "h265": "H.265",
    "h266": "H.266",
    "av1": "AV1",
    "aac": "AAC",
    "mp3": "MP3",
    "opus": "Opus",
}
VIDEO = ("h264", "h265", "h266", "av1")

HOLDS = {
    Format.FLV: {"h264", "h265", "h266", "av1", "aac", "mp3", "opus"},
    Format.HLS: {"h264", "h265", "h266", "aac", "mp3", "opus"},
    Format.MP4: {"h264", "h265", "h266", "av1", "aac", "mp3", "opus"},
    Format.AAC: {"aac"},
    Format.MP3: {"mp3"},
}


def refused(codecs: Iterable[str], format: Format) -> list[str]:
    """The codecs of a stream that keep it out of a format. AAC and MP3 files take the audio alone."""
    audio_only = format in (Format.AAC, Format.MP3)
    return [c for c in sorted(codecs) if c not in HOLDS[format] and not (audio_only and c in VIDEO)]


def allowed(codecs: Iterable[str], format: Format) -> bool:
    """Whether a format holds a stream of these codecs."""
    codecs = set(codecs)
    if format in (Format.AAC, Format.MP3) and codecs <= set(VIDEO):
        return False
    return not refused(codecs, format)


def refusal_names(codecs: Iterable[str], format: Format) -> list[str]:
    """What a refusal must name: the format and the codecs."""
    return [format.value, *(LABELS.get(codec, codec) for codec in refused(codecs, format))]

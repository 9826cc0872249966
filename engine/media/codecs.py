"""The codec matrix as data: which format holds which codec. Everything asks this module."""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum, StrEnum


class Format(StrEnum):
    """What a recording can be written as."""

    FLV = "flv"
    HLS = "hls"
    MP4 = "mp4"
    AAC = "aac"
    MP3 = "mp3"

    @property
    def audio_only(self) -> bool:
        """The format holds the stream's audio and leaves its video out."""
        return self in (Format.AAC, Format.MP3)


class Codec(IntEnum):
    """Codec numbers of the tag table: FLV's video ids, and its sound formats plus 100; from 63 and 163
    those that have only a FourCC."""

    NONE = 0
    H263 = 2
    SCREEN_VIDEO = 3
    VP6 = 4
    VP6_ALPHA = 5
    SCREEN_VIDEO_2 = 6
    H264 = 7
    H265 = 12
    AV1 = 13
    H266 = 14
    UNKNOWN_VIDEO = 63
    VP8 = 64
    VP9 = 65
    PCM = 100
    ADPCM = 101
    MP3 = 102
    PCM_LE = 103
    NELLYMOSER_16K = 104
    NELLYMOSER_8K = 105
    NELLYMOSER = 106
    G711_A = 107
    G711_MU = 108
    AAC = 110
    SPEEX = 111
    OPUS = 113
    UNKNOWN_AUDIO = 163
    AC3 = 164
    EAC3 = 165
    FLAC = 166

    @property
    def label(self) -> str:
        """The name people use."""
        return _LABELS.get(self, self.name.replace("_", " ").title())

    @property
    def is_video(self) -> bool:
        """Video or not; audio starts at 100."""
        return 0 < self < 100

    @classmethod
    def of(cls, number: int) -> Codec:
        """The codec of a table number; numbers nobody named are UNKNOWN_VIDEO or UNKNOWN_AUDIO."""
        try:
            return cls(number)
        except ValueError:
            return cls.UNKNOWN_VIDEO if number < 100 else cls.UNKNOWN_AUDIO


_LABELS = {
    Codec.H263: "Sorenson H.263",
    Codec.VP6: "VP6",
    Codec.VP6_ALPHA: "VP6 with alpha",
    Codec.H264: "H.264",
    Codec.H265: "H.265",
    Codec.H266: "H.266",
    Codec.AV1: "AV1",
    Codec.VP8: "VP8",
    Codec.VP9: "VP9",
    Codec.UNKNOWN_VIDEO: "unknown video codec",
    Codec.UNKNOWN_AUDIO: "unknown audio codec",
    Codec.PCM: "PCM",
    Codec.PCM_LE: "PCM",
    Codec.ADPCM: "ADPCM",
    Codec.MP3: "MP3",
    Codec.AAC: "AAC",
    Codec.OPUS: "Opus",
    Codec.G711_A: "G.711 A-law",
    Codec.G711_MU: "G.711 mu-law",
    Codec.AC3: "AC-3",
    Codec.EAC3: "E-AC-3",
    Codec.FLAC: "FLAC",
}


class Support(StrEnum):
    """How well a format holds a codec."""

    SUPPORTED = "supported"
    EXTENDED = "extended"  # a private extension: readable by players made for it
    NOT_SUPPORTED = "not supported"


_S, _E, _N = Support.SUPPORTED, Support.EXTENDED, Support.NOT_SUPPORTED

MATRIX: dict[Codec, dict[Format, Support]] = {
    #                      FLV  HLS  MP4  AAC  MP3
    codec: dict(zip(Format, row, strict=True))
    for codec, row in {
        Codec.H264: (_S, _S, _S, _N, _N),
        Codec.H265: (_E, _S, _S, _N, _N),
        Codec.H266: (_E, _S, _S, _N, _N),
        Codec.AV1: (_E, _N, _S, _N, _N),
        Codec.AAC: (_S, _S, _S, _S, _N),
        Codec.MP3: (_S, _S, _S, _N, _S),
        Codec.OPUS: (_E, _S, _S, _N, _N),
    }.items()
}


def support(codec: Codec, format: Format) -> Support:
    """How `format` holds `codec`; whatever is not in the matrix is not supported."""
    return MATRIX.get(codec, {}).get(format, Support.NOT_SUPPORTED)


def refusal(codecs: Iterable[Codec], format: Format) -> str | None:
    """Why `format` cannot hold a stream of `codecs`, by name; None when it can.

    Audio-only formats look at the audio codec alone and need one.
    """
    wanted = [codec for codec in codecs if not (format.audio_only and codec.is_video)]
    if not wanted:
        return f"{format.value} needs audio, and the stream has none"
    refused = [codec.label for codec in wanted if support(codec, format) is Support.NOT_SUPPORTED]
    if refused:
        return f"{format.value} cannot hold {' or '.join(refused)}"
    return None

"""Headers of frames that stand back to back in a file: ADTS and MPEG audio."""

from __future__ import annotations

from dataclasses import dataclass

from engine import _native

HEADER_BYTES = 7
"""Enough to read any header: that of ADTS; MPEG audio has 4."""
_ADTS_RATES = (96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350)
_AAC_SAMPLES = 1024


@dataclass(frozen=True, slots=True)
class FrameHeader:
    """What a frame header says."""

    size_bytes: int
    samples: int
    sample_rate: int
    channels: int
    codec_string: str


def adts_header(data: bytes) -> FrameHeader | None:
    """ISO 14496-3 section 1.A.3.2; None for bytes that are none."""
    rate = data[2] >> 2 & 15
    size = (data[3] & 3) << 11 | data[4] << 3 | data[5] >> 5
    if data[0] != 0xFF or data[1] & 0xF6 != 0xF0 or rate >= len(_ADTS_RATES) or size < HEADER_BYTES:
        return None
    channels = (data[2] & 1) << 2 | data[3] >> 6
    samples = _AAC_SAMPLES * ((data[6] & 3) + 1)
    return FrameHeader(size, samples, _ADTS_RATES[rate], channels, f"mp4a.40.{(data[2] >> 6) + 1}")


def mp3_header(data: bytes) -> FrameHeader | None:
    """ISO 11172-3 section 2.4.1.3; None for bytes that are none."""
    try:
        fields = _native.parse_mp3_header(data[:4])
    except ValueError:
        return None
    samples, rate = int(fields["samples"]), int(fields["sample_rate"])
    size = samples * int(fields["bitrate"]) // 8 // rate + (data[2] >> 1 & 1)
    return (
        FrameHeader(size, samples, rate, int(fields["channels"]), str(fields["codec_string"]))
        if size > 4
        else None
    )

"""Bare audio frames: ADTS and MPEG audio layer III, from whole files or from the payload of a TS packet."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

AAC_RATES = (96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350)
AAC_SAMPLES = 1024


class DamagedAudioError(Exception):
    """Bytes between the frames, or a frame that is cut."""


@dataclass(frozen=True, slots=True)
class AudioFrame:
    """A frame: its coded payload (without the ADTS header) and how long it lasts."""

    payload: bytes
    duration_ms: Fraction
    sample_rate: int
    channels: int


def adts_frames(data: bytes) -> Iterator[AudioFrame]:
    """Every frame of an ADTS stream that holds nothing else (ISO/IEC 13818-7 annex B)."""
    at = 0
    while at < len(data):
        head = data[at : at + 9]
        if len(head) < 7 or head[0] != 0xFF or head[1] & 0xF6 != 0xF0:
            raise DamagedAudioError(f"no ADTS header at byte {at}: {head[:4].hex()}")
        size = (head[3] & 3) << 11 | head[4] << 3 | head[5] >> 5
        header_bytes = 7 if head[1] & 1 else 9
        if size < header_bytes or at + size > len(data):
            raise DamagedAudioError(f"the ADTS frame at byte {at} is cut")
        if head[6] & 3:
            raise DamagedAudioError("several raw data blocks in one ADTS frame")
        rate = AAC_RATES[head[2] >> 2 & 15]
        channels = (head[2] & 1) << 2 | head[3] >> 6
        duration_ms = Fraction(AAC_SAMPLES * 1000, rate)
        yield AudioFrame(data[at + header_bytes : at + size], duration_ms, rate, channels)
        at += size


MP3_RATES = {3: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}
MP3_KILOBITS = {
    True: (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    False: (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}


def mp3_frames(data: bytes) -> Iterator[AudioFrame]:
    """Every layer III frame of a stream that holds nothing else: no ID3 tags, no garbage."""
    at = 0
    while at < len(data):
        head = data[at : at + 4]
        if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE6 != 0xE2 or head[1] >> 3 & 3 == 1:
            raise DamagedAudioError(f"no layer III header at byte {at}: {head.hex()}")
        version, rate_index, bits_index = head[1] >> 3 & 3, head[2] >> 2 & 3, head[2] >> 4
        if rate_index == 3 or not 1 <= bits_index <= 14:
            raise DamagedAudioError(f"a bad layer III header at byte {at}: {head.hex()}")
        rate, kilobits = MP3_RATES[version][rate_index], MP3_KILOBITS[version == 3][bits_index - 1]
        samples = 1152 if version == 3 else 576
        size = samples // 8 * kilobits * 1000 // rate + (head[2] >> 1 & 1)
        if at + size > len(data):
            raise DamagedAudioError(f"the layer III frame at byte {at} is cut")
        channels = 1 if head[3] >> 6 == 3 else 2
        yield AudioFrame(data[at : at + size], Fraction(samples * 1000, rate), rate, channels)
        at += size


def opus_duration_ms(payload: bytes) -> Fraction:
    """How long an Opus packet lasts (RFC 6716 section 3.1 and 3.2)."""
    config, code = payload[0] >> 3, payload[0] & 3
    if config < 12:
        frame_ms = Fraction((10, 20, 40, 60)[config % 4])
    elif config < 16:
        frame_ms = Fraction((10, 20)[config % 2])
    else:
        frame_ms = Fraction((Fraction(5, 2), 5, 10, 20)[config % 4])
    return frame_ms * ((1, 2, 2)[code] if code < 3 else payload[1] & 63)


def opus_ts_packets(data: bytes) -> Iterator[bytes]:
    """The Opus packets of a PES payload: each stands behind a control header (ETSI TS 103 491 style)."""
    at = 0
    while at < len(data):
        if data[at] != 0x7F or data[at + 1] & 0xE0 != 0xE0:
            raise DamagedAudioError(f"no Opus control header at byte {at}: {data[at : at + 2].hex()}")
        start_trim, end_trim, extension = (data[at + 1] & bit for bit in (0x10, 0x08, 0x04))
        at += 2
        size = 0
        while True:
            size += data[at]
            at += 1
            if data[at - 1] != 0xFF:
                break
        at += (2 if start_trim else 0) + (2 if end_trim else 0)
        if extension:
            at += data[at] + 1
        if at + size > len(data):
            raise DamagedAudioError("an Opus packet is cut")
        yield data[at : at + size]
        at += size

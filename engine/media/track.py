"""Tracks: what a stream's decoder configurations say, parsed once."""

from __future__ import annotations

from dataclasses import dataclass

from engine import _native
from engine.errors import MalformedConfig
from engine.media.codecs import Codec


@dataclass(frozen=True, slots=True)
class Track:
    """One audio or video track with its decoder configuration.

    Two tracks are equal when their parsed parameters and their configuration record are; a repeated
    identical sequence header is therefore no change (codecs.md section 2).
    """

    codec: Codec
    config: bytes = b""  # the configuration record; empty for MP3 and legacy Opus
    width: int = 0
    height: int = 0
    sample_rate: int = 0
    channels: int = 0
    codec_string: str = ""  # RFC 6381, for playlists and people

    @property
    def is_video(self) -> bool:
        """Video or audio."""
        return self.codec.is_video

    @classmethod
    def from_config(cls, codec: Codec, config: bytes) -> Track:
        """A track from its configuration record.

        Raises:
            MalformedConfig: the record cannot be parsed.
        """
        try:
            fields = _native.parse_config(int(codec), config)
        except ValueError as error:
            raise MalformedConfig(f"{codec.label} decoder configuration: {error}") from None
        return cls._of(codec, config, fields)

    @classmethod
    def from_first_frame(cls, codec: Codec, payload: bytes) -> Track:
        """A track whose parameters are in its frames: MP3, and Opus signalled as sound format 13.

        Raises:
            MalformedConfig: the payload does not start with a frame header.
        """
        if codec is Codec.OPUS:
            stereo = bool(payload[:1] and payload[0] & 4)  # RFC 6716 section 3.1: the s bit of the TOC
            return cls(codec, sample_rate=48_000, channels=2 if stereo else 1, codec_string="opus")
        try:
            fields = _native.parse_mp3_header(payload)
        except ValueError as error:
            raise MalformedConfig(f"{codec.label} frame header: {error}") from None
        return cls._of(codec, b"", fields)

    @classmethod
    def _of(cls, codec: Codec, config: bytes, fields: dict[str, int | str | bool]) -> Track:
        return cls(
            codec,
            config,
            width=int(fields.get("width", 0)),
            height=int(fields.get("height", 0)),
            sample_rate=int(fields.get("sample_rate", 0)),
            channels=int(fields.get("channels", 0)),
            codec_string=str(fields.get("codec_string", "")),
        )

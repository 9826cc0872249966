"""Tracks: what a stream's decoder configurations say, parsed once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from engine import _native
from engine.errors import MalformedConfig
from engine.media.codecs import Codec


@dataclass(frozen=True, slots=True)
class Track:
    """One audio or video track with its decoder configuration.

    Two tracks are equal when they configure a decoder alike: a sequence header that is repeated, or differs
    in what no decoder looks at, is no change (codecs.md section 2).
    """

    codec: Codec
    identity: bytes = b""  # what the configuration says to a decoder, in a form to compare
    config: bytes = field(default=b"", compare=False)  # the record as it came; MP3, legacy Opus: empty
    width: int = field(default=0, compare=False)
    height: int = field(default=0, compare=False)
    sample_rate: int = field(default=0, compare=False)
    channels: int = field(default=0, compare=False)
    codec_string: str = field(default="", compare=False)  # RFC 6381, for playlists and people

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
        identity = fields["identity"]
        assert isinstance(identity, bytes)
        return cls._of(codec, identity, config, fields)

    @classmethod
    def from_first_frame(cls, codec: Codec, payload: bytes) -> Track:
        """A track whose parameters are in its frames: MP3, and Opus signalled as sound format 13.

        Raises:
            MalformedConfig: the payload does not start with a frame header.
        """
        if codec is Codec.OPUS:
            channels = 2 if payload[:1] and payload[0] & 4 else 1  # RFC 6716 section 3.1: the s bit
            return cls(codec, bytes([channels]), sample_rate=48_000, channels=channels, codec_string="opus")
        try:
            fields = _native.parse_mp3_header(payload)
        except ValueError as error:
            raise MalformedConfig(f"{codec.label} frame header: {error}") from None
        identity = f"layer {fields['layer']}, {fields['sample_rate']} Hz, {fields['channels']} channels"
        return cls._of(codec, identity.encode(), b"", fields)

    @classmethod
    def _of(
        cls, codec: Codec, identity: bytes, config: bytes, fields: Mapping[str, int | str | bool | bytes]
    ) -> Track:
        return cls(
            codec,
            identity,
            config,
            width=int(fields.get("width", 0)),
            height=int(fields.get("height", 0)),
            sample_rate=int(fields.get("sample_rate", 0)),
            channels=int(fields.get("channels", 0)),
            codec_string=str(fields.get("codec_string", "")),
        )

"""Words of RTMP that both sides of a connection use: commands, user control events, codec announcements."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from engine._native import AmfValue

COMMAND_CHUNK_STREAM = 3
STATUS_CHUNK_STREAM = 5

WINDOW_BYTES = 2_500_000
"""What both sides ask the peer to acknowledge at; what most servers use."""

FOUR_CCS = ("avc1", "hvc1", "vvc1", "av01", "mp4a", ".mp3", "Opus")
"""The codecs of the matrix as Enhanced RTMP names them."""

CAN_DECODE, CAN_ENCODE, CAN_FORWARD = 1, 2, 4
"""Enhanced RTMP v2, FourCcInfoMask."""

ENHANCED_CAPABILITIES = 2 | 4
"""Enhanced RTMP v2, CapsExMask: multitrack and ModEx; not reconnect requests, not nanosecond offsets."""


class UserControl(IntEnum):
    """User control event types (section 7.1.7)."""

    STREAM_BEGIN = 0
    STREAM_EOF = 1
    SET_BUFFER_LENGTH = 3


@dataclass(frozen=True, slots=True)
class Command:
    """A command message, read without trust: a value that is missing or of another type reads as empty."""

    message_stream: int
    values: list[AmfValue]

    @property
    def name(self) -> str:
        """What is called, `_result` and `_error` for answers."""
        return self.text(0)

    @property
    def transaction(self) -> float:
        """The number that answers refer to; 0 wants none."""
        return self.number(1)

    @property
    def info(self) -> dict[str, AmfValue]:
        """The information object of a status or an answer: the last object of the command."""
        for value in reversed(self.values):
            if isinstance(value, dict):
                return value
        return {}

    def text(self, index: int) -> str:
        """The text at `index`, or ""."""
        value = self._at(index)
        return value if isinstance(value, str) else ""

    def number(self, index: int) -> float:
        """The number at `index`, or 0."""
        value = self._at(index)
        return value if isinstance(value, float) else 0.0

    def fields(self, index: int) -> dict[str, AmfValue]:
        """The object at `index`, or {}."""
        value = self._at(index)
        return value if isinstance(value, dict) else {}

    def _at(self, index: int) -> AmfValue:
        return self.values[index] if index < len(self.values) else None


def text_field(fields: dict[str, AmfValue], key: str) -> str:
    """A text field of an object, or ""."""
    value = fields.get(key)
    return value if isinstance(value, str) else ""

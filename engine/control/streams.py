"""Which stream, and where the origin has it. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True, order=True)
class StreamKey:
    """A stream as its publisher names it: push domain, push path, stream name."""

    domain: str
    app: str
    stream: str

    def __str__(self) -> str:
        return f"{self.domain}/{self.app}/{self.stream}"


class Routes(Protocol):
    """Where the origin has streams: its settings, never what a request says."""

    def url(self, key: StreamKey, mixed: bool) -> str:
        """What to pull: the stream, or its mix."""

    def mix_reuses_name(self, key: StreamKey) -> bool:
        """The mix is put out under the stream's own name: whoever records the stream records the mix."""

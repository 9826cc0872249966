"""One section while its media comes, and what belongs to none."""

from __future__ import annotations

from dataclasses import dataclass, field

from engine.media.batch import Batch, Kind
from engine.media.track import Track
from engine.segment.operations import Begin, Cause, Note

_LEFT_OUT = {
    Kind.VIDEO: "video frames came before the keyframe they need: left out",
    Kind.AUDIO: "audio frames came before the configuration they need: left out",
}


@dataclass(slots=True, eq=False)
class Section:
    """A section that has not ended. Until it begins its rows are held."""

    number: int
    cause: Cause
    dts_ms: int
    epoch: int
    metadata: bytes
    tracks: dict[int, Track] = field(default_factory=dict)  # kind -> track, of the kinds that moved here
    headers: dict[int, Batch] = field(default_factory=dict)
    arrived: set[int] = field(default_factory=set)  # kinds that came, to any section, since it was made
    begun: bool = False
    held: list[Batch] = field(default_factory=list)
    held_bytes: int = 0
    has_video: bool = False
    file_bytes: int = 0  # of what came for it, as `file_bytes` counts

    def begin(self) -> Begin:
        """Its beginning, with what is known of its tracks by now."""
        kinds = sorted(self.tracks, reverse=True)  # video first
        tracks = tuple(self.tracks[kind] for kind in kinds)
        headers = tuple(self.headers[kind] for kind in kinds if kind in self.headers)
        return Begin(self.number, self.cause, tracks, headers, self.metadata, self.dts_ms)


@dataclass(slots=True)
class LeftOut:
    """Counts the frames that nothing could play, until it is said."""

    _counts: dict[int, int] = field(default_factory=dict)

    @property
    def any(self) -> bool:
        """Whether there is something to say."""
        return bool(self._counts)

    def add(self, kind: int) -> None:
        """One more frame of a kind."""
        self._counts[kind] = self._counts.get(kind, 0) + 1

    def notes(self, *kinds: int) -> list[Note]:
        """What to say of these kinds; each frame is said once."""
        counts = {kind: self._counts.pop(kind, 0) for kind in kinds}
        return [
            Note("undecodable", f"{count} {_LEFT_OUT[Kind(kind)]}") for kind, count in counts.items() if count
        ]

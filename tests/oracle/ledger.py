"""G1 of recording.md: recorded intervals and gaps tile the window, and their bounds are true."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Stretch:
    """A part of the window: recorded when it has no reason."""

    start: datetime
    end: datetime
    reason: str = ""

    @property
    def lasts_s(self) -> float:
        """Its length."""
        return (self.end - self.start).total_seconds()


def stretches(files: Iterable[Path]) -> list[Stretch]:
    """What the manifests beside the files of one format say of the window, which must be whole."""
    found: list[Stretch] = []
    covered: datetime | None = None
    for file in files:
        manifest = json.loads(file.with_name(file.name + ".json").read_bytes())
        assert manifest["file"] == file.name
        start, end = (_moment(manifest["covers"][key]) for key in ("start", "end"))
        assert covered is None or start == covered, (
            f"{file.name} covers {start} on, the one before to {covered}"
        )
        covered = end
        pieces = [_stretch(piece) for piece in [*manifest["recorded"], *manifest["gaps"]]]
        pieces.sort(key=lambda piece: piece.start)
        assert pieces or start == end, f"{file.name} covers nothing"  # that is: a frame, or less than a tick
        for piece in pieces:
            assert piece.start < piece.end, f"{file.name}: {piece} has no length"
        borders = [start, *(piece.end for piece in pieces)]
        assert [piece.start for piece in pieces] == borders[: len(pieces)], f"{file.name} is not tiled"
        assert borders[-1] == end, f"{file.name}: its pieces end at {borders[-1]}, it covers up to {end}"
        found += pieces
    return _joined(found)


def _stretch(piece: dict[str, str]) -> Stretch:
    return Stretch(_moment(piece["start"]), _moment(piece["end"]), piece.get("reason", ""))


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _joined(pieces: Sequence[Stretch]) -> list[Stretch]:
    joined: list[Stretch] = []
    for piece in pieces:
        if joined and joined[-1].reason == piece.reason:
            joined[-1] = Stretch(joined[-1].start, piece.end, piece.reason)
        else:
            joined.append(piece)
    return joined


def gaps(pieces: Iterable[Stretch], *, longer_than_s: float = 0.0) -> list[Stretch]:
    """What is missing."""
    return [piece for piece in pieces if piece.reason and piece.lasts_s > longer_than_s]


def is_missing(pieces: Iterable[Stretch], at: datetime, slack_s: float) -> bool:
    """A moment is in a gap, or so close to one."""
    slack = timedelta(seconds=slack_s)
    return any(piece.start - slack <= at <= piece.end + slack for piece in pieces if piece.reason)

"""What a recovery did, and what the recovered file holds."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from engine.media.events import TrackInfo
from engine.mux.base import Stats


@dataclass(slots=True)
class Recovered:
    """A file that is whole again.

    `stats` say what a muxer's would have said had it closed the file, as far as the file tells: media bytes
    are those of the framing in MPEG-TS, times of bare audio are sums of its frames, and what the muxer had
    moved or left out is not known.
    """

    stats: Stats
    size_bytes: int
    """Of the file; of an HLS recording, its segments and initialization sections."""
    cut_bytes: int = 0
    """What was torn and is gone."""
    tracks: tuple[TrackInfo, ...] = ()
    problems: list[str] = field(default_factory=list)
    """What could not be made right, one line each; the file is left as it is there."""


def on_source_clock(stats: Stats, first_dts_ms: int | None) -> Stats:
    """The times of a file that starts at 0, where its source had them."""
    if first_dts_ms is None or stats.first_dts_ms is None or stats.last_dts_ms is None:
        return stats
    shift_ms = first_dts_ms - stats.first_dts_ms
    return replace(stats, first_dts_ms=first_dts_ms, last_dts_ms=stats.last_dts_ms + shift_ms)

"""What a recovery did, and what the recovered file holds."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from engine.media.events import TrackInfo
from engine.mux.base import Stats

_CLOCK_MS = 1 << 32  # where FLV's timestamps wrap
_SLACK_MS = 10_000  # a first packet is known this well


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
    """Times of a file moved to where its source had them, by the first one.

    What a 32-bit timestamp leaves open is then closed; a file that starts at 0 is moved as a whole.
    """
    if first_dts_ms is None or stats.first_dts_ms is None or stats.last_dts_ms is None:
        return stats
    shift_ms = first_dts_ms - stats.first_dts_ms
    wraps_ms = round(shift_ms / _CLOCK_MS) * _CLOCK_MS
    if abs(shift_ms - wraps_ms) <= _SLACK_MS and (wraps_ms or stats.first_dts_ms):
        shift_ms = wraps_ms
    return replace(
        stats, first_dts_ms=stats.first_dts_ms + shift_ms, last_dts_ms=stats.last_dts_ms + shift_ms
    )

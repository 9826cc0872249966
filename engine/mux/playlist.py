"""HLS media playlists (RFC 8216)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class Entry:
    """One media segment as it is listed."""

    uri: str
    duration_ms: int
    starts_at: datetime
    discontinuity: bool = False
    map_uri: str | None = None
    """The initialization section; listed where it differs from that of the entry before."""


class Playlist:
    """A playlist that grows at its end. Rendered lines are kept, so that growing costs one entry."""

    def __init__(self, hls_time_s: float) -> None:
        self._aim_s = math.ceil(hls_time_s)
        self._longest_s = 0
        self._lines: list[str] = []
        self._map_uri: str | None = None
        self.independent = True
        """Every segment so far starts with a keyframe."""

    def __len__(self) -> int:
        return sum(line.startswith("#EXTINF") for line in self._lines)

    def append(self, entry: Entry) -> None:
        """Lists a segment that is whole on disk."""
        if entry.discontinuity:
            self._lines.append("#EXT-X-DISCONTINUITY")
        if entry.map_uri is not None and entry.map_uri != self._map_uri:
            self._map_uri = entry.map_uri
            self._lines.append(f'#EXT-X-MAP:URI="{entry.map_uri}"')
        seconds, milliseconds = divmod(entry.duration_ms, 1000)
        self._lines += [
            f"#EXT-X-PROGRAM-DATE-TIME:{_iso_8601(entry.starts_at)}",
            f"#EXTINF:{seconds}.{milliseconds:03d},",
            entry.uri,
        ]
        self._longest_s = max(self._longest_s, _rounded_s(entry.duration_ms))

    def render(self, ended: bool) -> str:
        """The text: EVENT while it grows; once ended, VOD with ENDLIST and the exact TARGETDURATION."""
        target = self._longest_s if ended else max(self._longest_s, self._aim_s)
        head = [
            "#EXTM3U",
            f"#EXT-X-VERSION:{3 if self._map_uri is None else 6}",  # section 7: EXTINF fractions, EXT-X-MAP
            f"#EXT-X-TARGETDURATION:{max(target, 1)}",
            "#EXT-X-MEDIA-SEQUENCE:0",
            f"#EXT-X-PLAYLIST-TYPE:{'VOD' if ended else 'EVENT'}",
        ]
        if self.independent:
            head.append("#EXT-X-INDEPENDENT-SEGMENTS")
        tail = ["#EXT-X-ENDLIST"] if ended else []
        return "\n".join([*head, *self._lines, *tail, ""])


def _rounded_s(duration_ms: int) -> int:
    """To the nearest second, halves up: what section 4.3.3.1 compares with TARGETDURATION."""
    return (duration_ms + 500) // 1000


def _iso_8601(moment: datetime) -> str:
    if moment.utcoffset() == timedelta(0):
        return moment.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"
    return moment.isoformat(timespec="milliseconds")

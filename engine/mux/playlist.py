"""HLS media playlists (RFC 8216)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta
from typing import Any

from pydantic import TypeAdapter, ValidationError

from engine.errors import MalformedPlaylist
from engine.validation import first_problem


@dataclass(frozen=True, slots=True)
class SegmentNote:
    """What a recovery needs to know of a segment that it cannot see in it: noted when it is opened, and once
    more, with the three last fields, when it is whole."""

    name: str
    """In the playlist's folder."""
    starts_at: datetime
    start_ms: int
    """The source's dts of its first frame."""
    origin_ms: int = 0
    """The source's time of the container's 0; MPEG-TS wraps at 33 bits of 90 kHz."""
    discontinuity: bool = False
    map_uri: str | None = None
    independent: bool = True
    """It begins with a keyframe."""
    duration_ms: int | None = None
    size_bytes: int | None = None
    tally: tuple[int | None, ...] | None = None
    """`Tally.snapshot` of all frames up to its end."""

    def whole(self, duration_ms: int, size_bytes: int, tally: list[int | None]) -> SegmentNote:
        """The note of the segment's end."""
        return replace(self, duration_ms=duration_ms, size_bytes=size_bytes, tally=tuple(tally))

    def fields(self) -> dict[str, object]:
        """As JSON has it, without what is not known."""
        known = {one.name: value for one in fields(self) if (value := getattr(self, one.name)) is not None}
        return {**known, "starts_at": self.starts_at.isoformat()}

    @classmethod
    def of(cls, fields: Mapping[str, Any]) -> SegmentNote:
        """A note read back from JSON; fields of later versions are ignored.

        Raises:
            MalformedPlaylist: it is none.
        """
        try:
            return _NOTE.validate_python(dict(fields))
        except ValidationError as error:
            raise MalformedPlaylist(f"a segment's note: {first_problem(error)}") from None


_NOTE = TypeAdapter(SegmentNote)


@dataclass(frozen=True, slots=True)
class Entry:
    """One media segment as it is listed."""

    uri: str
    duration_ms: int
    starts_at: datetime | None
    discontinuity: bool = False
    map_uri: str | None = None
    """The initialization section; listed where it differs from that of the entry before."""


class Playlist:
    """A playlist that grows at its end. What is listed is kept as text, so that growing costs one entry."""

    def __init__(self, hls_time_s: float) -> None:
        self._aim_s = math.ceil(hls_time_s)
        self._longest_s = 0
        self._listed = bytearray()  # two hours of segments of 6 s take 170 KB; as lines, ten times that
        self._count = 0
        self._map_uri: str | None = None
        self.independent = True
        """Every segment so far starts with a keyframe."""

    def __len__(self) -> int:
        return self._count

    def append(self, entry: Entry) -> None:
        """Lists a segment that is whole on disk."""
        lines = []
        if entry.discontinuity:
            lines.append("#EXT-X-DISCONTINUITY")
        if entry.map_uri is not None and entry.map_uri != self._map_uri:
            self._map_uri = entry.map_uri
            lines.append(f'#EXT-X-MAP:URI="{entry.map_uri}"')
        if entry.starts_at is not None:
            lines.append(f"#EXT-X-PROGRAM-DATE-TIME:{_iso_8601(entry.starts_at)}")
        seconds, milliseconds = divmod(entry.duration_ms, 1000)
        lines += [f"#EXTINF:{seconds}.{milliseconds:03d},", entry.uri, ""]
        self._listed += "\n".join(lines).encode()
        self._count += 1
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
        return "\n".join([*head, self._listed.decode()]) + ("#EXT-X-ENDLIST\n" if ended else "")


def _rounded_s(duration_ms: int) -> int:
    """To the nearest second, halves up: what section 4.3.3.1 compares with TARGETDURATION."""
    return (duration_ms + 500) // 1000


def _iso_8601(moment: datetime) -> str:
    if moment.utcoffset() == timedelta(0):
        return moment.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"
    return moment.isoformat(timespec="milliseconds")

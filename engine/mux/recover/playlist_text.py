"""Reading back a playlist of ours, or one like it, without trusting it (RFC 8216)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

from engine.errors import MalformedPlaylist

LARGEST_BYTES = 16 << 20
_MOST_SEGMENTS = 100_000  # a week of segments of 6 s
LONGEST_MS = 30 * 86_400_000
NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*")
_EXTINF = re.compile(r"(\d{1,9})(?:\.(\d{1,9}))?,[^\n]*")
_HEAD = (
    "#EXT-X-VERSION",
    "#EXT-X-TARGETDURATION",
    "#EXT-X-PLAYLIST-TYPE",
)


@dataclass(slots=True)
class Listed:
    """A segment of a playlist."""

    name: str
    duration_ms: int
    discontinuity: bool
    map_name: str | None
    starts_at: datetime | None


@dataclass(slots=True)
class PlaylistText:
    """What a playlist lists."""

    segments: list[Listed]
    independent: bool
    ended: bool


def read_playlist(text: str, folder: str) -> PlaylistText:
    """A media playlist whose segments all stand in one folder beside it. Half a last line is ignored.

    Raises:
        MalformedPlaylist: it is none, or says more than a recording's does, which would be lost.
    """
    lines = text.split("\n")
    if lines[0].rstrip("\r") != "#EXTM3U":
        raise MalformedPlaylist("the first line is not #EXTM3U")
    reading = _Reading(folder)
    for line in lines[1:-1]:
        reading.take(line.rstrip("\r"))
    return PlaylistText(reading.segments, reading.independent, reading.ended)


class _Reading:
    """The lines of a playlist so far."""

    def __init__(self, folder: str) -> None:
        self.segments: list[Listed] = []
        self.independent = False
        self.ended = False
        self._folder = folder
        self._names: set[str] = set()
        self._duration_ms: int | None = None
        self._discontinuity = False
        self._map_name: str | None = None
        self._starts_at: datetime | None = None

    def take(self, line: str) -> None:
        if not line or (line.startswith("#") and not line.startswith("#EXT")):
            return
        if self.ended:
            raise MalformedPlaylist(f"{_quoted(line)} stands behind #EXT-X-ENDLIST")
        if line.startswith("#"):
            self._tag(line)
        else:
            self._segment(line)

    def _tag(self, line: str) -> None:
        name, _, value = line.partition(":")
        if name == "#EXTINF":
            self._duration_ms = _duration_ms(value)
        elif name == "#EXT-X-DISCONTINUITY":
            self._discontinuity = True
        elif name == "#EXT-X-PROGRAM-DATE-TIME":
            self._starts_at = _moment(value)
        elif name == "#EXT-X-MAP":
            match = re.fullmatch(r'URI="([^"]*)"', value)
            self._map_name = self._name(match[1] if match else value)
        elif name == "#EXT-X-INDEPENDENT-SEGMENTS":
            self.independent = True
        elif name == "#EXT-X-ENDLIST":
            self.ended = True
        elif name not in _HEAD and line != "#EXT-X-MEDIA-SEQUENCE:0":
            raise MalformedPlaylist(f"{_quoted(line)} is not known here")

    def _segment(self, uri: str) -> None:
        name = self._name(uri)
        if self._duration_ms is None:
            raise MalformedPlaylist(f"{_quoted(uri)} has no #EXTINF")
        if name in self._names:
            raise MalformedPlaylist(f"{_quoted(uri)} is listed twice")
        if len(self.segments) == _MOST_SEGMENTS:
            raise MalformedPlaylist(f"more than {_MOST_SEGMENTS} segments")
        self._names.add(name)
        self.segments.append(
            Listed(name, self._duration_ms, self._discontinuity, self._map_name, self._starts_at)
        )
        self._duration_ms, self._discontinuity, self._starts_at = None, False, None

    def _name(self, uri: str) -> str:
        folder, _, name = uri.partition("/")
        if folder != self._folder or not NAME.fullmatch(name):
            raise MalformedPlaylist(f"{_quoted(uri)} is no file of {self._folder}/")
        return name


def _duration_ms(value: str) -> int:
    match = _EXTINF.fullmatch(value)
    if match is None:
        raise MalformedPlaylist(f"#EXTINF:{_quoted(value)} is no duration")
    fraction = (match[2] or "0").ljust(4, "0")
    duration_ms = int(match[1]) * 1000 + (int(fraction[:4]) + 5) // 10
    if duration_ms > LONGEST_MS:
        raise MalformedPlaylist(f"#EXTINF:{_quoted(value)} is not believed")
    return duration_ms


def _moment(value: str) -> datetime:
    try:
        return datetime.fromisoformat(value)
    except ValueError:
        raise MalformedPlaylist(f"{_quoted(value)} is no date and time") from None


def _quoted(text: str) -> str:
    return repr(text if len(text) <= 80 else text[:77] + "...")

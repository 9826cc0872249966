"""HLS media playlists, read in pure Python (RFC 8216)."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path


class DamagedPlaylistError(Exception):
    """The text is not a media playlist."""


@dataclass
class Segment:
    """One media segment; `run` counts the discontinuities before it."""

    uri: str
    duration_text: str
    run: int
    map_uri: str | None
    program_time: datetime | None

    @property
    def duration_s(self) -> float:
        """EXTINF."""
        return float(self.duration_text)


@dataclass
class Playlist:
    """A media playlist."""

    path: Path
    version: int = 1
    target_s: int | None = None
    media_sequence: int | None = None
    kind: str | None = None
    ended: bool = False
    tags: list[str] = field(default_factory=list)
    segments: list[Segment] = field(default_factory=list)

    def file(self, uri: str) -> Path:
        """Where a relative URI of the playlist points."""
        return self.path.parent / uri


def read(path: Path) -> Playlist:
    """Reads a playlist.

    Raises:
        DamagedPlaylistError: a line that RFC 8216 does not allow where it stands.
    """
    lines = path.read_text(encoding="utf-8").split("\n")
    if lines[0] != "#EXTM3U":
        raise DamagedPlaylistError("the first line is not #EXTM3U")
    if lines[-1] != "":
        raise DamagedPlaylistError("the last line is cut")
    playlist = Playlist(path)
    duration, run, map_uri, program_time = None, 0, None, None
    for line in lines[1:-1]:
        name, _, value = line.partition(":")
        if playlist.ended:
            raise DamagedPlaylistError(f"{line!r} stands behind #EXT-X-ENDLIST")
        if line.startswith("#EXT"):
            playlist.tags.append(name)
        if name == "#EXT-X-VERSION":
            playlist.version = int(value)
        elif name == "#EXT-X-TARGETDURATION":
            playlist.target_s = int(value)
        elif name == "#EXT-X-MEDIA-SEQUENCE":
            playlist.media_sequence = int(value)
        elif name == "#EXT-X-PLAYLIST-TYPE":
            playlist.kind = value
        elif name == "#EXT-X-ENDLIST":
            playlist.ended = True
        elif name == "#EXT-X-DISCONTINUITY":
            run += 1
        elif name == "#EXT-X-MAP":
            map_uri = value.partition('URI="')[2].partition('"')[0]
        elif name == "#EXT-X-PROGRAM-DATE-TIME":
            program_time = datetime.fromisoformat(value)
        elif name == "#EXTINF":
            duration = value.partition(",")[0]
        elif line and not line.startswith("#"):
            if duration is None:
                raise DamagedPlaylistError(f"the segment {line} has no #EXTINF")
            playlist.segments.append(Segment(line, duration, run, map_uri, program_time))
            duration, program_time = None, None
    if duration is not None:
        raise DamagedPlaylistError("#EXTINF without a segment")
    return playlist

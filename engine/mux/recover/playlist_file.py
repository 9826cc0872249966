"""HLS: the playlist rebuilt from notes and from what is on disk, its last segment cut to whole packets."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path

from engine.errors import MalformedPlaylist, NothingRecorded
from engine.mux.playlist import Entry, Playlist, SegmentNote
from engine.mux.recover.playlist_text import LARGEST_BYTES, LONGEST_MS, NAME, read_playlist
from engine.mux.recover.report import Recovered
from engine.mux.recover.segment_file import Read, Segment, SegmentReader
from engine.mux.tally import Tally

_PART = ".part"
_SEGMENT = re.compile(r"(\d{5,9})\.(ts|m4s)")
_INIT = re.compile(r"init-(\d{1,9})\.mp4")


def rebuild_playlist(playlist: Path, notes: Sequence[SegmentNote]) -> Recovered:
    """As `engine.mux.recover.recover_playlist`."""
    folder = playlist.with_suffix("")
    plan, ended, independent = _noted(notes, folder) if notes else _listed(playlist)
    unlisted = list(_unlisted(folder, plan))
    plan += unlisted
    rebuild = _Rebuild(folder, independent)
    for segment in plan:
        rebuild.add(segment)
    rebuild.flush()
    if not rebuild.listed:
        _refuse(playlist, folder)
    stats = rebuild.reader.tally.stats()
    report = Recovered(
        stats, rebuild.size_bytes, rebuild.cut_bytes, rebuild.reader.tracks(), rebuild.problems
    )
    rebuild.sync()
    if not ended or unlisted or notes or rebuild.cut_bytes:
        _replace(playlist, rebuild.text())
    return report


def _noted(notes: Sequence[SegmentNote], folder: Path) -> tuple[list[Segment], bool, bool]:
    latest: dict[str, SegmentNote] = {}
    for note in notes:
        if not NAME.fullmatch(note.name):
            raise MalformedPlaylist(f"a segment's note names {note.name!r}")
        if note.map_uri is not None and not _is_inside(note.map_uri, folder):
            raise MalformedPlaylist(f"a segment's note has the map {note.map_uri!r}")
        try:
            Tally.resumed(note.tally or Tally().snapshot())
        except ValueError as error:
            raise MalformedPlaylist(f"a segment's note has {error}") from None
        latest[note.name] = note
    plan = [
        Segment(
            note.name,
            note.starts_at,
            note.start_ms,
            note.origin_ms,
            note.discontinuity,
            None if note.map_uri is None else note.map_uri.rpartition("/")[2],
            note.duration_ms,
            note.size_bytes,
            note.tally,
        )
        for note in latest.values()
    ]
    return plan, False, all(note.independent for note in latest.values())


def _is_inside(uri: str, folder: Path) -> bool:
    start, _, name = uri.partition("/")
    return start == folder.name and NAME.fullmatch(name) is not None


def _listed(playlist: Path) -> tuple[list[Segment], bool, bool]:
    try:
        with playlist.open("rb") as file:
            data = file.read(LARGEST_BYTES + 1)
    except FileNotFoundError:
        return [], False, True
    if len(data) > LARGEST_BYTES:
        raise MalformedPlaylist(f"{playlist}: more than {LARGEST_BYTES} bytes")
    try:
        found = read_playlist(data.decode(), playlist.stem)
    except (MalformedPlaylist, UnicodeDecodeError) as error:
        raise MalformedPlaylist(f"{playlist}: {error}") from None
    plan = [
        Segment(
            one.name,
            one.starts_at,
            discontinuity=one.discontinuity,
            map_name=one.map_name,
            duration_ms=one.duration_ms,
        )
        for one in found.segments
    ]
    return plan, found.ended, found.independent or not plan


def _unlisted(folder: Path, plan: Sequence[Segment]) -> Iterator[Segment]:
    """What stands in the folder behind the last segment that is known."""
    known = {segment.name for segment in plan}
    names = {name.removesuffix(_PART) for name in _names(folder)}
    last = max((int(match[1]) for name in known if (match := _SEGMENT.fullmatch(name))), default=-1)
    maps = sorted((name for name in names if _INIT.fullmatch(name)), key=lambda name: (len(name), name))
    last_map = maps[-1] if maps else None
    before, origin_ms = (plan[-1].map_name, plan[-1].origin_ms) if plan else (last_map, 0)
    for name in sorted(names - known, key=lambda name: (len(name), name)):
        match = _SEGMENT.fullmatch(name)
        if match is None or int(match[1]) <= last:
            continue
        map_name = last_map if match[2] == "m4s" else None
        changes = bool(plan) and map_name != before
        yield Segment(name, origin_ms=origin_ms, discontinuity=changes or None, map_name=map_name)
        before = map_name


def _names(folder: Path) -> list[str]:
    try:
        return os.listdir(folder)
    except FileNotFoundError:
        return []


class _Rebuild:
    """The playlist that is being rebuilt."""

    def __init__(self, folder: Path, independent: bool) -> None:
        self._folder = folder
        self._playlist = Playlist(1.0)
        self._playlist.independent = independent
        self._files: dict[str, None] = {}
        self._breaks = False  # something in front of the next segment is gone
        self._waiting: tuple[Segment, Read] | None = None  # the next one says how long it lasts
        self._next_starts_at: datetime | None = None
        self.reader = SegmentReader(folder)
        self.size_bytes = 0
        self.cut_bytes = 0
        self.problems: list[str] = []

    @property
    def listed(self) -> int:
        return len(self._playlist)

    def add(self, segment: Segment) -> None:
        """Lists a segment, if there is one."""
        path = self._find(segment)
        if path is None:
            return
        if segment.map_name is not None and not self._has_map(segment.map_name):
            self._lose(f"{segment.name} is left out: its {segment.map_name} is missing")
            return
        if self._breaks:
            segment.discontinuity = True
        try:
            read = self.reader.read(path, segment)
        except ValueError as error:
            self._lose(f"{segment.name} is left out: {error}")
            return
        if read is None:
            self._breaks = bool(segment.discontinuity)
            self._drop(path)
            return
        if path.suffix == _PART:
            os.rename(path, self._folder / segment.name)
        self.cut_bytes += read.cut_bytes
        self._breaks = read.cut_bytes > 0
        self.flush(None if read.discontinuity else read.start_ms)
        self._waiting = segment, read

    def _lose(self, line: str) -> None:
        self.problems.append(line)
        self.reader.lose()
        self._breaks = True

    def _drop(self, path: Path) -> None:
        if path.suffix == _PART:
            self.cut_bytes += path.stat().st_size
            path.unlink()
        else:
            self._lose(f"{path.name} is left out: no whole packet in it")

    def _find(self, segment: Segment) -> Path | None:
        final = self._folder / segment.name
        growing = self._folder / (segment.name + _PART)
        if final.exists():
            if growing.exists() and growing.samefile(final):
                growing.unlink()  # a rename made of link and unlink was torn
            return final
        if growing.exists():
            return growing
        if segment.duration_ms is not None:
            self._lose(f"{segment.name} is missing")
        return None

    def _has_map(self, name: str) -> bool:
        final = self._folder / name
        if name not in self._files and final.is_file():
            self._files[name] = None
            self.size_bytes += final.stat().st_size
        return name in self._files

    def flush(self, next_ms: int | None = None) -> None:
        """Lists the segment that waits; `next_ms` is where the next one on its clock starts."""
        if self._waiting is None:
            return
        (segment, read), self._waiting = self._waiting, None
        duration_ms = read.duration_ms
        if next_ms is not None and not read.is_exact and next_ms - read.start_ms <= LONGEST_MS:
            duration_ms = max(0, next_ms - read.start_ms)
        starts_at = segment.starts_at or self._next_starts_at
        if starts_at is not None:
            self._next_starts_at = starts_at + timedelta(milliseconds=duration_ms)
        map_uri = None if segment.map_name is None else f"{self._folder.name}/{segment.map_name}"
        uri = f"{self._folder.name}/{segment.name}"
        breaks = read.discontinuity and self.listed > 0
        self._playlist.append(Entry(uri, duration_ms, starts_at, breaks, map_uri))
        self._files[segment.name] = None
        self.size_bytes += (self._folder / segment.name).stat().st_size

    def text(self) -> str:
        return self._playlist.render(ended=True)

    def sync(self) -> None:
        """All that is listed is on disk; what only a growing playlist needs is gone."""
        for name in self._files:
            _sync(self._folder / name)
        for name in _names(self._folder):
            if _INIT.fullmatch(name.removesuffix(_PART)) and name not in self._files:
                (self._folder / name).unlink()
        _sync(self._folder)


def _refuse(playlist: Path, folder: Path) -> None:
    left = [name for name in _names(folder) if _SEGMENT.fullmatch(name.removesuffix(_PART))]
    if left:
        raise MalformedPlaylist(f"{playlist}: none of its segments can be read; they are left as they are")
    raise NothingRecorded(f"{playlist}: no whole packet in its segments")


def _replace(playlist: Path, text: str) -> None:
    """Replaces the playlist by rename when it says something else."""
    data = text.encode()
    if not (playlist.exists() and playlist.stat().st_size == len(data) and playlist.read_bytes() == data):
        growing = playlist.with_name(playlist.name + ".tmp")
        try:
            with growing.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.replace(growing, playlist)
        except OSError:  # a full disk must not be left with an empty file
            growing.unlink(missing_ok=True)
            raise
    _sync(playlist)
    _sync(playlist.parent)


def _sync(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)

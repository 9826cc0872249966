"""Streams made of the sample streams: cut, joined, with tracks taken out, with other metadata."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import flv_rewrite
from flv_rewrite import AUDIO, SCRIPT, VIDEO, Tag
from oracle import flv
from oracle.flv import Media

PROMISES_BOTH: dict[str, float | bool | str] = {
    "hasVideo": True,
    "hasAudio": True,
    "videocodecid": 7.0,
    "audiocodecid": 10.0,
}


def tags_of(path: Path) -> list[Tag]:
    """The audio and video tags of a file."""
    return [tag for tag in flv_rewrite.read_tags(path.read_bytes()) if tag.kind != SCRIPT]


def media_of(tag: Tag) -> Media:
    """What track 0 has in a tag."""
    return flv.main_media(flv.Tag(tag.kind, tag.timestamp_ms, tag.body, 0))


def is_frame(tag: Tag) -> bool:
    """A tag with coded media in it."""
    return media_of(tag).role == "frame"


def write(path: Path, tags: Iterable[Tag], metadata: dict[str, float | bool | str] | None = None) -> Path:
    """An FLV file of these tags."""
    path.write_bytes(flv_rewrite.file_bytes(tags, metadata or {}))
    return path


def without(tags: Iterable[Tag], drop: Callable[[Tag], bool]) -> list[Tag]:
    """The tags but those to drop."""
    return [tag for tag in tags if not drop(tag)]


def only(tags: Iterable[Tag], kind: int) -> list[Tag]:
    """One track."""
    return [tag for tag in tags if tag.kind == kind]


def moved(tags: Iterable[Tag], by_ms: int) -> list[Tag]:
    """The same on another clock."""
    return [replace(tag, timestamp_ms=tag.timestamp_ms + by_ms & 0xFFFFFFFF) for tag in tags]


def delayed(tags: Iterable[Tag], kind: int, by_ms: int) -> list[Tag]:
    """The same times in another order: the frames of one track arrive later."""

    def arrives_ms(tag: Tag) -> int:
        return tag.timestamp_ms + (by_ms if tag.kind == kind and is_frame(tag) else 0)

    return sorted(tags, key=arrives_ms)


def one_after_another(*parts: list[Tag], pause_ms: int = 40) -> list[Tag]:
    """Streams joined on one clock, so that they follow each other without a jump."""
    out: list[Tag] = []
    for part in parts:
        ends = [tag.timestamp_ms for tag in out]
        starts = [tag.timestamp_ms for tag in part if is_frame(tag)]
        out += moved(part, max(ends) + pause_ms - min(starts) if ends else 0)
    return out


__all__ = [
    "AUDIO",
    "PROMISES_BOTH",
    "SCRIPT",
    "VIDEO",
    "Tag",
    "delayed",
    "is_frame",
    "media_of",
    "moved",
    "one_after_another",
    "only",
    "tags_of",
    "without",
    "write",
]

"""Connections that begin with media that was recorded before."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from batches import Tag, audio, audio_config, batch, joined_rows, video, video_config

from engine.media.batch import Batch, Flag, Kind, Role
from engine.timeline import Fresh, Joined, Memory, Rejoin, Timeline

Row = tuple[int, int, bytes]  # kind, dts, body


def camera(start: int, end: int, *, gop_ms: int = 1000) -> list[Tag]:
    """Frames of which no two are alike, a picture each 40 ms and an audio frame each 23 ms."""
    frames = [
        video(time, key=time % gop_ms == 0, payload=b"picture %d" % time)
        for time in range(0, end, 40)
        if time >= start
    ]
    frames += [audio(time, payload=b"sound %d" % time) for time in range(0, end, 23) if time >= start]
    return sorted(frames, key=lambda tag: tag[1])


def at(tags: Iterable[Tag], offset_ms: int) -> list[Tag]:
    """The same media at another time."""
    return [(kind, time + offset_ms, body) for kind, time, body in tags]


HEADERS = [video_config(), audio_config()]


def placed(tags: Sequence[Tag] | Batch) -> Batch:
    """Rows as a fresh timeline places them."""
    rows = tags if isinstance(tags, Batch) else batch(*tags)
    Timeline().place(rows)
    return rows


def memory_of(*pieces: Sequence[Tag] | Batch) -> Memory:
    memory = Memory()
    for piece in pieces:
        memory.remember(placed(piece))
    return memory


@dataclass(frozen=True)
class Result:
    """An outcome as plain values."""

    is_fresh: bool
    rows: list[Row]  # everything that is to be recorded, on the recorded clock
    from_keyframe: list[Row]
    offset_ms: int = 0
    dropped_packets: int = 0
    dropped_ms: int = 0


def rejoined(memory: Memory, pieces: Iterable[Batch]) -> Result:
    """What becomes of a connection of these (placed) batches, to its end."""
    rejoin = Rejoin(memory)
    outcome: Fresh | Joined | None = None
    later: list[Batch] = []
    for piece in pieces:
        if outcome is None:
            outcome = rejoin.feed(piece)
        else:
            later.append(piece)
    if outcome is None:
        outcome = rejoin.finish()
    if isinstance(outcome, Fresh):
        return Result(True, joined_rows([*outcome.batches, *later]), [])
    moved = [Batch(piece.arena, piece.tags.copy()) for piece in later]
    for piece in moved:
        piece.tags["dts"] += outcome.offset_ms
    return Result(
        False,
        joined_rows([*outcome.batches_after, *moved]),
        joined_rows([*outcome.from_keyframe, *moved]),
        outcome.offset_ms,
        outcome.dropped_packets,
        outcome.dropped_ms,
    )


def reconnect(recorded: Sequence[Tag], new: Sequence[Tag]) -> Result:
    """A connection of `new` behind one of `recorded`, each with headers of its own."""
    return rejoined(memory_of([*HEADERS, *recorded]), [placed([*HEADERS, *new])])


def frames(rows: Iterable[Row]) -> list[Row]:
    """The rows but the headers."""
    return [row for row in rows if row[2][1:2] != b"\0" and row[0] != Kind.SCRIPT]


def keyframes(rows: Batch) -> list[int]:
    """Where the video keyframes are."""
    tags = rows.tags
    is_key = (
        (tags["kind"] == int(Kind.VIDEO))
        & (tags["role"] == int(Role.FRAME))
        & (tags["flags"] & Flag.KEY != 0)
    )
    return [row for row, key in enumerate(is_key) if key]

"""What a stream keeps so that a new reader starts at the last keyframe."""

from __future__ import annotations

import numpy as np

from engine import _native
from engine.media.batch import Batch, Flag, Kind, Role

_ON_META_DATA = b"\x02\x00\x0aonMetaData"  # an AMF0 string, as a script tag begins with it
_HEAD_ROLES = (Role.CONFIG, Role.METADATA)


class StartCache:
    """onMetaData, the decoder configurations in force at the last keyframe, and every row since it.

    A stream without video keeps no media: a reader can start at any packet.
    """

    def __init__(self, gop_bytes: int) -> None:
        self._gop_bytes = gop_bytes
        self._metadata: Batch | None = None
        self._configs: dict[tuple[int, int, int], Batch] = {}
        self._head: list[Batch] = []
        self._gop: list[Batch] = []
        self._held_bytes = 0
        self._has_audio = False
        self._has_video = False
        self._last_dts = 0

    @property
    def ready(self) -> bool:
        """A reader can start now rather than at the next keyframe."""
        return bool(self._gop) or not self._has_video

    @property
    def tracks(self) -> tuple[bool, bool]:
        """(audio, video) as seen or as promised by onMetaData; both when nothing is known."""
        promised_audio, promised_video = self._promised()
        audio, video = self._has_audio or promised_audio, self._has_video or promised_video
        return (audio, video) if audio or video else (True, True)

    def add(self, batch: Batch) -> None:
        """Takes a batch in; its arena is kept as long as the rows since the keyframe need it."""
        tags = batch.tags
        if not len(tags):
            return
        kinds, roles = tags["kind"], tags["role"]
        self._has_audio = self._has_audio or bool((kinds == Kind.AUDIO).any())
        self._has_video = self._has_video or bool((kinds == Kind.VIDEO).any())
        self._last_dts = int(tags["dts"][-1])
        keys = np.flatnonzero((kinds == Kind.VIDEO) & (roles == Role.FRAME) & (tags["flags"] & Flag.KEY != 0))
        heads = np.flatnonzero(np.isin(roles, _HEAD_ROLES) | (kinds == Kind.SCRIPT))
        if not len(keys):
            self._keep_heads(batch, heads)
            if self._gop:
                self._append(batch)
            return
        key = int(keys[-1])
        self._keep_heads(batch, heads[heads < key])
        self._head = list(self._configs.values())
        self._gop, self._held_bytes = [], 0
        self._append(batch.rows(slice(key, None)))
        self._keep_heads(batch, heads[heads > key])

    def start(self) -> list[Batch]:
        """What a new reader is sent first.

        Configurations carry the time of what follows, onMetaData carries 0: at another time FFmpeg takes it
        for subtitles.
        """
        dts = int(self._gop[0].tags["dts"][0]) if self._gop else self._last_dts
        configs = self._head if self._gop else list(self._configs.values())
        head = [_at(self._metadata, 0)] if self._metadata else []
        return [*head, *(_at(row, dts) for row in configs), *self._gop]

    def _append(self, batch: Batch) -> None:
        if not self._gop or self._gop[-1].arena is not batch.arena:  # rows of one arena often come one by one
            self._held_bytes += len(batch.arena)
        self._gop.append(batch)
        if self._held_bytes > self._gop_bytes:
            self._gop, self._held_bytes = [], 0

    def _keep_heads(self, batch: Batch, rows: np.ndarray[tuple[int], np.dtype[np.intp]]) -> None:
        for row in map(int, rows):
            tag = batch.tags[row]
            if tag["kind"] == Kind.SCRIPT:
                if _is_metadata(batch, row):
                    self._metadata = _alone(batch, row)
            else:
                self._configs[int(tag["kind"]), int(tag["role"]), int(tag["track"])] = _alone(batch, row)

    def _promised(self) -> tuple[bool, bool]:
        if self._metadata is None:
            return False, False
        try:
            values = _native.amf0_decode(self._metadata.body(0))
        except ValueError:
            return False, False
        fields = values[1] if len(values) > 1 else None
        if not isinstance(fields, dict):
            return False, False
        return (
            bool(fields.get("hasAudio")) or "audiocodecid" in fields,
            bool(fields.get("hasVideo")) or "videocodecid" in fields,
        )


def without_metadata(batch: Batch) -> Batch:
    """The rows but onMetaData."""
    rows = [row for row in range(len(batch)) if not _is_metadata(batch, row)]
    return batch if len(rows) == len(batch) else batch.rows(np.array(rows, dtype=np.intp))


def _is_metadata(batch: Batch, row: int) -> bool:
    return bool(batch.tags["kind"][row] == Kind.SCRIPT) and batch.body(row).startswith(_ON_META_DATA)


def _alone(batch: Batch, row: int) -> Batch:
    """One row over an arena of its own, so that it does not hold the batch's."""
    tags = batch.tags[row : row + 1].copy()
    tags["media_offset"] -= tags["offset"]
    tags["offset"] = 0
    return Batch(batch.body(row), tags)


def _at(one: Batch, dts: int) -> Batch:
    """The row at another time."""
    tags = one.tags.copy()
    tags["dts"] = dts
    return Batch(one.arena, tags)

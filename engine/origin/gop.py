"""What a stream keeps so that a new reader starts at the last keyframe."""

from __future__ import annotations

import numpy as np

from engine import _native
from engine.media.batch import Batch, Flag, Kind, Role
from engine.origin.limits import OriginLimits
from engine.origin.total import Total

_ON_META_DATA = b"\x02\x00\x0aonMetaData"  # an AMF0 string, as a script tag begins with it
_HEAD_ROLES = (Role.CONFIG, Role.METADATA)
_BATCH_BYTES = 256  # a Batch and the array object of its rows
_METADATA = (int(Kind.SCRIPT), int(Role.SCRIPT), 0)

_Slot = tuple[int, int, int]  # kind, role, track


class StartCache:
    """onMetaData, the decoder configurations in force at the last keyframe, and every row since it.

    A stream without video keeps no media: a reader can start at any packet.

    Args:
        limits: How much of it is kept.
        total: What all streams keep.
    """

    def __init__(self, limits: OriginLimits, total: Total) -> None:
        self._limits = limits
        self._total = total
        self._heads: dict[_Slot, Batch] = {}
        self._heads_bytes = 0
        self._gop_heads: list[Batch] = []  # the configurations in force at the keyframe
        self._gop: list[Batch] = []
        self._gop_bytes = 0
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

    @property
    def held_bytes(self) -> int:
        """What is kept. Heads count twice: those at the keyframe may be older ones."""
        return 2 * self._heads_bytes + self._gop_bytes

    def let_go(self) -> None:
        """Keep no media until the next keyframe; and no heads either when they are all there is."""
        if not self._gop:
            self._heads, self._heads_bytes = {}, 0
        self._forget_gop()

    def close(self) -> None:
        """The stream is over."""
        self._total.leave(self)

    def add(self, batch: Batch) -> None:
        """Takes a batch in; its arena is kept as long as the rows since the keyframe need it."""
        self._add(batch)
        self._total.note(self)

    def _add(self, batch: Batch) -> None:
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
        self._forget_gop()
        self._gop_heads = self._configs()
        self._append(batch.rows(slice(key, None)))
        self._keep_heads(batch, heads[heads > key])

    def start(self) -> list[Batch]:
        """What a new reader is sent first.

        Configurations carry the time of what follows, onMetaData carries 0: at another time FFmpeg takes it
        for subtitles.
        """
        dts = int(self._gop[0].tags["dts"][0]) if self._gop else self._last_dts
        configs = self._gop_heads if self._gop else self._configs()
        metadata = self._heads.get(_METADATA)
        head = [_at(metadata, 0)] if metadata else []
        return [*head, *(_at(row, dts) for row in configs), *self._gop]

    def _append(self, batch: Batch) -> None:
        if not self._gop or self._gop[-1].arena is not batch.arena:  # rows of one arena often come one by one
            self._gop_bytes += len(batch.arena)
        self._gop_bytes += batch.tags.nbytes + _BATCH_BYTES
        self._gop.append(batch)
        if self._gop_bytes > self._limits.gop_bytes:
            self._forget_gop()

    def _forget_gop(self) -> None:
        self._gop, self._gop_heads, self._gop_bytes = [], [], 0

    def _configs(self) -> list[Batch]:
        return [head for slot, head in self._heads.items() if slot != _METADATA]

    def _keep_heads(self, batch: Batch, rows: np.ndarray[tuple[int], np.dtype[np.intp]]) -> None:
        for row in map(int, rows):
            tag = batch.tags[row]
            if tag["kind"] != Kind.SCRIPT:
                self._keep_head((int(tag["kind"]), int(tag["role"]), int(tag["track"])), batch, row)
            elif _is_metadata(batch, row):
                self._keep_head(_METADATA, batch, row)

    def _keep_head(self, slot: _Slot, batch: Batch, row: int) -> None:
        before = self._heads.get(slot)
        held_bytes = self._heads_bytes - (_cost_bytes(len(before.arena)) if before else 0)
        held_bytes += _cost_bytes(int(batch.tags["size"][row]))
        if held_bytes <= self._limits.head_bytes:
            self._heads[slot], self._heads_bytes = batch.alone(row), held_bytes

    def _promised(self) -> tuple[bool, bool]:
        metadata = self._heads.get(_METADATA)
        if metadata is None:
            return False, False
        try:
            values = _native.amf0_decode(metadata.body(0))
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


def _cost_bytes(body_bytes: int) -> int:
    """What one row alone takes."""
    return body_bytes + _native.TAG_BYTES + _BATCH_BYTES


def _at(one: Batch, dts: int) -> Batch:
    """The row at another time."""
    tags = one.tags.copy()
    tags["dts"] = dts
    return Batch(one.arena, tags)

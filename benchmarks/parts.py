"""The parts of a recording, each ready to be run many times over the same media, in ticks of a second."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from engine import _native
from engine.media.batch import Batch
from engine.media.codecs import Format
from engine.mux import MuxOptions, open_muxer
from engine.record.intake import Intake
from engine.record.limit import MediaLimit
from engine.segment import Begin, CutRule, Media, Segmenter
from engine.store import GrowingFile
from engine.timeline import Timeline

_TICK_MS = 1000
_PART_MS = 10_000  # of the file
_READ_BYTES = 128 << 10
_START = datetime(2026, 1, 1, tzinfo=UTC)

PARTS = ("parser", "tick", "flv", "mp4", "hls-ts", "hls-fmp4", "finalizer")


@dataclass(frozen=True, slots=True)
class Prepared:
    """A part and how many packets one run of it takes."""

    run: Callable[[], None]
    packets: int


class _Nowhere:
    """A sink that counts."""

    def __init__(self, name: str = "nowhere") -> None:
        self.name = name
        self.size = 0

    def write(self, data: bytes | _native.Pieces) -> None:
        self.size += len(data)

    def patch(self, offset: int, data: bytes) -> None:
        """Nothing to patch."""

    def fields(self) -> dict[str, Any]:
        return {}


class _NowhereFolder:
    """A folder of such sinks."""

    def open(self, name: str, note: object = None) -> _Nowhere:
        return _Nowhere(name)

    def commit(self, sink: _Nowhere, note: object = None) -> str:
        return sink.name

    def publish(self, text: str) -> None:
        """Nobody reads it."""


@contextmanager
def prepare(part: str, file: Path) -> Iterator[Prepared]:
    """One of PARTS over the beginning of an FLV file."""
    data = _beginning(file)
    match part:
        case "parser":
            yield Prepared(lambda: _parse(data), len(_batch(data)))
        case "tick":
            ticks = _ticks(_batch(data))
            yield Prepared(lambda: _take_in(ticks), sum(map(len, ticks)))
        case "finalizer":
            with tempfile.TemporaryDirectory() as folder:
                yield _finalizer(data, Path(folder))
        case _:
            yield _muxer(part, data)


def _beginning(file: Path) -> bytes:
    """As much of the file as is measured, cut to whole tags."""
    data = file.read_bytes()
    tags = _batch(data).tags
    last = int(np.searchsorted(tags["timestamp"], tags["timestamp"][0] + _PART_MS, side="right"))
    if last >= len(tags):
        return data
    return data[: int(tags["size"][:last].sum()) + 13 + 15 * last]


def _batch(data: bytes) -> Batch:
    reader = _native.FlvReader()
    reader.feed(data)
    taken = reader.take()
    if taken is None:
        raise RuntimeError("no FLV")
    return Batch.from_native(taken)


def _parse(data: bytes) -> None:
    reader = _native.FlvReader()
    for at in range(0, len(data), _READ_BYTES):
        reader.feed(data[at : at + _READ_BYTES])
        reader.take()


def _ticks(batch: Batch) -> list[Batch]:
    times = batch.tags["timestamp"] - batch.tags["timestamp"][0]
    ticks = []
    for number in range(int(times[-1]) // _TICK_MS + 1):
        rows = np.flatnonzero(times // _TICK_MS == number)
        if len(rows):
            ticks.append(Batch(batch.arena, batch.tags[rows[0] : rows[-1] + 1].copy()))
    return ticks


def _take_in(ticks: list[Batch]) -> None:
    """Timeline, segmenter, memory of what was recorded and wall clock: all between parser and muxer."""
    limit = MediaLimit(None)
    intake = Intake(_START, limit, rule=CutRule(), audio_only=False, jump="discontinuity")
    intake.connect(may_repeat=False)
    for tick in ticks:
        intake.feed(tick, _START)


def _media(data: bytes) -> tuple[Begin, list[Batch]]:
    timeline = Timeline()
    segmenter = Segmenter(CutRule(), audio_only=False, first_section=0)
    begin, media = None, []
    for tick in _ticks(_batch(data)):
        timeline.place(tick)
        for operation in segmenter.feed(tick):
            if isinstance(operation, Begin):
                begin = operation
            elif isinstance(operation, Media):
                media.append(operation.batch)
    if begin is None:
        raise RuntimeError("no keyframe")
    return begin, media


def _muxer(part: str, data: bytes) -> Prepared:
    begin, media = _media(data)
    format = Format(part.partition("-")[0])
    segment = "fmp4" if part == "hls-fmp4" else "ts"
    options = MuxOptions(hls_segment=segment, headers=begin.headers, started_at=_START)

    def run() -> None:
        out: Any = _NowhereFolder() if format is Format.HLS else _Nowhere()
        muxer = open_muxer(format, begin.tracks, out, options)
        for batch in media:
            muxer.write(batch)

    return Prepared(run, sum(map(len, media)))


def _finalizer(data: bytes, folder: Path) -> Prepared:
    """MP4 as a killed recorder leaves it; each run gets a fresh copy."""
    begin, media = _media(data)
    sink = GrowingFile(folder / "left.mp4")
    muxer = open_muxer(Format.MP4, begin.tracks, sink, MuxOptions(headers=begin.headers, started_at=_START))
    for batch in media:
        muxer.write(batch)
    sink.abandon()
    left, copy = folder / "left.mp4.part", folder / "copy.mp4"

    def run() -> None:
        shutil.copyfile(left, copy)
        _native.finalize_mp4(str(copy))

    return Prepared(run, muxer.stats.video_packets + muxer.stats.audio_packets)

"""Muxers run over whole FLV files: the way a recording feeds them, without the stages before."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from engine import _native
from engine._native import Pieces
from engine.media.batch import Batch, Flag, Kind, Role
from engine.media.codecs import Codec, Format
from engine.media.track import Track
from engine.mux import MuxOptions, Stats, open_muxer
from engine.mux.base import Muxer

ROWS_PER_BATCH = 20  # a quarter of a second of 25 fps video with AAC


@dataclass(frozen=True)
class Stream:
    """What the segment stage would give: rows from the first cut point, tracks, configurations."""

    batch: Batch
    headers: Batch
    tracks: tuple[Track, ...]
    metadata: dict[str, _native.AmfValue]

    def batches(self, rows: int = ROWS_PER_BATCH) -> Iterable[Batch]:
        """The rows a few at a time."""
        for start in range(0, len(self.batch), rows):
            yield self.batch.rows(slice(start, start + rows))

    def shifted(self, offset_ms: int) -> Stream:
        """The same on another clock."""
        tags = self.batch.tags.copy()
        tags["dts"] += offset_ms
        return replace(self, batch=Batch(self.batch.arena, tags))


def read_stream(path: Path) -> Stream:
    """An FLV file from its first video keyframe, or from its start when it has no video (F4)."""
    reader = _native.FlvReader()
    reader.feed(path.read_bytes())
    reader.finish()
    assert reader.fault is None, reader.fault
    taken = reader.take()
    assert taken is not None
    whole = Batch.from_native(taken)
    tags = whole.tags
    frames = tags["role"] == Role.FRAME
    keys = np.flatnonzero(frames & (tags["kind"] == Kind.VIDEO) & (tags["flags"] & Flag.KEY != 0))
    start = int(keys[0]) if len(keys) else 0
    configured = np.flatnonzero(tags["role"] == Role.CONFIG)
    headers = {int(tags["kind"][row]): row for row in configured[::-1].tolist()}
    tracks = []
    for kind in (Kind.VIDEO, Kind.AUDIO):
        first = np.flatnonzero(frames & (tags["kind"] == kind))
        if not len(first):
            continue
        codec = Codec.of(int(tags["codec"][first[0]]))
        row = headers.get(int(kind))
        tracks.append(
            Track.from_first_frame(codec, whole.media(int(first[0])))
            if row is None
            else Track.from_config(codec, whole.media(row))
        )
    return Stream(
        whole.rows(slice(start, None)),
        whole.rows(np.array(sorted(headers.values()), dtype=np.intp)),
        tuple(tracks),
        _metadata(whole),
    )


def _metadata(whole: Batch) -> dict[str, _native.AmfValue]:
    for row in np.flatnonzero(whole.tags["kind"] == Kind.SCRIPT).tolist():
        name, *values = _native.amf0_decode(whole.body(row))
        if name == "onMetaData" and values and isinstance(values[0], dict):
            return values[0]
    return {}


class FileSink:
    """A sink on a plain file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = path.open("w+b")
        self.size = 0
        self.writes = 0

    def write(self, data: bytes | Pieces) -> int:
        """Appends."""
        self._file.write(bytes(data))
        self.size += len(data)
        self.writes += 1
        return len(data)

    def patch(self, offset: int, data: bytes) -> None:
        """Overwrites."""
        assert offset + len(data) <= self.size, "a patch never makes the file longer"
        self._file.seek(offset)
        self._file.write(data)
        self._file.seek(self.size)

    def flush(self) -> None:
        """Hands what is buffered to the system."""
        self._file.flush()

    def close(self) -> None:
        """Ends the file."""
        self._file.close()


class PlainFolder:
    """A folder of segments beside a playlist; keeps every playlist that was published."""

    def __init__(self, playlist: Path) -> None:
        self.playlist = playlist
        self.folder = playlist.with_suffix("")
        self.folder.mkdir()
        self.published: list[str] = []
        self.notes: list[Mapping[str, object]] = []
        self.growing: list[FileSink] = []

    def open(self, name: str, note: Mapping[str, object] | None = None) -> FileSink:
        """A growing segment."""
        self.notes += [note] if note else []
        self.growing.append(FileSink(self.folder / f"{name}.part"))
        return self.growing[-1]

    def commit(self, sink: FileSink, note: Mapping[str, object] | None = None) -> str:
        """Gives a segment its name."""
        self.notes += [note] if note else []
        sink.close()
        self.growing.remove(sink)
        sink.path.rename(sink.path.with_suffix(""))
        return f"{self.folder.name}/{sink.path.stem}"

    def publish(self, playlist: str) -> None:
        """Keeps the playlist and writes it."""
        self.published.append(playlist)
        self.playlist.write_text(playlist, encoding="utf-8")


def mux_hls(stream: Stream, folder: Path, options: MuxOptions | None = None) -> tuple[PlainFolder, Stats]:
    """Records a stream into `folder`/out.m3u8."""
    out = PlainFolder(folder / "out.m3u8")
    return out, _run(open_muxer(Format.HLS, stream.tracks, out, _complete(options, stream)), stream)


def mux_file(
    stream: Stream, folder: Path, format: Format, options: MuxOptions | None = None
) -> tuple[Path, Stats]:
    """Records a stream into `folder`/out.FORMAT; an MP4 is finalized, as the store does it."""
    sink = FileSink(folder / f"out.{format.value}")
    stats = _run(open_muxer(format, stream.tracks, sink, _complete(options, stream)), stream)
    sink.close()
    if format is Format.MP4:
        _native.finalize_mp4(str(sink.path))
    return sink.path, stats


def _complete(options: MuxOptions | None, stream: Stream) -> MuxOptions:
    return replace(options or MuxOptions(), headers=[stream.headers], metadata=stream.metadata)


def _run(muxer: Muxer, stream: Stream) -> Stats:
    for batch in stream.batches():
        muxer.write(batch)
    muxer.close()
    return muxer.stats

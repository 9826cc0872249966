"""Recordings that a crash interrupts: what a muxer had written, and what it would have made of it."""

from __future__ import annotations

import random
import shutil
from dataclasses import dataclass, replace
from pathlib import Path

from muxing import FileSink, PlainFolder, Stream
from oracle.packets import output_packets, source_packets

from engine import _native
from engine.media.codecs import Format
from engine.mux import MuxOptions, Stats, open_muxer
from engine.mux.playlist import SegmentNote


@dataclass(frozen=True)
class Interrupted:
    """A file as a kill leaves it, and as the muxer's end would have left it."""

    format: Format
    data: bytes
    finished: bytes
    stats: Stats

    def write(self, path: Path, cut: int | None = None, tail: bytes = b"") -> Path:
        """Writes the first `cut` bytes and what a torn write put behind them."""
        path.write_bytes(self.data[:cut] + tail)
        return path


def interrupt(
    stream: Stream, folder: Path, format: Format, options: MuxOptions | None = None, rows: int = 20
) -> Interrupted:
    """Records a stream, and looks at the file before the muxer closes it."""
    path = folder / f"whole.{format.value}"
    sink = FileSink(path)
    complete = replace(options or MuxOptions(), headers=[stream.headers], metadata=stream.metadata)
    muxer = open_muxer(format, stream.tracks, sink, complete)
    for batch in stream.batches(rows):
        muxer.write(batch)
    sink.flush()
    data = path.read_bytes()
    muxer.close()
    sink.close()
    if format is Format.MP4:
        _native.finalize_mp4(str(path))
    return Interrupted(format, data, path.read_bytes(), muxer.stats)


@dataclass(frozen=True)
class InterruptedPlaylist:
    """An HLS recording as a kill leaves it."""

    playlist: Path
    notes: list[SegmentNote]
    stats: Stats

    @property
    def growing(self) -> Path:
        """The segment that was being written."""
        (path,) = self.playlist.with_suffix("").glob("*.part")
        return path

    def copy(self, folder: Path) -> InterruptedPlaylist:
        """The same in another folder, to be recovered there."""
        folder.mkdir()
        shutil.copytree(self.playlist.with_suffix(""), folder / self.playlist.stem)
        if self.playlist.exists():
            shutil.copy(self.playlist, folder)
        return replace(self, playlist=folder / self.playlist.name)


def interrupt_playlist(streams: list[Stream], folder: Path, options: MuxOptions) -> InterruptedPlaylist:
    """Records streams one behind the other, each on its own clock, and leaves the last segment open."""
    out = PlainFolder(folder / "out.m3u8")
    muxer = open_muxer(Format.HLS, streams[0].tracks, out, options)
    for number, stream in enumerate(streams):
        if number:
            muxer.restart(stream.tracks)
        for batch in stream.batches():
            muxer.write(batch)
    for sink in out.growing:
        sink.close()
    return InterruptedPlaylist(out.playlist, [SegmentNote.of(fields) for fields in out.notes], muxer.stats)


def lost_packets(source: Path, output: Path) -> dict[str, int]:
    """F1 for a recording that ends early: for each track of the output, how many packets of the source are
    missing at its end. Nothing else may be."""
    recorded, found = source_packets(source), output_packets(output)
    lost = {}
    for kind in ("video", "audio"):
        ours, theirs = ([packet.digest for packet in one.track(kind)] for one in (found, recorded))
        if not ours:
            continue
        start = theirs.index(ours[0])
        assert theirs[start : start + len(ours)] == ours, f"{output.name}: {kind} is no part of the source"
        lost[kind] = len(theirs) - start - len(ours)
    return lost


def tears(seed: int) -> list[bytes]:
    """What may stand behind the last byte that was really written."""
    random_bytes = random.Random(seed).randbytes
    return [b"", bytes(100), bytes(70_000), random_bytes(40), random_bytes(9_000)]

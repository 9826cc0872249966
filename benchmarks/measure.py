"""One measurement: a contender records N streams, and its steady window is read."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.contenders import Contender, Format
from benchmarks.machine import busy_s, load
from benchmarks.origin import BUSY_PERCENT, Origin
from benchmarks.processes import Group
from benchmarks.streams import Source

_START_S = 60.0  # until every stream has bytes on disk; 200 ffmpeg processes need their time on two cores
_FLUSHED_S = 15.0  # a window this long has writes in it, whatever is buffered
_MEDIA = (".flv", ".mp4", ".ts", ".m4s")


@dataclass(frozen=True, slots=True)
class Row:
    """What one contender cost while it recorded; shares are of one core."""

    source: str
    source_bits_per_s: float
    format: Format
    contender: str
    processes: int
    streams: int
    window_s: float
    cpu_percent_per_stream: float
    pss_mb_per_stream: float
    written_bits_per_s_per_stream: float  # on disk within the window
    origin_cpu_percent: tuple[float, ...]  # of each of its processes
    other_cpu_percent: float  # spent by all else on the machine: interrupts and neighbours
    load: float  # average of the minute before

    @property
    def invalid(self) -> str:
        """Why the row says nothing of the contender; empty when it does."""
        if max(self.origin_cpu_percent) > BUSY_PERCENT:
            return "the origin was busy"
        enough = 0.8 * self.source_bits_per_s
        if self.window_s >= _FLUSHED_S and self.written_bits_per_s_per_stream < enough:
            return "not all was written"
        return ""


@dataclass(frozen=True, slots=True)
class Plan:
    """How to measure."""

    streams: int
    seconds: float
    warmup_s: float
    scratch: Path


def measure(contender: Contender, format: Format, plan: Plan, source: Source, origin: Origin) -> Row:
    """Start the contender, let it settle, read CPU and memory over the window, stop it.

    Raises:
        RuntimeError: it ended early, wrote nothing for some stream, or did not end well.
    """
    folder = new_folder(f"{contender.name}-{format}", plan.scratch)
    output = folder / "out"
    output.mkdir()
    load_before = load()
    commands = contender.commands(origin.urls(contender.protocol, plan.streams), format, folder)
    with running(commands, folder) as group:
        wait_until_writing(group, output, plan.streams)
        time.sleep(plan.warmup_s)
        written, began = _written_bytes(output), time.monotonic()
        own_s, origin_s, all_s, ours_s = group.cpu_s(), origin.cpu_s(), busy_s(), _self_s()
        time.sleep(plan.seconds)
        all_s = busy_s() - all_s
        own_s, ours_s = group.cpu_s() - own_s, _self_s() - ours_s
        origins_s = [now - then for now, then in zip(origin.cpu_s(), origin_s, strict=True)]
        window_s = time.monotonic() - began
        pss, written = group.pss_bytes(), _written_bytes(output) - written
        origin.require_alive()
        group.require_alive()
        if wrong := set(group.stop()) - contender.exit_codes:
            raise RuntimeError(f"{contender.name} ended with {sorted(wrong)}:\n{group.log_end()}")
    empty(folder)
    return Row(
        source=source.name,
        source_bits_per_s=source.bits_per_s,
        format=format,
        contender=contender.name,
        processes=len(commands),
        streams=plan.streams,
        window_s=window_s,
        cpu_percent_per_stream=100 * own_s / window_s / plan.streams,
        pss_mb_per_stream=pss / 1e6 / plan.streams,
        written_bits_per_s_per_stream=written * 8 / window_s / plan.streams,
        origin_cpu_percent=tuple(100 * spent_s / window_s for spent_s in origins_s),
        other_cpu_percent=100 * max(0.0, all_s - own_s - sum(origins_s) - ours_s) / window_s,
        load=load_before,
    )


def new_folder(what: str, scratch: Path) -> Path:
    """A folder of its own for what a measurement makes."""
    return Path(tempfile.mkdtemp(prefix=f"{what}-", dir=scratch))


def empty(folder: Path) -> None:
    """Give the space of all files back, but delete none of them before all is measured.

    For minutes ext4 does not use the inode of a deleted file again, and looks at each of them whenever a file
    is made: with some thousands of them a fifth of what HLS costs was that.
    """
    for path, _ in _files(folder):
        os.truncate(path, 0)


@contextmanager
def running(commands: list[list[str]], folder: Path) -> Iterator[Group]:
    """The processes, which are stopped at the end of the block."""
    group = Group(commands, folder, folder / "stderr.log")
    try:
        yield group
    finally:
        group.stop()


def wait_until_writing(group: Group, output: Path, streams: int, poll_s: float = 0.2) -> None:
    """Wait until every stream has media on disk.

    Raises:
        RuntimeError: a process ended, or it took a minute.
    """
    deadline = time.monotonic() + _START_S
    while streams_with_media(output) < streams:
        group.require_alive()
        if time.monotonic() > deadline:
            raise RuntimeError(f"not every stream has a file after {_START_S:.0f} s:\n{group.log_end()}")
        time.sleep(poll_s)


def streams_with_media(output: Path) -> int:
    """How many streams have bytes in a media file: segments of one folder are one stream's."""
    found = set()
    for path, size in _files(output):
        suffix = Path(path.removesuffix(".part")).suffix
        if size and suffix in _MEDIA:
            found.add(os.path.dirname(path) if suffix in (".ts", ".m4s") else path)
    return len(found)


def _files(output: Path) -> Iterator[tuple[str, int]]:
    """Files there with their sizes; one that is renamed meanwhile is left out."""
    for folder, _, names in os.walk(output):
        for name in names:
            path = os.path.join(folder, name)
            try:
                yield path, os.stat(path).st_size
            except FileNotFoundError:
                continue


def _written_bytes(output: Path) -> int:
    return sum(size for _, size in _files(output))


def _self_s() -> float:
    times = os.times()
    return times.user + times.system

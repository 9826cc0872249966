"""One measurement: a contender records N streams, and its steady window is read."""

from __future__ import annotations

import hashlib
import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.contenders import Contender, Format
from benchmarks.processes import Group

_START_S = 60.0  # until every stream has bytes on disk; 50 ffmpeg processes need their time on two cores
_FLUSHED_S = 15.0  # a window this long has writes in it, whatever is buffered


@dataclass(frozen=True, slots=True)
class Row:
    """What one contender cost while it recorded; shares are of one core."""

    format: Format
    contender: str
    streams: int
    window_s: float
    cpu_percent_per_stream: float
    pss_mb_per_stream: float
    written_bytes_per_stream: float  # on disk within the window
    origin_cpu_percent: float  # all streams: past 100 the origin, not the recorder, is what was measured
    calibration_ms: float  # CPU time of a fixed piece of work just before the window: the machine's speed


@dataclass(frozen=True, slots=True)
class Plan:
    """How to measure."""

    streams: int
    seconds: float
    warmup_s: float
    url: str  # of the HTTP-FLV stream that all recordings pull
    scratch: Path


def measure(contender: Contender, format: Format, plan: Plan, origin: Group) -> Row:
    """Start the contender, let it settle, read CPU and memory over the window, stop it.

    Raises:
        RuntimeError: it ended early, wrote nothing for some stream, or did not end well.
    """
    folder = plan.scratch / f"{contender.name}-{format}"
    output = folder / "out"
    output.mkdir(parents=True)
    commands = contender.commands([plan.url] * plan.streams, format, folder)
    with _running(commands, folder) as group:
        _wait_until_writing(group, output, plan.streams)
        time.sleep(plan.warmup_s)
        calibration_ms = _calibrate_ms()
        written, began = _written_bytes(output), time.monotonic()
        cpu_s, origin_cpu_s = group.cpu_s(), origin.cpu_s()
        time.sleep(plan.seconds)
        cpu_s, origin_cpu_s = group.cpu_s() - cpu_s, origin.cpu_s() - origin_cpu_s
        window_s = time.monotonic() - began
        pss, written = group.pss_bytes(), _written_bytes(output) - written
        origin.require_alive()
        group.require_alive()
        _check_exits(contender, group)
    shutil.rmtree(folder)
    if plan.seconds >= _FLUSHED_S and not written:
        raise RuntimeError(f"{contender.name} wrote nothing in {plan.seconds:g} s of {format}")
    return Row(
        format=format,
        contender=contender.name,
        streams=plan.streams,
        window_s=window_s,
        cpu_percent_per_stream=100 * cpu_s / window_s / plan.streams,
        pss_mb_per_stream=pss / 1e6 / plan.streams,
        written_bytes_per_stream=written / plan.streams,
        origin_cpu_percent=100 * origin_cpu_s / window_s,
        calibration_ms=calibration_ms,
    )


@contextmanager
def _running(commands: list[list[str]], folder: Path) -> Iterator[Group]:
    group = Group(commands, folder, folder / "stderr.log")
    try:
        yield group
    finally:
        group.stop()


def _check_exits(contender: Contender, group: Group) -> None:
    """reel finalizes at an interrupt and ends with 0; ffmpeg tells of an interrupt with 255."""
    expected = {0} if contender.name == "reel" else {0, 255, -signal.SIGINT}
    if wrong := set(group.stop()) - expected:
        raise RuntimeError(f"{contender.name} ended with {sorted(wrong)}:\n{group.log_end()}")


def _files(output: Path) -> Iterator[int]:
    """Sizes of the files there; one that is renamed meanwhile is left out."""
    for path in output.rglob("*"):
        try:
            if path.is_file():
                yield path.stat().st_size
        except FileNotFoundError:
            continue


def _written_bytes(output: Path) -> int:
    return sum(_files(output))


def _wait_until_writing(group: Group, output: Path, streams: int) -> None:
    deadline = time.monotonic() + _START_S
    while sum(size > 0 for size in _files(output)) < streams:
        group.require_alive()
        if time.monotonic() > deadline:
            raise RuntimeError(f"not every stream has a file after {_START_S:.0f} s:\n{group.log_end()}")
        time.sleep(0.2)


def _calibrate_ms() -> float:
    """CPU time of hashing 32 MiB."""
    block = bytes(1 << 20)
    began = time.process_time()
    for _ in range(32):
        hashlib.sha256(block)
    return (time.process_time() - began) * 1000

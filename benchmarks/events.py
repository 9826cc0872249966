"""`python -m benchmarks.events`: N recordings begin at once, run beside a probe of the event loop, and end.

Start: from the first process to media on disk for every stream, and whether every file begins with the
keyframe that the origin sent first. Stop: from SIGINT to the end of the last process, with every file final.
Lag: how late a timer of the recorder's event loop fires while all record.
Before each start `reel --version`, as many at once as there are processes, says how fast the machine is then.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.contenders import FORMATS, Format, Reel, find_ffmpeg, find_reel
from benchmarks.keyframe import first_in_file
from benchmarks.machine import load
from benchmarks.measure import empty, new_folder, running, streams_with_media, wait_until_writing
from benchmarks.processes import Group
from benchmarks.report import columns, write_result
from benchmarks.streams import SAMPLE, Source, chosen

_HERE = Path(__file__).resolve().parent
_GOP_IN_ORIGIN_S = 3.0


@dataclass(frozen=True, slots=True)
class Event:
    """One start and stop of N recordings."""

    format: Format
    streams: int
    version_s: float  # until `reel --version` had ended, right before
    start_s: float
    lost_first_gop: int
    stop_s: float
    not_final: int
    origin_cpu_percent: float  # while they started
    lag_ms: dict[str, float]  # p50, p99, max


def _version_s(reel: Reel, processes: int, folder: Path) -> float:
    began = time.monotonic()
    group = Group([[*reel.program, "--version"]] * processes, folder, folder / "version.log")
    if any(codes := group.wait()):
        raise RuntimeError(f"reel --version ended with {codes}:\n{group.log_end()}")
    return time.monotonic() - began


@contextmanager
def _origin(file: Path, folder: Path) -> Iterator[tuple[Group, str, Path]]:
    url_file, sent = folder / "url", folder / "sent"
    module = [sys.executable, "-m", "benchmarks.tapped_origin"]
    command = [*module, str(file), str(url_file), str(sent)]
    group = Group([command], Path.cwd(), folder / "origin.log")
    try:
        while not url_file.exists():
            group.require_alive()
            time.sleep(0.05)
        time.sleep(_GOP_IN_ORIGIN_S)
        yield group, url_file.read_text(), sent
    finally:
        group.stop()


def _start_and_stop(
    reel: Reel, format: Format, streams: int, seconds: float, source: Source, folder: Path
) -> tuple[float, int, float, int, float]:
    output = folder / "out"
    output.mkdir()
    with _origin(source.path, folder) as (origin, url, sent):
        began, spent_s = time.monotonic(), origin.cpu_s()
        with running(reel.commands([url] * streams, format, folder), folder) as group:
            wait_until_writing(group, output, streams, poll_s=0.02)
            start_s, spent_s = time.monotonic() - began, origin.cpu_s() - spent_s
            time.sleep(seconds)
            group.require_alive()
            interrupted = time.monotonic()
            codes = group.stop()
            stop_s = time.monotonic() - interrupted
        if any(codes):
            raise RuntimeError(f"reel ended with {codes}:\n{group.log_end()}")
        lost = streams - _from_their_first_keyframe(sent, output)
    final = streams_with_media(output) if not _growing(output) else 0
    empty(folder)
    return start_s, lost, stop_s, streams - final, 100 * spent_s / start_s


def _from_their_first_keyframe(sent: Path, output: Path) -> int:
    """How many recordings begin with what their connection was sent first.

    None says which connection it is of. But it cannot begin before its connection did: when both have the
    same keyframes the same number of times, each recording has its own.
    """
    began = Counter(sent.read_text().split())
    return (began & Counter(first_in_file(path) for path in _first_files(output))).total()


def _first_files(output: Path) -> Iterator[Path]:
    """The first media file of each recording: segments of one folder are one recording's."""
    for folder, _, names in os.walk(output):
        segments = sorted(name for name in names if name.endswith(".ts"))
        whole = [name for name in names if name.endswith((".flv", ".mp4"))]
        yield from (Path(folder, name) for name in (*whole, *segments[:1]))


def _growing(output: Path) -> bool:
    return any(path.suffix in (".part", ".journal") for path in output.rglob("*"))


def _lag_ms(
    reel: Reel, format: Format, streams: int, seconds: float, source: Source, folder: Path
) -> dict[str, float]:
    output = folder / "out"
    output.mkdir()
    with _origin(source.path, folder) as (_, url, _):
        commands, results = [], []
        for worker in range(min(reel.workers, streams)):
            listing, result = folder / f"urls-{worker}.txt", folder / f"lags-{worker}.json"
            listing.write_text(f"{url}\n" * len(range(worker, streams, reel.workers)))
            module = [sys.executable, "-m", "benchmarks.loop_lag", str(listing), str(output / str(worker))]
            commands.append([*module, format, str(result)])
            results.append(result)
        group = Group(commands, Path.cwd(), folder / "lag.log")
        try:
            wait_until_writing(group, output, streams)
            time.sleep(5 + seconds)
            group.require_alive()
        finally:
            codes = group.stop()
        if any(codes):
            raise RuntimeError(f"the recorder with a probe ended with {codes}:\n{group.log_end()}")
    empty(output)
    lags = sorted(lag for result in results for lag in json.loads(result.read_text()))
    return {
        "p50": lags[len(lags) // 2],
        "p99": lags[len(lags) * 99 // 100],
        "max": lags[-1],
    }


def _measure(
    reel: Reel, format: Format, streams: int, seconds: float, source: Source, scratch: Path
) -> Event:
    version_s = _version_s(reel, min(reel.workers, streams), scratch)
    start_s, lost, stop_s, not_final, origin_percent = _start_and_stop(
        reel, format, streams, seconds, source, new_folder(f"start-{format}", scratch)
    )
    lag = _lag_ms(reel, format, streams, seconds, source, new_folder(f"lag-{format}", scratch))
    return Event(format, streams, version_s, start_s, lost, stop_s, not_final, origin_percent, lag)


def _table(events: list[Event]) -> str:
    lines = [
        (
            "format",
            "N",
            "version s",
            "start s",
            "lost first GOP",
            "stop s",
            "not final",
            "origin CPU %",
            "lag p99 ms",
            "max",
        )
    ]
    for event in events:
        measured = (
            f"{event.version_s:.2f}",
            f"{event.start_s:.2f}",
            str(event.lost_first_gop),
            f"{event.stop_s:.2f}",
            str(event.not_final),
        )
        lag = (f"{event.lag_ms['p99']:.1f}", f"{event.lag_ms['max']:.1f}")
        origin = f"{event.origin_cpu_percent:.0f}"
        lines.append((event.format, str(event.streams), *measured, origin, *lag))
    return columns(lines, ("format",))


def main() -> int:
    """Measure, print, write; 1 when a recorder failed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.events", description=__doc__)
    parser.add_argument("file", nargs="?", type=Path, help="an H.264 FLV file (default: made, 3 Mb/s 720p)")
    parser.add_argument("--streams", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=15.0, help="of recording (default 15)")
    parser.add_argument("--format", default=",".join(FORMATS))
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    parser.add_argument("--reel", help="the reel to start and stop (default: this environment's)")
    parser.add_argument("--results", type=Path, default=_HERE / "results")
    parser.add_argument("--smoke", action="store_true", help="2 streams, a second: does it work at all")
    arguments = parser.parse_args()
    if arguments.smoke:
        arguments.file, arguments.streams, arguments.seconds = SAMPLE, 2, 1.0
    try:
        reel = Reel(find_reel(arguments.reel), "", arguments.workers)
        source = chosen(arguments.file, find_ffmpeg(None))
        print(f"load {load():.2f}", flush=True)
        with tempfile.TemporaryDirectory(prefix="reel-benchmark-") as name:
            events = [
                _measure(reel, format, arguments.streams, arguments.seconds, source, Path(name))
                for format in FORMATS
                if format in arguments.format.split(",")
            ]
    except (RuntimeError, FileNotFoundError) as error:
        print(f"benchmarks.events: {error}", file=sys.stderr)
        return 1
    print(_table(events))
    print(write_result({"events": [asdict(event) for event in events]}, arguments.results, "events"))
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""`python -m benchmarks.neighbour`: what one recording costs the others of its process.

N recordings of one process with one more beside them, in turn an ordinary one, one whose writes hang, and one
over TLS. Of the others: how late timers of the event loop fire, and for how long their files did not grow (as
they do once in a longest tick, 1.25 s). CPU is of the whole process, the neighbour's own included.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from urllib.parse import urlsplit

from benchmarks.contenders import Format, find_ffmpeg, find_reel
from benchmarks.loop_lag import NEIGHBOUR, SETTLE_S
from benchmarks.machine import load
from benchmarks.measure import wait_until_writing
from benchmarks.origin import free_port, origin_of, wait_for_port
from benchmarks.processes import Group
from benchmarks.report import columns, write_result
from benchmarks.streams import SAMPLE, chosen

_HERE = Path(__file__).resolve().parent
_KINDS = ("ordinary", "writes hang", "TLS")
_LOOK_S = 0.05


@dataclass(frozen=True, slots=True)
class Row:
    """What the others had of one neighbour."""

    neighbour: str
    streams: int
    lag_p50_ms: float
    lag_p99_ms: float
    lag_max_ms: float
    pause_p50_s: float
    """The longest time for which a file did not grow: of half of the files it was less."""
    pause_max_s: float
    cpu_percent: float


@contextmanager
def _tls(url: str, folder: Path) -> Iterator[str]:
    """The URL, over TLS."""
    port, parts = free_port(), urlsplit(url)
    relay = [sys.executable, "-m", "benchmarks.tls_relay", str(parts.port), str(port)]
    group = Group([relay], Path.cwd(), folder / "relay.log")
    try:
        wait_for_port(group, port)
        yield f"https://127.0.0.1:{port}{parts.path}"
    finally:
        group.stop()


def _longest_pauses(output: Path, seconds: float) -> list[float]:
    """Of each file of the others, over so many seconds."""
    files = [path for path in output.rglob("*") if path.is_file() and NEIGHBOUR not in path.parts]
    media = [path for path in files if path.suffix == ".part"]
    sizes = dict.fromkeys(media, 0)
    grew = dict.fromkeys(media, time.monotonic())
    longest = dict.fromkeys(media, 0.0)
    end = time.monotonic() + seconds
    while (now := time.monotonic()) < end:
        for path in media:
            size = path.stat().st_size
            if size != sizes[path]:
                sizes[path], grew[path] = size, now
            longest[path] = max(longest[path], now - grew[path])
        time.sleep(_LOOK_S)
    return sorted(longest.values())


def _measure(kind: str, format: Format, urls: Sequence[str], seconds: float, folder: Path) -> Row:
    output, listing, result = folder / "out", folder / "urls.txt", folder / "lags.json"
    output.mkdir(parents=True)
    *others, beside = urls
    listing.write_text("".join(f"{url}\n" for url in others))
    with ExitStack() as stack:
        if kind == "TLS":
            beside = stack.enter_context(_tls(beside, folder))
        command = [sys.executable, "-m", "benchmarks.loop_lag", *map(str, (listing, output, format, result))]
        command += ["--neighbour", beside, *(["--hangs"] if kind == "writes hang" else [])]
        group = Group([command], Path.cwd(), folder / "recorder.log")
        try:
            wait_until_writing(group, output, len(urls))
            time.sleep(SETTLE_S + 2)
            began, spent_s = time.monotonic(), group.cpu_s()
            pauses = _longest_pauses(output, seconds)
            cpu_percent = 100 * (group.cpu_s() - spent_s) / (time.monotonic() - began)
            group.require_alive()
        finally:
            codes = group.stop()
        if any(codes):
            raise RuntimeError(f"the recorder with a probe ended with {codes}:\n{group.log_end()}")
    lags = sorted(json.loads(result.read_text()))
    return Row(
        neighbour=kind,
        streams=len(others),
        lag_p50_ms=lags[len(lags) // 2],
        lag_p99_ms=lags[len(lags) * 99 // 100],
        lag_max_ms=lags[-1],
        pause_p50_s=pauses[len(pauses) // 2],
        pause_max_s=pauses[-1],
        cpu_percent=cpu_percent,
    )


def _table(rows: Sequence[Row]) -> str:
    """The medians of each neighbour's rounds."""
    lines = [("neighbour", "N", "lag p50 ms", "p99", "max", "longest pause p50 s", "max", "CPU %")]
    for kind in dict.fromkeys(row.neighbour for row in rows):
        mine = [row for row in rows if row.neighbour == kind]
        lags = (f"{median(getattr(row, name) for row in mine):.2f}" for name in _LAGS)
        pauses = (f"{median(getattr(row, name) for row in mine):.2f}" for name in _PAUSES)
        cpu = f"{median(row.cpu_percent for row in mine):.2f}"
        lines.append((kind, str(mine[0].streams), *lags, *pauses, cpu))
    return columns(lines, ("neighbour",))


_LAGS = ("lag_p50_ms", "lag_p99_ms", "lag_max_ms")
_PAUSES = ("pause_p50_s", "pause_max_s")


def main() -> int:
    """Measure, print, write; 1 when a recorder failed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.neighbour", description=__doc__)
    parser.add_argument("file", nargs="?", type=Path, help="an FLV file (default: made, 3 Mb/s 720p)")
    parser.add_argument("--streams", type=int, default=50, help="the others (default 50)")
    parser.add_argument("--seconds", type=float, default=15.0, help="the measured window (default 15)")
    parser.add_argument("--rounds", type=int, default=3, help="measure all this often (default 3)")
    parser.add_argument("--format", default="flv", choices=("flv", "mp4"))
    parser.add_argument("--reel", help="the reel that is the origin (default: this environment's)")
    parser.add_argument("--results", type=Path, default=_HERE / "results")
    parser.add_argument("--smoke", action="store_true", help="2 streams, 2 seconds: does it work at all")
    arguments = parser.parse_args()
    if arguments.smoke:
        arguments.file, arguments.streams, arguments.seconds, arguments.rounds = SAMPLE, 2, 2.0, 1
    try:
        rows = _run(arguments)
    except (RuntimeError, FileNotFoundError) as error:
        print(f"benchmarks.neighbour: {error}", file=sys.stderr)
        return 1
    print(_table(rows))
    print(write_result({"neighbours": [asdict(row) for row in rows]}, arguments.results, "neighbour"))
    return 0


def _run(arguments: argparse.Namespace) -> list[Row]:
    reel, source = find_reel(arguments.reel), chosen(arguments.file, find_ffmpeg(None))
    print(f"load {load():.2f}", flush=True)
    rows = []
    with tempfile.TemporaryDirectory(prefix="reel-benchmark-") as name:
        scratch = Path(name)
        with origin_of(reel, source, scratch, arguments.streams + 1) as origin:
            urls = origin.urls("http", arguments.streams + 1)
            for number in range(arguments.rounds):
                for kind in _KINDS:
                    folder = scratch / f"{number}-{kind.replace(' ', '-')}"
                    rows.append(_measure(kind, arguments.format, urls, arguments.seconds, folder))
                    print(rows[-1], flush=True)
    return rows


if __name__ == "__main__":
    sys.exit(main())

"""`python -m benchmarks`: N recordings of one stream by Reelkeeper, then by ffmpeg, in turn in one run."""

from __future__ import annotations

import argparse
import socket
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from benchmarks.contenders import FORMATS, Ffmpeg, Reel, find_ffmpeg, find_reel
from benchmarks.measure import Plan, Row, measure
from benchmarks.processes import Group
from benchmarks.report import table, write_json

_HERE = Path(__file__).resolve().parent
_ORIGIN_START_S = 15.0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "file", nargs="?", type=Path, default=_HERE.parent / "sample_streams" / "h264_aac_bframes.flv"
    )
    parser.add_argument("--streams", type=int, default=50, help="recordings at a time (default 50)")
    parser.add_argument("--seconds", type=float, default=30.0, help="the measured window (default 30)")
    parser.add_argument("--warmup", type=float, default=8.0, help="seconds before the window (default 8)")
    parser.add_argument(
        "--rounds", type=int, default=1, help="measure each this often, interleaved (default 1)"
    )
    parser.add_argument(
        "--format", default=",".join(FORMATS), help=f"any of {','.join(FORMATS)} (default all)"
    )
    parser.add_argument("--reel", help="the reel to measure (default: this environment's)")
    parser.add_argument("--ffmpeg", help="the ffmpeg to measure (default: imageio-ffmpeg's, else PATH's)")
    parser.add_argument("--results", type=Path, default=_HERE / "results", help="folder of the JSON file")
    parser.add_argument("--smoke", action="store_true", help="2 streams, 3 seconds: does it work at all")
    arguments = parser.parse_args()
    arguments.format = arguments.format.split(",")
    if unknown := set(arguments.format) - set(FORMATS):
        parser.error(f"--format: unknown: {', '.join(sorted(unknown))}")
    if not arguments.file.is_file():
        parser.error(f"{arguments.file} is not a file")
    if arguments.smoke:
        arguments.streams, arguments.seconds, arguments.warmup, arguments.rounds = 2, 3.0, 1.0, 1
    return arguments


def _free_port() -> int:
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        return int(server.getsockname()[1])


@contextmanager
def _origin(reel: Reel, file: Path, scratch: Path) -> Iterator[tuple[Group, str]]:
    """The embedded origin in a process of its own: its process and the stream's URL."""
    http, rtmp = _free_port(), _free_port()
    command = [
        reel.program,
        "origin",
        str(file),
        "--http",
        f"127.0.0.1:{http}",
        "--rtmp",
        f"127.0.0.1:{rtmp}",
    ]
    group = Group([command], scratch, scratch / "origin.log")
    try:
        deadline = time.monotonic() + _ORIGIN_START_S
        while not _accepts(http):
            group.require_alive()
            if time.monotonic() > deadline:
                raise RuntimeError(f"the origin does not listen:\n{group.log_end()}")
            time.sleep(0.1)
        yield group, f"http://127.0.0.1:{http}/live/{file.stem}.flv"
    finally:
        group.stop()


def _accepts(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def _run(arguments: argparse.Namespace, reel: Reel, ffmpeg: Ffmpeg) -> list[Row]:
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="reel-benchmark-") as name:
        scratch = Path(name)
        with _origin(reel, arguments.file.resolve(), scratch) as (origin, url):
            plan = Plan(arguments.streams, arguments.seconds, arguments.warmup, url, scratch)
            for _ in range(arguments.rounds):
                for format in arguments.format:
                    for contender in (reel, ffmpeg):
                        row = measure(contender, format, plan, origin)
                        rows.append(row)
                        print(_progress(row), flush=True)
    return rows


def _progress(row: Row) -> str:
    return (
        f"{row.format} {row.contender}: {row.cpu_percent_per_stream:.3f} % CPU and "
        f"{row.pss_mb_per_stream:.2f} MB a stream "
        f"(origin {row.origin_cpu_percent:.0f} % CPU, calibration {row.calibration_ms:.1f} ms)"
    )


def main() -> int:
    """Measure, print, write; 1 when a contender failed."""
    arguments = _arguments()
    try:
        reel, ffmpeg = find_reel(arguments.reel), find_ffmpeg(arguments.ffmpeg)
        version = ffmpeg.version()
        print(f"{arguments.streams} streams of {arguments.file.name}, {arguments.seconds:g} s windows")
        print(f"{reel.program}\n{ffmpeg.program}: {version}\n", flush=True)
        rows = _run(arguments, reel, ffmpeg)
    except (RuntimeError, FileNotFoundError) as error:
        print(f"benchmarks: {error}", file=sys.stderr)
        return 1
    print(f"\nPer stream:\n{table(rows)}\n")
    print(write_json(rows, version, arguments.file, arguments.results))
    return 0


if __name__ == "__main__":
    sys.exit(main())

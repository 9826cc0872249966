"""`python -m benchmarks`: N recordings of live streams by Reelkeeper and by its peers, in turn in one run."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path

from benchmarks import chart
from benchmarks.contenders import FORMATS, NAMES, Contender, Format, find, find_ffmpeg, find_reel
from benchmarks.machine import load, machine
from benchmarks.measure import Plan, Row, measure
from benchmarks.origin import origin_of
from benchmarks.report import findings, table, write_json
from benchmarks.streams import SAMPLE, Source, chosen

_HERE = Path(__file__).resolve().parent


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("file", nargs="?", type=Path, help="an FLV file (default: 720p made with ffmpeg)")
    parser.add_argument("--bitrate", default="3M", help="of the video that is made; several with commas")
    parser.add_argument("--streams", default="50,200", help="recordings at a time (default 50,200)")
    parser.add_argument("--seconds", type=float, default=30.0, help="the measured window (default 30)")
    parser.add_argument("--warmup", type=float, default=10.0, help="seconds before it (default 10)")
    parser.add_argument("--rounds", type=int, default=1, help="measure all this often (default 1)")
    parser.add_argument("--format", default=",".join(FORMATS), help="default: all")
    parser.add_argument("--contenders", default=",".join(NAMES), help=f"default: {','.join(NAMES)}")
    parser.add_argument("--workers", type=int, default=os.cpu_count(), help="of reel (default: the cores)")
    parser.add_argument("--reel", help="the reel to measure (default: this environment's)")
    parser.add_argument("--ffmpeg", help="the ffmpeg to measure (default: PATH's)")
    parser.add_argument(
        "--scratch", type=Path, help="where to record (default: the folder for temporary files)"
    )
    parser.add_argument("--results", type=Path, default=_HERE / "results", help="folder of JSON and PNG")
    parser.add_argument("--smoke", action="store_true", help="2 streams, 2 seconds: does it work at all")
    arguments = parser.parse_args()
    if arguments.smoke:
        arguments.file, arguments.streams, arguments.seconds, arguments.warmup = SAMPLE, "2", 2.0, 0.5
    try:
        arguments.streams = [int(number) for number in arguments.streams.split(",")]
    except ValueError:
        parser.error(f"--streams {arguments.streams}: numbers with commas")
    if min(arguments.streams) < 1 or arguments.workers < 1:
        parser.error("--streams and --workers: from 1 on")
    for option, known in (("format", FORMATS), ("contenders", NAMES)):
        given = getattr(arguments, option).split(",")
        if unknown := set(given) - set(known):
            parser.error(f"--{option}: unknown: {', '.join(sorted(unknown))}")
        setattr(arguments, option, given)
    return arguments


def _sources(arguments: argparse.Namespace, ffmpeg: str | None) -> list[Source]:
    bitrates = arguments.bitrate.split(",") if arguments.file is None else [""]
    return [chosen(arguments.file, ffmpeg, bitrate) for bitrate in bitrates]


def _run(
    arguments: argparse.Namespace, reel: tuple[str, ...], sources: list[Source], contenders: list[Contender]
) -> list[Row]:
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="reel-benchmark-", dir=arguments.scratch) as name:
        for _ in range(arguments.rounds):
            for streams in arguments.streams:
                plan = Plan(streams, arguments.seconds, arguments.warmup, Path(name))
                for source in sources:
                    rows += _compare(arguments.format, plan, reel, source, contenders)
    return rows


def _compare(
    formats: list[Format], plan: Plan, reel: tuple[str, ...], source: Source, contenders: list[Contender]
) -> list[Row]:
    """All contenders in turn, from the same origin."""
    rows = []
    with origin_of(reel, source, plan.scratch, plan.streams) as origin:
        for format in formats:
            for contender in contenders:
                if format in contender.formats:
                    rows.append(measure(contender, format, plan, source, origin))
                    print(_progress(rows[-1]), flush=True)
    return rows


def _progress(row: Row) -> str:
    return (
        f"{row.source} N={row.streams} {row.format} {row.contender}: {row.cpu_percent_per_stream:.4f} % CPU, "
        f"{row.pss_mb_per_stream:.2f} MB a stream "
        f"(origin {'+'.join(f'{percent:.0f}' for percent in row.origin_cpu_percent)} %, "
        f"others {row.other_cpu_percent:.0f} %, load {row.load:.1f}) {row.invalid}"
    )


def main() -> int:
    """Measure, print, write; 1 when a contender failed."""
    arguments = _arguments()
    with tempfile.TemporaryDirectory(prefix="reel-benchmark-") as tools:
        try:
            reel, ffmpeg = find_reel(arguments.reel), find_ffmpeg(arguments.ffmpeg)
            found = find(arguments.contenders, reel, ffmpeg, arguments.workers, Path(tools))
            sources = _sources(arguments, ffmpeg)
            print(f"{machine()}\nload {load():.2f}")
            for source in sources:
                print(f"{source.name}: {source.path}, {source.bits_per_s / 1e6:.2f} Mb/s")
            for contender in found.contenders:
                print(f"{contender.name}: {contender.version}")
            _print_missing(found.missing)
            print(flush=True)
            rows = _run(arguments, reel, sources, found.contenders)
        except (RuntimeError, FileNotFoundError, ValueError) as error:
            print(f"benchmarks: {error}", file=sys.stderr)
            return 1
    print("\n".join(["", "Per stream, CPU of one core:", table(rows), "", *findings(rows)]))
    _print_missing(found.missing)
    result = write_json(rows, found.contenders, found.missing, arguments.results)
    print(result)
    try:
        print(chart.draw(result))
    except ImportError:
        print("no chart: matplotlib is missing (pip install '.[bench]')")
    return 0


def _print_missing(missing: dict[str, str]) -> None:
    for name, why in missing.items():
        print(f"MISSING {name}: {why}")


if __name__ == "__main__":
    sys.exit(main())

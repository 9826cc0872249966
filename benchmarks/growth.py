"""`python -m benchmarks.growth`: whether a recording costs more among many than among few.

Both are recorded at the same time, from one origin. In turn, as `python -m benchmarks` does it, a machine
that is shared gets slower or faster between the two by more than they differ.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

from benchmarks.contenders import Contender, Format, find, find_ffmpeg, find_reel
from benchmarks.machine import load, machine
from benchmarks.measure import Plan, empty, new_folder, running, wait_until_writing
from benchmarks.origin import BUSY_PERCENT, Origin, origin_of
from benchmarks.processes import Group
from benchmarks.report import columns, write_result
from benchmarks.streams import SAMPLE, chosen

_HERE = Path(__file__).resolve().parent
_CONTENDERS = ["reel", "reel-rtmp", "c-loop"]


@dataclass(frozen=True, slots=True)
class Row:
    """What a recording cost in both groups; shares are of one core."""

    contender: str
    format: Format
    few: int
    many: int
    cpu_percent_among_few: float
    cpu_percent_among_many: float
    origin_cpu_percent: float  # of its busiest process

    @property
    def ratio(self) -> float:
        """Of one among many to one among few."""
        return self.cpu_percent_among_many / self.cpu_percent_among_few


def _measure(contender: Contender, format: Format, few: int, plan: Plan, origin: Origin) -> Row:
    """`few` recordings, and those of the plan.

    Raises:
        RuntimeError: the origin was busy, or a recorder ended early, wrote nothing, or did not end well.
    """
    urls = origin.urls(contender.protocol, few + plan.streams)
    shares = {"few": urls[:few], "many": urls[few:]}
    groups: dict[str, Group] = {}
    scratch = new_folder(f"{contender.name}-{format}", plan.scratch)
    with ExitStack() as stack:
        for what, mine in shares.items():
            folder = scratch / what
            (folder / "out").mkdir(parents=True)
            commands = contender.commands(mine, format, folder)
            groups[what] = stack.enter_context(running(commands, folder))
        for what, group in groups.items():
            wait_until_writing(group, scratch / what / "out", len(shares[what]))
        time.sleep(plan.warmup_s)
        spent_s = {what: group.cpu_s() for what, group in groups.items()}
        origin_s, began = origin.cpu_s(), time.monotonic()
        time.sleep(plan.seconds)
        spent_s = {what: group.cpu_s() - spent_s[what] for what, group in groups.items()}
        busiest_s = max(now - then for now, then in zip(origin.cpu_s(), origin_s, strict=True))
        window_s = time.monotonic() - began
        origin.require_alive()
        for group in groups.values():
            group.require_alive()
            if wrong := set(group.stop()) - contender.exit_codes:
                raise RuntimeError(f"{contender.name} ended with {sorted(wrong)}:\n{group.log_end()}")
    empty(scratch)
    if 100 * busiest_s / window_s > BUSY_PERCENT:
        raise RuntimeError(f"{contender.name}, {format}: the origin was busy")
    return Row(
        contender=contender.name,
        format=format,
        few=few,
        many=plan.streams,
        cpu_percent_among_few=100 * spent_s["few"] / window_s / few,
        cpu_percent_among_many=100 * spent_s["many"] / window_s / plan.streams,
        origin_cpu_percent=100 * busiest_s / window_s,
    )


def _table(rows: Sequence[Row]) -> str:
    """The medians of each contender's rounds, and the ratios of all of them."""
    lines = [("recorder", "format", "few", "many", "CPU % of few", "of many", "many / few", "of each round")]
    for contender, format in dict.fromkeys((row.contender, row.format) for row in rows):
        mine = [row for row in rows if (row.contender, row.format) == (contender, format)]
        lines.append(
            (
                contender,
                format,
                str(mine[0].few),
                str(mine[0].many),
                f"{median(row.cpu_percent_among_few for row in mine):.4f}",
                f"{median(row.cpu_percent_among_many for row in mine):.4f}",
                f"{median(row.ratio for row in mine):.3f}",
                " ".join(f"{row.ratio:.3f}" for row in mine),
            )
        )
    return columns(lines, ("recorder", "format", "of each round"))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.growth", description=__doc__)
    parser.add_argument("file", nargs="?", type=Path, help="an FLV file (default: made, 3 Mb/s 720p)")
    parser.add_argument("--few", type=int, default=50, help="recordings (default 50)")
    parser.add_argument("--many", type=int, default=200, help="recordings beside them (default 200)")
    parser.add_argument("--seconds", type=float, default=15.0, help="the measured window (default 15)")
    parser.add_argument("--warmup", type=float, default=10.0, help="seconds before it (default 10)")
    parser.add_argument("--rounds", type=int, default=3, help="measure all this often (default 3)")
    parser.add_argument("--reel", help="the reel to measure (default: this environment's)")
    parser.add_argument("--results", type=Path, default=_HERE / "results")
    parser.add_argument("--smoke", action="store_true", help="1 and 2 streams, 2 seconds: does it work")
    arguments = parser.parse_args()
    if arguments.smoke:
        arguments.file, arguments.few, arguments.many = SAMPLE, 1, 2
        arguments.seconds, arguments.warmup, arguments.rounds = 2.0, 0.5, 1
    return arguments


def _run(arguments: argparse.Namespace) -> list[Row]:
    reel, ffmpeg = find_reel(arguments.reel), find_ffmpeg(None)
    source = chosen(arguments.file, ffmpeg)
    print(f"{machine()}\nload {load():.2f}", flush=True)
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="reel-benchmark-") as name:
        scratch = Path(name)
        found = find(_CONTENDERS, reel, ffmpeg, os.cpu_count() or 1, scratch)
        for missing, why in found.missing.items():
            print(f"MISSING {missing}: {why}")
        plan = Plan(arguments.many, arguments.seconds, arguments.warmup, scratch)
        with origin_of(reel, source, scratch, arguments.few + arguments.many) as origin:
            for _ in range(arguments.rounds):
                for contender in found.contenders:
                    # The loop writes the same bytes whatever the format.
                    for format in contender.formats[:1] if contender.name == "c-loop" else contender.formats:
                        rows.append(_measure(contender, format, arguments.few, plan, origin))
                        print(f"{rows[-1]} {rows[-1].ratio:.3f}", flush=True)
    return rows


def main() -> int:
    """Measure, print, write; 1 when a recorder failed."""
    arguments = _arguments()
    try:
        rows = _run(arguments)
    except (RuntimeError, FileNotFoundError) as error:
        print(f"benchmarks.growth: {error}", file=sys.stderr)
        return 1
    print(_table(rows))
    print(write_result({"rows": [asdict(row) for row in rows]}, arguments.results, "growth"))
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""`python -m benchmarks.micro`: what the parts of a recording cost, in instructions a packet.

Each part runs in a process of its own under valgrind (callgrind), else under `perf stat`, twice: what more
repetitions add is the part's own. Without either, or with `--method time`, it is the best CPU time of some.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Literal, get_args

from benchmarks.contenders import find_ffmpeg
from benchmarks.parts import PARTS, prepare
from benchmarks.report import columns, write_result
from benchmarks.streams import SAMPLE, chosen

Method = Literal["callgrind", "perf", "time"]

_HERE = Path(__file__).resolve().parent
_FEW, _MANY = 1, 3
_ROUNDS = 7
_TIMEOUT_S = 900


def _available(method: Method) -> bool:
    if method == "callgrind":
        return shutil.which("valgrind") is not None
    if method == "perf" and shutil.which("perf"):
        probe = ["perf", "stat", "-x,", "-e", "instructions:u", "true"]
        return (
            re.search(r"^\d+,", subprocess.run(probe, capture_output=True, text=True).stderr, re.M)
            is not None
        )
    return method == "time"


def _instructions(method: Method, part: str, file: Path, repetitions: int) -> int:
    """Of a whole process that runs a part so often.

    Raises:
        RuntimeError: it failed.
    """
    child = [sys.executable, "-m", "benchmarks.micro", str(file), "--parts", part]
    child += ["--repeat", str(repetitions)]
    counters = {
        "callgrind": (
            ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"],
            r"Collected : (\d+)",
        ),
        "perf": (["perf", "stat", "-x,", "-e", "instructions:u"], r"^(\d+),"),
    }
    counter, pattern = counters[method]
    # One seed for hashes and one heap for all sizes, so that two runs differ by the repetitions alone.
    environment = {**os.environ, "PYTHONHASHSEED": "0", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    ran = subprocess.run(
        [*counter, *child], capture_output=True, text=True, env=environment, timeout=_TIMEOUT_S
    )
    counted = re.search(pattern, ran.stderr, re.M)
    if ran.returncode or counted is None:
        raise RuntimeError(f"{part}: {ran.stderr[-1000:]}")
    return int(counted[1])


def _measure(method: Method, part: str, file: Path) -> tuple[float, int]:
    """(instructions or nanoseconds of one repetition, packets in it)."""
    with prepare(part, file) as prepared:
        if method == "time":
            best = min(_cpu_ns(prepared.run) for _ in range(_ROUNDS))
            return best, prepared.packets
        packets = prepared.packets
    few, many = (_instructions(method, part, file, repetitions) for repetitions in (_FEW, _MANY))
    return (many - few) / (_MANY - _FEW), packets


def _cpu_ns(run: object) -> int:
    assert callable(run)
    began = time.process_time_ns()
    run()
    return time.process_time_ns() - began


def _repeat(part: str, file: Path, repetitions: int) -> None:
    with prepare(part, file) as prepared:
        for _ in range(repetitions):
            prepared.run()


def main() -> int:
    """Measure, print, write; 1 when a part failed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.micro", description=__doc__)
    parser.add_argument("file", nargs="?", type=Path, help="an FLV file (default: made, 3 Mb/s 720p)")
    parser.add_argument("--parts", default=",".join(PARTS), help=f"default: {','.join(PARTS)}")
    parser.add_argument("--method", choices=get_args(Method), help="default: the first that works")
    parser.add_argument("--results", type=Path, default=_HERE / "results")
    parser.add_argument("--smoke", action="store_true", help="a small file, timed: does it work at all")
    parser.add_argument("--repeat", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    parts = arguments.parts.split(",")
    if unknown := set(parts) - set(PARTS):
        parser.error(f"--parts: unknown: {', '.join(sorted(unknown))}")
    if arguments.repeat is not None:
        _repeat(parts[0], arguments.file, arguments.repeat)
        return 0
    if arguments.smoke:
        arguments.file, arguments.method = arguments.file or SAMPLE, arguments.method or "time"
    method: Method = arguments.method or next(one for one in get_args(Method) if _available(one))
    file = chosen(arguments.file, find_ffmpeg(None)).path
    unit = "ns" if method == "time" else "instructions"
    print(f"{file.name}, {unit} by {method}, ticks of a second", flush=True)
    lines, measured = [("part", f"{unit} a packet", "packets")], {}
    for part in parts:
        try:
            cost, packets = _measure(method, part, file)
        except RuntimeError as error:
            print(f"benchmarks.micro: {error}", file=sys.stderr)
            return 1
        measured[part] = {unit: cost, "packets": packets}
        lines.append((part, f"{cost / packets:,.0f}", str(packets)))
        print(f"{part}: {cost / packets:,.0f}", flush=True)
    print(columns(lines, ("part",)))
    print(write_result({"file": file.name, "method": method, "parts": measured}, arguments.results, "micro"))
    return 0


if __name__ == "__main__":
    sys.exit(main())

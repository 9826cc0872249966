"""Which tests are a first look, and which worker begins with what.

`seconds.json` has how long the tests of each file took together; `pytest --measure` writes the files that
were run into it. Of a file that is not in it, the first test counts as quick.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from math import inf
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
_MEASURED = TESTS / "seconds.json"
# All tests of a file are quick when they take no longer than this together.
QUICK_FILE_S = 0.5
# The first test of a file is quick when its tests take no longer than this on the average.
QUICK_TEST_S = 1.0
# Tests of this length on the average begin before shorter ones, so that none is waited for alone at the end.
LONG_TEST_S = 0.5


def file_of(item: pytest.Item) -> str:
    """The file of a test, relative to this folder."""
    return item.path.relative_to(TESTS).as_posix() if item.path.is_relative_to(TESTS) else str(item.path)


def mark_quick(items: Sequence[pytest.Item]) -> None:
    """Mark the tests of a first look: all of quick files, and the first of files whose tests are short.

    A part of which none is quick has the first test of the file with the shortest ones.
    """
    lengths = _lengths(items)
    seconds = measured()
    seen: set[str] = set()
    touched: set[str] = set()
    for item in items:
        file = file_of(item)
        is_first = file not in seen and lengths[file] <= QUICK_TEST_S
        if is_first or seconds.get(file, inf) <= QUICK_FILE_S:
            item.add_marker(pytest.mark.quick)
            touched.add(_part(file))
        seen.add(file)
    for item in sorted(items, key=lambda item: lengths[file_of(item)]):
        if _part(file_of(item)) not in touched:
            item.add_marker(pytest.mark.quick)
            touched.add(_part(file_of(item)))


def spread(items: Sequence[pytest.Item], workers: int) -> list[pytest.Item]:
    """An order in which each worker begins with its share of the long tests, the longest first.

    `--dist worksteal` gives each worker as many tests as the next, one stretch of the list after the other.
    Short tests stay beside their neighbours, with whom they share fixtures.
    """
    lengths = _lengths(items)
    long = [item for item in items if lengths[file_of(item)] >= LONG_TEST_S]
    long.sort(key=lambda item: -lengths[file_of(item)])
    short = [item for item in items if lengths[file_of(item)] < LONG_TEST_S]
    ordered: list[pytest.Item] = []
    for worker in range(workers):
        share = (len(items) - len(ordered)) // (workers - worker)
        ours = long[
            workers - 1 - worker :: workers
        ]  # where they do not come out even, the last have one more
        ordered += [*ours, *short[: share - len(ours)]]
        del short[: share - len(ours)]
    return ordered


def measured() -> dict[str, float]:
    """Seconds of the tests of each file together, as they were measured last."""
    seconds: dict[str, float] = json.loads(_MEASURED.read_text(encoding="utf-8"))
    return seconds


def write_measured(reports: Iterable[pytest.TestReport]) -> None:
    """Keep how long the files of these reports took, beside those that were not run."""
    seconds: dict[str, float] = defaultdict(float)
    for report in reports:
        seconds[Path(report.nodeid.partition("::")[0]).relative_to("tests").as_posix()] += report.duration
    known = {file: took for file, took in measured().items() if (TESTS / file).exists()}
    both = known | {file: round(took, 1) for file, took in seconds.items()}
    _MEASURED.write_text(json.dumps(dict(sorted(both.items())), indent=1) + "\n", encoding="utf-8")


def _part(file: str) -> str:
    """The folder of this folder that a file is in."""
    return file.partition("/")[0] if "/" in file else ""


def _lengths(items: Sequence[pytest.Item]) -> dict[str, float]:
    """Seconds of a test of each file on the average."""
    counts = Counter(map(file_of, items))
    seconds = measured()
    return {file: seconds.get(file, 0.0) / count for file, count in counts.items()}

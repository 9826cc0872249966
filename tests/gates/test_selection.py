"""What a first look has of every part, and how tests are spread over workers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import selection


@dataclass
class Item:
    """What `selection` needs of a test."""

    path: Path
    number: int
    marks: list[Any] = field(default_factory=list)

    def add_marker(self, mark: Any) -> None:
        self.marks.append(mark)


def items(**counts: int) -> list[Any]:
    """So many tests of each file."""
    return [Item(selection.TESTS / file, number) for file, count in counts.items() for number in range(count)]


@pytest.fixture(autouse=True)
def seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    took = {"quick": 0.4, "even": 9.0, "slow": 40.0, "slower": 80.0, "serve/slow": 40.0, "serve/slower": 80.0}
    monkeypatch.setattr(selection, "measured", lambda: took)


def named(chosen: Sequence[Any]) -> list[str]:
    return [f"{item.path.relative_to(selection.TESTS)} {item.number}" for item in chosen]


def test_a_first_look_has_quick_files_the_first_of_others_and_of_every_part_something() -> None:
    all_items = items(**{"quick": 2, "even": 10, "slow": 4, "new": 2, "serve/slower": 2, "serve/slow": 2})
    selection.mark_quick(all_items)
    assert named([item for item in all_items if item.marks]) == [
        "quick 0",
        "quick 1",
        "even 0",
        "new 0",
        "serve/slow 0",
    ]


def test_each_worker_begins_with_its_share_of_the_long_tests() -> None:
    spread = selection.spread(items(quick=5, slow=2, new=2, slower=2), workers=2)
    assert named(spread) == [
        *("slower 1", "slow 1", "quick 0", "quick 1", "quick 2"),  # the half of xdist's first worker
        *("slower 0", "slow 0", "quick 3", "quick 4", "new 0", "new 1"),
    ]


@pytest.mark.parametrize("workers", range(1, 8))
def test_no_test_is_lost(workers: int) -> None:
    for counts in ({"slow": 7}, {"slow": 3, "quick": 2}, {"quick": 5}, {"slower": 1, "slow": 1, "new": 9}):
        all_items = items(**counts)
        assert sorted(named(selection.spread(all_items, workers))) == sorted(named(all_items))

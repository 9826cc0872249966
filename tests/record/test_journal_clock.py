"""Where a recovered file ends is what the least delayed packet says, though the first ones came late."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from batches import Tag, batch
from replays import HEADERS, at, camera

from engine.media.codecs import Format
from engine.record.intake import Intake
from engine.record.ledger import Ledger
from engine.record.limit import MediaLimit
from engine.record.output import OutputReport
from engine.record.output_file import Identity, Settings
from engine.record.outputs import Handed, Outputs
from engine.record.recovery import Revived, revive_all
from engine.segment import CutRule
from engine.store import NameTemplate, Space, StreamName

START = datetime(2026, 1, 1, tzinfo=UTC)
FORMATS = (Format.FLV, Format.HLS, Format.MP4)
LATE_S = 0.8
SETTINGS = Settings(
    timestamps="original",
    flv_signalling="source",
    hls_segment="ts",
    hls_time_s=1,
    expected_duration_s=None,
    splice_s=60,
    splice_all=True,
    sync_s=None,
)


@dataclass
class Recorded:
    """A recording whose arrivals a test times; media of its clock's 0 is made at `START`."""

    folder: Path
    reports: list[OutputReport] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.intake = Intake(
            START - timedelta(hours=1),
            MediaLimit(None),
            rule=CutRule(),
            audio_only=False,
            jump="discontinuity",
            splices=True,
        )
        self.outputs = Outputs(
            {format: Ledger(START) for format in FORMATS},
            self.folder,
            NameTemplate(),
            StreamName("h", "live", "x"),
            Identity("r", "http://h/live/x.flv", "h/live/x"),
            SETTINGS,
            Space(self.folder, 0),
            self.reports.append,
        )

    def connect(self) -> None:
        self.intake.connect(may_repeat=False)

    def feed(self, tags: Iterable[Tag], now_s: float) -> None:
        for taken in self.intake.feed(batch(*tags), START + timedelta(seconds=now_s)):
            self.outputs.apply(Handed(taken.operations, taken.spans, taken.wall))

    def feed_apart(self, tags: Iterable[Tag], now_s: float) -> None:
        """Between the beginning of a section and what comes behind it, it is known better by `LATE_S`."""
        for taken in self.intake.feed(batch(*tags), START + timedelta(seconds=now_s + LATE_S)):
            better = taken.wall.copy()
            assert better.zero is not None
            better.zero -= timedelta(seconds=LATE_S)
            begin, *rest = taken.operations
            self.outputs.apply(Handed([begin], taken.spans, taken.wall))
            self.outputs.apply(Handed([], [], better))
            self.outputs.apply(Handed(rest, [], better))

    def end_push(self, now_s: float) -> None:
        for taken in self.intake.finish(START + timedelta(seconds=now_s)):
            self.outputs.apply(Handed(taken.operations, taken.spans, taken.wall))

    def ends_s(self, copy: Path) -> dict[str, float]:
        """By format, when the last file ends of what recovery makes of the folder as it is now."""
        shutil.copytree(self.folder, copy)
        revived: list[Revived] = []
        revive_all(copy, revived.append, lambda path, error: pytest.fail(f"{path}: {error}"))
        ends: dict[str, float] = {}
        for one in revived:
            end_s = (one.manifest.covers.end - START).total_seconds()
            ends[one.manifest.format.value] = max(end_s, ends.get(one.manifest.format.value, 0))
        return ends


def ticks(start_ms: int, end_ms: int) -> Iterator[tuple[list[Tag], float]]:
    """The camera's media in pieces of half a second, and when each is complete."""
    for begins in range(start_ms, end_ms, 500):
        yield camera(begins, begins + 500), (begins + 500) / 1000


def assert_ends(ends: dict[str, float], end_s: float) -> None:
    """Of FLV; what MP4 and HLS hold together until it is whole is not on the disk."""
    assert set(ends) == {format.value for format in FORMATS}
    assert end_s - 0.1 <= ends["flv"] <= end_s + 0.1
    assert end_s - 1.1 <= min(ends.values()) <= max(ends.values()) <= end_s + 0.1


def test_a_late_beginning(tmp_path: Path) -> None:
    recorded = Recorded(tmp_path / "a")
    recorded.connect()
    for number, (tags, now_s) in enumerate(ticks(0, 4000)):
        recorded.feed([*HEADERS, *tags] if number == 0 else tags, now_s + (LATE_S if number == 0 else 0))
    assert_ends(recorded.ends_s(tmp_path / "b"), 4.0)


def test_a_late_jump(tmp_path: Path) -> None:
    """Another clock, whose first media is late in its turn."""
    recorded = Recorded(tmp_path / "a")
    recorded.connect()
    for number, (tags, now_s) in enumerate(ticks(0, 3000)):
        recorded.feed([*HEADERS, *tags] if number == 0 else tags, now_s)
    for number, (tags, now_s) in enumerate(ticks(3000, 6000)):
        recorded.feed(at(tags, 500_000), now_s + (LATE_S if number == 0 else 0))
    assert_ends(recorded.ends_s(tmp_path / "b"), 6.0)


def test_a_late_push_behind_a_splice(tmp_path: Path) -> None:
    recorded = Recorded(tmp_path / "a")
    recorded.connect()
    for number, (tags, now_s) in enumerate(ticks(0, 3000)):
        recorded.feed([*HEADERS, *tags] if number == 0 else tags, now_s)
    recorded.end_push(3.2)
    recorded.connect()
    for number, (tags, now_s) in enumerate(ticks(0, 3000)):  # made from the 5th second on
        recorded.feed([*HEADERS, *tags] if number == 0 else tags, 5 + now_s + (LATE_S if number == 0 else 0))
    assert_ends(recorded.ends_s(tmp_path / "b"), 8.0)


@pytest.mark.parametrize("splices", [True, False])
def test_what_is_known_better_before_the_first_media(splices: bool, tmp_path: Path) -> None:
    """Of a push in the files of the one before, and of what HLS holds back behind a jump."""
    recorded = Recorded(tmp_path / "a")
    recorded.connect()
    for number, (tags, now_s) in enumerate(ticks(0, 3000)):
        recorded.feed([*HEADERS, *tags] if number == 0 else tags, now_s)
    if splices:
        recorded.end_push(3.2)
        recorded.connect()
        recorded.feed_apart([*HEADERS, *camera(0, 3000)], 8.0)
    else:
        recorded.feed_apart(at(camera(3000, 6000), 500_000), 6.0)
    assert_ends(recorded.ends_s(tmp_path / "b"), 8.0 if splices else 6.0)


def test_a_clock_that_jumped_is_not_that_of_the_file_before(tmp_path: Path) -> None:
    """Until a keyframe comes what comes on it stands in that file, on the file's own clock."""
    recorded = Recorded(tmp_path / "a")
    recorded.connect()
    for number, (tags, now_s) in enumerate(ticks(0, 3000)):
        recorded.feed([*HEADERS, *tags] if number == 0 else tags, now_s)
    recorded.feed(at(camera(3040, 3500), 500_000), 3.5)
    recorded.feed(at(camera(3500, 3900), 500_000), 3.8)
    assert_ends(recorded.ends_s(tmp_path / "b"), 3.9)

"""What is decided by the survey of a batch is what its rows would have decided: the whole pure path, and the
counts of the muxers, with surveys and without."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import pytest
from batches import Tag, audio, batch, joined_rows, split, video
from muxing import read_stream
from replays import HEADERS

from engine import _native
from engine.media.batch import Batch
from engine.mux.base import Stats
from engine.mux.onmetadata import Completion, KeyframeIndex
from engine.mux.tally import Tally
from engine.record.intake import Intake
from engine.record.limit import MediaLimit
from engine.record.wall_clock import Span
from engine.segment import CutRule, Media
from engine.timeline import Timeline

START = datetime(2026, 1, 1, tzinfo=UTC)
SAMPLES = ["h264_aac_bframes", "h264_mp3", "h265_id12_aac", "av1_opus", "video_only", "aac_only", "h266_aac"]
Sample = Callable[[str], Path]


@dataclass
class Outcome:
    """What a stream came to."""

    operations: list[object] = field(default_factory=list)
    spans: list[Span] = field(default_factory=list)
    repairs: list[str] = field(default_factory=list)
    recorded_ms: list[int] = field(default_factory=list)
    tally: Stats | None = None
    shown_ms: int | None = None
    metadata: bytes = b""
    surveys: int = field(default=0, compare=False)


def outcome(pieces: Iterable[Batch], *, duration_ms: int | None, rule: CutRule) -> Outcome:
    limit, found = MediaLimit(duration_ms), Outcome()
    recording = Intake(START, limit, rule=rule, audio_only=False, jump="discontinuity")
    tally, metadata = Tally(), Completion(True, True, KeyframeIndex(20))
    recording.connect(may_repeat=False)
    for number, piece in enumerate(pieces):
        for taken in recording.feed(piece, START + timedelta(seconds=0.3 * number)):
            found.spans += taken.spans
            found.repairs += map(str, taken.repairs)
            for one in taken.operations:
                if isinstance(one, Media):
                    found.surveys += one.batch.survey is not None
                    found.operations += joined_rows([one.batch])
                    tally.take(one.batch)
                    metadata.note(one.batch, 0, one.batch.tags["offset"].tolist(), 0)
                else:
                    said = getattr(one, "section", None), getattr(one, "message", None)
                    found.operations.append((type(one), *said))
        found.recorded_ms.append(limit.recorded_ms)
    found.shown_ms = tally.shown_ms
    found.tally, found.metadata = tally.stats(), metadata.complete(tally.stats(), 1, 0)
    return found


def with_and_without(
    pieces: Callable[[], Iterable[Batch]],
    monkeypatch: pytest.MonkeyPatch,
    duration_ms: int | None,
    rule: CutRule,
) -> tuple[Outcome, Outcome]:
    surveyed = outcome(pieces(), duration_ms=duration_ms, rule=rule)
    with monkeypatch.context() as patched:
        patched.setattr(_native, "survey", lambda *_: None)
        by_rows = outcome(pieces(), duration_ms=duration_ms, rule=rule)
    assert not by_rows.surveys
    return surveyed, by_rows


@pytest.mark.parametrize("duration_ms", [None, 5003])
@pytest.mark.parametrize(
    "rule", [CutRule(), CutRule(1500), CutRule(None, 90_000), CutRule(1500, 90_000)], ids=repr
)
@pytest.mark.parametrize("name", SAMPLES)
def test_samples(
    name: str,
    rule: CutRule,
    duration_ms: int | None,
    sample: Sample,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reader = _native.FlvReader()
    reader.feed(sample(name).read_bytes())
    taken = reader.take()
    assert taken is not None
    rows = Batch.from_native(taken)
    cuts = sorted(Random(name).sample(range(1, len(rows)), 40))
    surveyed, by_rows = with_and_without(
        lambda: split(rows, cuts), monkeypatch, duration_ms=duration_ms, rule=rule
    )
    assert surveyed == by_rows
    assert surveyed.surveys


def unsteady(chance: Random) -> list[Tag]:
    """Frames with equal times, steps back, holes and jumps."""
    tags, video_ms, audio_ms = [*HEADERS, video(0, key=True)], 0, 0
    for _ in range(400):
        step_ms = chance.choice(
            [0, 20, 20, 20, 40, 40, 40, -15, chance.choice([20, 20, 3000, 20_000, -5000])]
        )
        if chance.random() < (0.1 if len(tags) % 100 < 30 else 0.5):  # audio runs ahead at times
            video_ms = max(video_ms + step_ms, 0)
            tags.append(video(video_ms, key=chance.random() < 0.1, payload=b"v%d" % len(tags)))
        else:
            audio_ms = max(audio_ms + step_ms, 0)
            tags.append(audio(audio_ms, payload=b"a%d" % len(tags)))
    return tags


@pytest.mark.parametrize("seed", range(60))
def test_unsteady_clocks(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    chance = Random(seed)
    rows = batch(*unsteady(chance))
    cuts = sorted(chance.sample(range(1, len(rows)), 60))
    rule = CutRule(chance.choice([None, 500]), chance.choice([None, 2000]))
    surveyed, by_rows = with_and_without(lambda: split(rows, cuts), monkeypatch, duration_ms=None, rule=rule)
    assert surveyed == by_rows


FIELDS = ("first_ms", "last_ms", "shown_ms", "size_bytes", "media_bytes", "keys", "codecs", "last_of")


def fields(survey: _native.Survey | None) -> list[object]:
    """What it says of its rows."""
    return [getattr(survey, name) for name in FIELDS]


@pytest.mark.parametrize("name", ["h264_aac_bframes", "aac_only"])
def test_a_part_has_the_survey_of_its_rows(name: str, sample: Callable[[str], Path]) -> None:
    timeline = Timeline()
    batches = [Batch(one.arena, one.tags.copy()) for one in read_stream(sample(name)).batches(40)]
    for one in batches:
        timeline.place(one)
    whole = batches[2]
    assert whole.survey is not None
    rows = whole.tags.copy()
    for start, end in [(0, 40), (0, 1), (7, 40), (13, 29), (39, 40)]:
        part = whole.part(start, end)
        assert part.tags.tobytes() == rows[start:end].tobytes()
        first = rows[start]
        times = (int(first["timestamp"]), int(first["dts"]), int(first["dts"]), int(first["dts"]))
        alone = _native.survey(rows[start:end].tobytes(), *times, (1 << 40, 1 << 40))
        assert fields(part.survey) == fields(alone)
    for start, end in [(5, 5), (40, 40), (9, 3)]:
        assert len(whole.part(start, end)) == 0
    plain = Batch(whole.arena, rows)
    assert plain.part(3, 9).tags.tobytes() == rows[3:9].tobytes()

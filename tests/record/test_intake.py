"""What a reconnect's first media is, and when it was made, where that is known only later."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta

import pytest
from batches import Tag, batch
from replays import HEADERS, at, camera

from engine.media.limits import REJOIN_WAIT_S
from engine.record.intake import Intake, Taken
from engine.record.limit import MediaLimit
from engine.segment import Begin, CutRule, End, Media

START = datetime(2026, 1, 1, tzinfo=UTC)
TICK_MS = 200


def intake() -> Intake:
    return Intake(START, MediaLimit(None), rule=CutRule(), audio_only=False, jump="discontinuity")


def live(tags: Sequence[Tag], began: datetime) -> Iterator[tuple[list[Tag], datetime]]:
    """Frames as a live origin sends them, tick by tick; those of time 0 are made when it `began`."""
    for end_ms in range(TICK_MS, tags[-1][1] + TICK_MS, TICK_MS):
        yield (
            [tag for tag in tags if end_ms - TICK_MS <= tag[1] < end_ms],
            began + timedelta(milliseconds=end_ms),
        )


def recorded(taken: Iterable[Taken]) -> int:
    return sum(
        len(operation.batch) for one in taken for operation in one.operations if isinstance(operation, Media)
    )


def test_a_reconnect_that_cannot_be_told_is_not_held_for_long() -> None:
    """A looped picture on another clock: each of its rounds in the memory could be what comes again."""
    looped = [tag for number in range(4) for tag in at(camera(0, 3000, gop_ms=500), 3000 * number)]
    recording = intake()
    recording.connect(may_repeat=False)
    recording.feed(batch(*HEADERS, *at(looped, 100_000)), START + timedelta(seconds=12))
    recording.break_off(START + timedelta(seconds=12))
    recording.connect(may_repeat=True)
    again = START + timedelta(seconds=14)
    held_s: list[float] = []
    begun: list[tuple[Begin, datetime]] = []
    for tags, now in live(looped, again):
        taken = recording.feed(batch(*HEADERS, *tags) if not held_s else batch(*tags), now)
        held_s.append(0 if recorded(taken) else (now - again).total_seconds())
        begun += [
            (operation, one.wall.at(operation.dts_ms))
            for one in taken
            for operation in one.operations
            if isinstance(operation, Begin)
        ]
    assert 0 < max(held_s) <= REJOIN_WAIT_S + 2 * TICK_MS / 1000
    ((begin, made_at),) = begun
    assert begin.dts_ms == 0
    assert again <= made_at <= again + timedelta(milliseconds=TICK_MS)


def test_a_replay_on_the_recorded_clock_may_take_its_time() -> None:
    """An origin that plays a file to every client from its beginning, at the pace of the media."""
    film = camera(0, 12_000)
    recording = intake()
    recording.connect(may_repeat=False)
    recording.feed(batch(*HEADERS, *[tag for tag in film if tag[1] < 8000]), START + timedelta(seconds=8))
    recording.break_off(START + timedelta(seconds=8))
    recording.connect(may_repeat=True)
    again = START + timedelta(seconds=10)
    taken = [one for tags, now in live(film, again) for one in recording.feed(batch(*tags), now)]
    assert [one.joined.dropped_packets for one in taken if one.joined] == [len(camera(0, 8000))]
    assert recorded(taken) == len(film) - len(camera(0, 8000))


@pytest.mark.parametrize("is_replay", [False, True])
def test_files_that_end_while_a_reconnect_is_not_decided(is_replay: bool) -> None:
    """Their time is up: what the connection turns out to be goes into new ones."""
    film = camera(0, 6000)
    recording = intake()
    recording.connect(may_repeat=False)
    recording.feed(batch(*HEADERS, *film), START + timedelta(seconds=6))
    recording.break_off(START + timedelta(seconds=6))
    recording.connect(may_repeat=True)
    now = START + timedelta(seconds=8)
    replayed = [tag for tag in film if tag[1] >= 4000]
    assert not recorded(recording.feed(batch(*HEADERS, *replayed[:20]), now))
    (closed,) = recording.close_sections()
    assert any(isinstance(operation, End) for operation in closed.operations)
    rest = [*replayed[20:], *[tag for tag in camera(0, 8000) if tag[1] >= 6000]]
    if not is_replay:
        rest = [(kind, time, body + b" again") for kind, time, body in rest]
    taken = recording.feed(batch(*rest), now + timedelta(seconds=1))
    assert any(one.begins_again for one in taken) == is_replay
    (begin,) = [operation for one in taken for operation in one.operations if isinstance(operation, Begin)]
    assert begin.section == 1
    assert begin.dts_ms == (5000 if is_replay else 4000)


def test_a_connection_that_sends_nothing_changes_nothing() -> None:
    """What was recorded before it is still known when the next one repeats it."""
    film = camera(0, 6000)
    recording = intake()
    recording.connect(may_repeat=False)
    recording.feed(batch(*HEADERS, *film), START + timedelta(seconds=6))
    recording.break_off(START + timedelta(seconds=6))
    recording.close_sections()
    recording.connect(may_repeat=True)
    recording.break_off(START + timedelta(seconds=12))
    recording.connect(may_repeat=True)
    again = [tag for tag in camera(0, 8000) if tag[1] >= 5000]
    taken = recording.feed(batch(*HEADERS, *again), START + timedelta(seconds=13))
    (joined,) = [one.joined for one in taken if one.joined]
    assert joined.dropped_packets == len([tag for tag in film if tag[1] >= 5000])
    assert any(one.begins_again for one in taken)

"""Rejoin, whatever comes: nothing new is dropped, a replay always is, and the split makes no difference."""

from __future__ import annotations

from collections import Counter

from batches import Tag, audio, audio_config, batch, joined_rows, split, video, video_config
from hypothesis import given
from hypothesis import strategies as st
from replays import HEADERS, Result, at, memory_of, placed, rejoined

from engine.media.batch import Batch
from engine.timeline import Memory

MAKERS = {
    "key": lambda time, text: video(time, key=True, payload=b"key" + text),
    "video": lambda time, text: video(time, payload=b"picture" + text),
    "audio": lambda time, text: audio(time, payload=b"sound" + text),
    "header": lambda time, text: audio_config(time) if text > b"1" else video_config(time),
    "script": lambda time, text: (18, time, b"\x02\0\x01" + text),
}
kinds = st.sampled_from(["key", "video", "video", "audio", "audio", "audio", *MAKERS])
texts = st.sampled_from([b"0", b"1", b"2", b"3"])
steps = st.one_of(st.just(0), st.integers(-20, 60), st.just(900))


@st.composite
def streams(draw: st.DrawFn, *, max_size: int = 40) -> list[Tag]:
    """Frames with few different payloads, so that they repeat in many ways."""
    tags, now = [], draw(st.integers(0, 5000))
    for kind, text, step in draw(st.lists(st.tuples(kinds, texts, steps), max_size=max_size)):
        now += step
        tags.append(MAKERS[kind](now, text))
    return tags


@st.composite
def reconnects(draw: st.DrawFn) -> tuple[list[Tag], list[Tag]]:
    """A connection, and one that replays some of it: faithfully, or nearly so."""
    recorded = draw(streams())
    new = recorded[draw(st.integers(0, len(recorded))) :] + draw(streams(max_size=20))
    if new and draw(st.booleans()):
        damaged = draw(st.integers(0, len(new) - 1))
        new[damaged : damaged + 1] = draw(st.sampled_from([[], new[damaged : damaged + 1] * 2]))
    return [*HEADERS, *recorded], at(new, draw(st.sampled_from([0, 0, -3000, 3000, -1, 1])))


def pieces(data: st.DataObject, whole: Batch) -> list[Batch]:
    return split(whole, data.draw(st.sets(st.integers(0, len(whole)), max_size=8)))


@given(reconnects(), st.data())
def test_the_split_into_batches_makes_no_difference(
    connections: tuple[list[Tag], list[Tag]], data: st.DataObject
) -> None:
    recorded, new = (placed(tags) for tags in connections)
    memory = Memory()
    for piece in pieces(data, recorded):
        memory.remember(piece)
    assert rejoined(memory, pieces(data, new)) == rejoined(memory_of(recorded), [new])


@given(reconnects())
def test_nothing_is_dropped_that_is_not_in_the_memory_and_nothing_is_added(
    connections: tuple[list[Tag], list[Tag]],
) -> None:
    recorded, new = (placed(tags) for tags in connections)
    result = rejoined(memory_of(recorded), [new])
    everything = joined_rows([new])
    if result.is_fresh:
        assert result.rows == everything
        return
    assert result.offset_ms >= -1
    moved = [(kind, dts + result.offset_ms, body) for kind, dts, body in everything]
    dropped = Counter(moved) - Counter(result.rows)
    assert not Counter(result.rows) - Counter(moved)
    frames = {row: count for row, count in dropped.items() if is_frame(row)}
    assert sum(frames.values()) == result.dropped_packets
    known = set(joined_rows([recorded]))
    for kind, dts, body in frames:
        assert any((kind, dts + jitter, body) in known for jitter in (-1, 0, 1))
    assert in_order(result, moved)


def is_frame(row: tuple[int, int, bytes]) -> bool:
    return row[0] != 18 and row[2][1] == 1


def in_order(result: Result, moved: list[tuple[int, int, bytes]]) -> bool:
    """The rows that stay are in the order received, and so are those from the keyframe on."""
    for rows in (result.rows, result.from_keyframe):
        behind = iter(moved)
        if not all(row in behind for row in rows):
            return False
    return True


@given(st.data(), st.integers(0, 60), st.integers(1, 60), st.sampled_from([0, -77_000]))
def test_the_exact_tail_of_the_memory_and_new_rows_always_join(
    data: st.DataObject, before: int, behind: int, offset: int
) -> None:
    kinds = data.draw(st.lists(st.sampled_from(["video", "audio"]), min_size=before + behind, max_size=200))
    key = data.draw(st.integers(0, before))
    tags, now = [], 100_000
    for number, kind in enumerate(["key", "audio", *kinds[:key], "key", "audio", *kinds[key:]]):
        now += data.draw(st.integers(0, 40), label="step")
        tags.append(MAKERS[kind](now, b"%d" % number))
    end = data.draw(st.integers(key + 4, len(tags)))
    memory = memory_of([*HEADERS, *tags[:end]])
    result = rejoined(memory, pieces(data, batch_of(HEADERS + at(tags[key + 2 :], offset))))
    assert not result.is_fresh
    assert result.offset_ms == -offset
    assert result.rows == joined_rows([batch_of(tags[end:])])
    assert result.dropped_packets == end - key - 2


def batch_of(tags: list[Tag]) -> Batch:
    return placed(batch(*tags))

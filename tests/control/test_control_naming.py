"""What files are called."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.control.ids import TaskIds, file_id, task_word
from engine.control.naming import (
    COS_DEFAULT,
    COS_FIELDS,
    OSS_DEFAULT,
    OSS_FIELDS,
    VOD_DEFAULT,
    VOD_FIELDS,
    Named,
    file_name,
    unknown_fields,
)

NAMED = Named(
    domain="push.example.com",
    app="live",
    stream="s",
    session_id="123",
    file_id="456",
    sequence=7,
    started_at=datetime(2026, 1, 31, 16, 5, 6, 78_900, tzinfo=UTC),
    ended_at=datetime(2026, 2, 1, 1, 2, 3, tzinfo=UTC),
)


@pytest.mark.parametrize(
    ("pattern", "name"),
    [
        (VOD_DEFAULT, "s_2026-02-01-00-05-06_2026-02-01-09-02-03"),
        (COS_DEFAULT, "/origin/push.example.com/live/s/123-456/2026-02-01-00-05-06"),
        (OSS_DEFAULT, "record/live/s/7_2026-02-01-00-05-06_2026-02-01-09-02-03"),
        (
            "{AppName}/{StreamName}/{Sequence}_{StartTime}_{EndTime}",
            "live/s/7_2026-02-01-00:05:06_2026-02-01-09:02:03",
        ),
        ("{StartMillisecond}{EndMillisecond}", "078000"),
        ("{stream} {} }{", "{stream} {} }{"),
    ],
)
def test_patterns(pattern: str, name: str) -> None:
    assert file_name(pattern, NAMED) == name


@pytest.mark.parametrize(
    ("default", "fields"),
    [(VOD_DEFAULT, VOD_FIELDS), (COS_DEFAULT, COS_FIELDS), (OSS_DEFAULT, OSS_FIELDS)],
)
def test_every_field_is_filled_in(default: str, fields: tuple[str, ...]) -> None:
    assert unknown_fields(default, fields) == []
    assert "{" not in file_name("".join(f"{{{field}}}" for field in fields), NAMED)


def test_fields_that_there_are_not() -> None:
    assert unknown_fields("{StreamID}_{StartTime}_{x}", VOD_FIELDS) == ["StartTime", "x"]


def test_ids_of_files_are_theirs() -> None:
    assert file_id("a", "b") == file_id("a", "b") != file_id("ab", "")
    assert re.fullmatch(r"\d{18}", file_id("a", "b"))


@given(st.lists(st.integers(1_500_000_000, 8_800_000_000), min_size=1))
def test_ids_of_tasks_grow_whatever_the_clock_does(moments: list[int]) -> None:
    ids = TaskIds(last=5)
    made = [ids.next(datetime.fromtimestamp(moment, UTC)) for moment in moments]
    assert made == sorted(set(made))
    assert made[0] > 5
    assert made[-1] < 2**53


def test_words_of_tasks() -> None:
    words = {task_word() for _ in range(100)}
    assert len(words) == 100
    assert all(re.fullmatch(r"[A-Za-z0-9]{58}", word) for word in words)

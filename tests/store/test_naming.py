"""S1: names are safe for any stream name and never collide."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path, PurePosixPath
from urllib.parse import quote
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import UsageError
from engine.store import NameTemplate, StreamName
from engine.store.time_zone import parse_time_zone

_AT = datetime(2026, 3, 1, 12, 30, 5, tzinfo=UTC)


def test_the_default_template() -> None:
    name = StreamName("push.example.com", "live", "room-1")
    assert NameTemplate().path(name, _AT, 1) == "push.example.com/live/room-1/20260301T123005Z-001"


def test_times_are_utc() -> None:
    at = _AT.astimezone(timezone(timedelta(hours=8)))
    assert (
        NameTemplate("{date}/{time}-{seq}").path(StreamName("d", "a", "s"), at, 7) == "2026-03-01/123005-007"
    )


BERLIN = ZoneInfo("Europe/Berlin")
NAME = StreamName("d", "a", "s")


def test_local_times_are_of_the_zone() -> None:
    text = "{date}_{time}_{local_date}_{local_time}_{start}-{seq}"
    late = datetime(2026, 7, 1, 22, 30, 5, tzinfo=UTC)
    assert NameTemplate(text, BERLIN).path(NAME, late, 1) == (
        "2026-07-01_223005_2026-07-02_003005_20260702T003005+0200-001"
    )
    assert (
        NameTemplate(text, parse_time_zone("america/new_york"))
        .path(NAME, _AT, 1)
        .endswith("_2026-03-01_073005_20260301T073005-0500-001")
    )


@given(st.integers(0, 4 * 3600), st.integers(1, 7200))
def test_no_two_moments_share_a_start_when_clocks_are_put_back(at_s: int, later_s: int) -> None:
    first = datetime(2026, 10, 25, tzinfo=UTC) + timedelta(seconds=at_s)
    second = first + timedelta(seconds=later_s)
    template = NameTemplate("{start}-{seq}", BERLIN)
    assert template.path(NAME, first, 1) != template.path(NAME, second, 1)


def test_files_of_the_hour_that_comes_twice_are_told_apart_by_their_number(tmp_path: Path) -> None:
    """S1: the same local time, an hour apart."""
    template = NameTemplate("{local_date}-{local_time}-{seq}", BERLIN)
    moments = [datetime(2026, 10, 25, hour, 30, tzinfo=UTC) for hour in (0, 1)]
    assert template.path(NAME, moments[0], 1) == template.path(NAME, moments[1], 1)
    paths = []
    for moment in moments:
        seq = 1
        while (path := tmp_path / template.path(NAME, moment, seq)).exists():
            seq += 1
        paths.append(path)
        path.touch(exist_ok=False)
    assert [path.name[-3:] for path in paths] == ["001", "002"]


def test_a_title_is_the_users_then_the_streams_then_the_streams_name() -> None:
    template = NameTemplate("{title}-{seq}")
    assert template.path(NAME, _AT, 1) == "s-001"
    assert template.path(NAME, _AT, 1, "../Live: 1") == "~2E.~2FLive~3A~201-001"
    assert NameTemplate("{title}-{seq}", title="mine").path(NAME, _AT, 1, "theirs") == "mine-001"


@pytest.mark.parametrize("text", ["Berlin", "", "../../etc/passwd", "UTC+1", "Europe", "\0", "/etc"])
def test_what_is_no_time_zone_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="there is no time zone"):
        parse_time_zone(text)


def test_every_time_zone_is_known_in_any_case() -> None:
    assert parse_time_zone("local") is parse_time_zone("LOCAL") is None
    for name in available_timezones():
        assert str(parse_time_zone(name.upper())).casefold() == name.casefold()


@pytest.mark.parametrize(
    "text",
    [
        "/abs/{seq}",
        "../{seq}",
        "a/../{seq}",
        "{stream}",
        "{nope}-{seq}",
        "{seq",
        "seq}-{seq}",
        "",
        "a b {seq}",
        "{seq}#1",
        "直播-{seq}",
    ],
)
def test_templates_that_are_refused(text: str) -> None:
    with pytest.raises(UsageError):
        NameTemplate(text)


@given(st.text(max_size=300), st.text(max_size=300))
def test_no_stream_name_leaves_the_root_or_breaks_a_name(app: str, stream: str) -> None:
    path = PurePosixPath(NameTemplate().path(StreamName("d", app, stream), _AT, 1))
    assert len(path.parts) == 4
    assert not path.is_absolute()
    for part in path.parts:
        assert part not in (".", "..", "")
        assert not part.startswith(".")
        assert quote(part) == part  # it goes into the URIs of playlists as it is
        assert len(part.encode()) <= 200


@given(st.text(max_size=200), st.text(max_size=200))
def test_different_streams_never_share_a_name(first: str, second: str) -> None:
    paths = {NameTemplate().path(StreamName("d", "a", name), _AT, 1) for name in (first, second)}
    assert len(paths) == len({first, second})


def test_a_template_of_one_stream() -> None:
    template = NameTemplate("{date}/{domain}/{app}-{stream}/{start}-{seq}")
    own = template.for_stream(StreamName("d.example.com", "live/a", "{x}"))
    assert own.text == "{date}/d.example.com/live~2Fa-~7Bx~7D/{start}-{seq}"
    assert own.glob == "*/d.example.com/live~2Fa-~7Bx~7D/*-*"
    at = datetime(2026, 3, 1, 4, 0, tzinfo=UTC)
    assert PurePosixPath(own.path(StreamName("other", "app", "y"), at, 7)).match(own.glob)

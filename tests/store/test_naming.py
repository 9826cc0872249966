"""S1: names are safe for any stream name and never collide."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from pathlib import PurePosixPath
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import UsageError
from engine.store import NameTemplate, StreamName

_AT = datetime(2026, 3, 1, 12, 30, 5, tzinfo=UTC)


def test_the_default_template() -> None:
    name = StreamName("push.example.com", "live", "room-1")
    assert NameTemplate().path(name, _AT, 1) == "push.example.com/live/room-1/20260301T123005Z-001"


def test_times_are_utc() -> None:
    at = _AT.astimezone(timezone(timedelta(hours=8)))
    assert (
        NameTemplate("{date}/{time}-{seq}").path(StreamName("d", "a", "s"), at, 7) == "2026-03-01/123005-007"
    )


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

"""Times as text, wherever the machine is."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.media.civil_time import CHINA, china_day, china_text, iso_text, parse_china, parse_iso

ZONES = [UTC, CHINA, timezone(timedelta(hours=-9, minutes=30))]
microseconds = st.integers(-60_000_000_000_000_000, 250_000_000_000_000_000)  # from the year 68 to 9892
moments = st.builds(
    lambda micro, zone: datetime(1970, 1, 1, tzinfo=UTC).astimezone(zone) + timedelta(microseconds=micro),
    microseconds,
    st.sampled_from(ZONES),
)


@pytest.fixture(params=["UTC", "America/Los_Angeles", "Asia/Kathmandu"], autouse=True)
def zone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The machine's own."""
    with monkeypatch.context() as patch:
        patch.setenv("TZ", request.param)
        time.tzset()
        yield
    time.tzset()


def test_what_is_written() -> None:
    at = datetime(2025, 10, 9, 9, 0, 0, 999_999, tzinfo=UTC)
    assert china_text(at) == "2025-10-09 17:00:00"
    assert iso_text(at) == "2025-10-09T09:00:00Z"
    assert china_day(datetime(2025, 10, 9, 16, tzinfo=UTC)) == datetime(2025, 10, 9, 16, tzinfo=UTC)
    assert china_day(datetime(2025, 10, 9, 15, tzinfo=UTC)) == datetime(2025, 10, 8, 16, tzinfo=UTC)
    assert parse_china("2025-03-30 02:30:00") == datetime(2025, 3, 29, 18, 30, tzinfo=UTC)


def test_what_was_written_is_read() -> None:
    @given(moments)
    def read_back(at: datetime) -> None:
        assert parse_china(china_text(at)) == at.replace(microsecond=0)
        assert parse_iso(iso_text(at)) == at.replace(microsecond=0)
        assert china_day(at) <= at < china_day(at) + timedelta(days=1)

    read_back()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2025-10-09",
        "2025-10-09 17:00",
        "2025-10-09T17:00:00",
        "2025-02-29 00:00:00",
        "2025-10-09 24:00:00",
        "2025-10-09 17:00:00 ",
        "2025-10-09 17:00:00\n",
        "25-10-09 17:00:00",
        "\u0662025-10-09 17:00:00",
        "2025-10-09 17:00:00Z",
    ],
)
def test_what_is_no_time(text: str) -> None:
    for read in (parse_china, parse_iso):
        with pytest.raises(ValueError, match=r".+"):
            read(text)

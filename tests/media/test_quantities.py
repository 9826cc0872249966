"""Durations and sizes as people write them."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.media.quantities import MIB, duration_text, parse_duration_s, parse_size_bytes, size_text

DURATIONS = {
    "90": 90,
    "1.5": 1.5,
    ".5": 0.5,
    "0": 0,
    "90s": 90,
    "90 sec": 90,
    "1m30s": 90,
    "1M30S": 90,
    "1h": 3600,
    "1.1m": 66,
    "1d 2h 3min 4s 5ms": 93784.005,
    "500ms": 0.5,
    "90m": 5400,
    "1:30:00": 5400,
    "1:30": 90,
    "90:00": 5400,
    "0:00:00.25": 0.25,
}
SIZES = {
    "512": 512 * MIB,
    "0.5": MIB // 2,
    "512MiB": 512 * MIB,
    "1GB": 10**9,
    "1 gb": 10**9,
    "1.5G": 3 * 2**29,
    "100kB": 100_000,
    "100 KiB": 102_400,
    "2T": 2**41,
    "7B": 7,
}
NEITHER = ["", " ", "x", "-1", "+1", "inf", "nan", "1e3", "0x10", "1,5", "1s1h", "1s1s", "1:60", "1:60:00"]
NEITHER += ["1:2:3:4", "1h30", "٣", "5 parsec", "9" * 65, "1m\0"]


@pytest.mark.parametrize(("text", "seconds"), DURATIONS.items())
def test_a_duration_is_read(text: str, seconds: float) -> None:
    assert parse_duration_s(text) == parse_duration_s(f" {text} ") == seconds


@pytest.mark.parametrize(("text", "size"), SIZES.items())
def test_a_size_is_read(text: str, size: int) -> None:
    assert parse_size_bytes(text) == size


@pytest.mark.parametrize("text", [*NEITHER, "1GB"])
def test_what_is_no_duration_is_refused_with_examples(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not a duration: write 90, 90s, 1m30s, 1h, 1:30:00 or 500ms"):
        parse_duration_s(text)


@pytest.mark.parametrize("text", [*NEITHER, "90s", "1:30"])
def test_what_is_no_size_is_refused_with_examples(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not a size: write 512MiB, 1GB or a number of MiB"):
        parse_size_bytes(text)


@given(st.lists(st.integers(0, 10**6), min_size=5, max_size=5))
def test_units_add_up(numbers: list[int]) -> None:
    text = "".join(
        f"{number}{unit}" for number, unit in zip(numbers, ("d", "h", "m", "s", "ms"), strict=True)
    )
    days, hours, minutes, seconds, ms = numbers
    total = Fraction(((days * 24 + hours) * 60 + minutes) * 60 + seconds) + Fraction(ms, 1000)
    assert parse_duration_s(text) == float(total)


@given(st.integers(0, 10**6), st.integers(0, 59), st.integers(0, 59_999))
def test_a_clock_adds_up(hours: int, minutes: int, ms: int) -> None:
    text = f"{hours}:{minutes:02d}:{ms // 1000:02d}.{ms % 1000:03d}"
    assert parse_duration_s(text) == float(hours * 3600 + minutes * 60 + Fraction(ms, 1000))


@given(st.floats(0, 10**9), st.floats(0, 10**9))
def test_plain_numbers_keep_their_meaning(seconds: float, mebibytes: float) -> None:
    assert parse_duration_s(f"{seconds:.9f}") == float(f"{seconds:.9f}")
    assert parse_size_bytes(f"{mebibytes:.9f}") == int(Fraction(f"{mebibytes:.9f}") * MIB)


@pytest.mark.parametrize(
    ("size", "text"),
    {0: "0 B", 1023: "1023 B", 1024: "1.00 KiB", 300_000: "292 KiB", 2**20 - 1: "1023 KiB"}.items(),
)
def test_a_size_is_shown(size: int, text: str) -> None:
    assert size_text(size) == text


@given(st.integers(0, 2**60))
def test_a_size_that_is_shown_is_read_again(size: int) -> None:
    again = parse_size_bytes(size_text(size))
    assert size * 0.989 <= again <= size


@given(st.text(max_size=80))
def test_any_text_is_read_or_refused(text: str) -> None:
    for parse in (parse_duration_s, parse_size_bytes):
        complaint = ""
        try:
            assert parse(text) >= 0
        except ValueError as error:
            complaint = str(error)
        assert "\n" not in complaint


@given(st.integers(0, 10**7))
def test_a_duration_that_is_written_is_read(seconds: int) -> None:
    assert parse_duration_s(duration_text(seconds)) == seconds
    assert duration_text(90) == "1m30s"

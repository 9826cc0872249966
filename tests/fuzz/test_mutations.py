"""Recordings damaged at random, and that the harnesses notice what they are there for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest
from fuzz import harnesses, inspecting, mutations, seeds
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.mux.probe import Report
from engine.mux.probe.report import TrackReport

Recordings = tuple[Path, list[bytes]]


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Recordings:
    """A folder of recordings, and what its files hold."""
    folder = tmp_path_factory.mktemp("recordings")
    return folder, seeds.make(folder)


@pytest.mark.parametrize("harness", harnesses.HARNESSES)
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**64), which=st.integers(0, 6))
def test_no_damage_breaks_a_harness(recordings: Recordings, harness: str, seed: int, which: int) -> None:
    folder, files = recordings
    harnesses.HARNESSES[harness](mutations.mutate(files[which], Random(seed), files), folder)


@pytest.mark.parametrize("harness", harnesses.HARNESSES)
def test_what_is_whole_is_found_whole(recordings: Recordings, harness: str) -> None:
    folder, files = recordings
    assert len(files) == 7
    for data in files:
        harnesses.HARNESSES[harness](data, folder)


def raises(path: Path) -> Report:
    raise IndexError("list index out of range")


def is_no_number(path: Path) -> Report:
    return Report(str(path), "x", duration_ms=float("nan"))


def says_two_lines(path: Path) -> Report:
    return Report(str(path), "x", damaged=["one\ntwo"])


def says_too_much(path: Path) -> Report:
    return Report(str(path), "x", damaged=["x"] * 100)


def counts_below_nothing(path: Path) -> Report:
    return Report(str(path), "x", tracks=[TrackReport("audio", "AAC", packets=-1)])


def changes_the_file(path: Path) -> Report:
    path.write_bytes(b"")
    return Report(str(path), "x")


class ChangesItsMind:
    """Damaged at first sight only."""

    def __init__(self) -> None:
        self.seen = False

    def __call__(self, path: Path) -> Report:
        report = Report(str(path), "x", damaged=[] if self.seen else ["broken"])
        self.seen = True
        return report


@pytest.mark.parametrize(
    "planted",
    [
        raises,
        is_no_number,
        says_two_lines,
        says_too_much,
        counts_below_nothing,
        changes_the_file,
        ChangesItsMind(),
    ],
)
def test_planted_bugs_of_inspect_are_found(
    planted: Callable[[Path], Report], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.cli.inspect.probe", planted)
    with pytest.raises((AssertionError, IndexError, ValueError)):
        inspecting.check(b"data", tmp_path)

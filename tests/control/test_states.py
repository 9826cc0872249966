"""The table of states, and its drawing in the documents."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.control.states import TRANSITIONS, TaskState, at_end, draw, entered

CONTRIBUTING = Path(__file__).resolve().parents[2] / "CONTRIBUTING.md"


def test_the_documents_show_the_table() -> None:
    assert f"```mermaid\n{draw()}\n```" in CONTRIBUTING.read_text(encoding="utf-8")


def test_every_state_is_reached_and_every_task_comes_to_an_end() -> None:
    reached, new = set(), {TaskState.ARMED}
    while new:
        reached |= new
        new = {after for state in new for after in TRANSITIONS[state]} - reached
    assert reached == set(TaskState) == set(TRANSITIONS)
    assert {state for state in TaskState if state.is_over} == {"finished", "failed", "stopped"}
    assert {state for state in TaskState if state.is_running} == {"waiting", "recording", "interrupted"}


def test_any_task_in_its_window_can_be_stopped_and_can_end() -> None:
    for state in TaskState:
        if state.is_running:
            assert entered(state, TaskState.STOPPED) is TaskState.STOPPED
            assert at_end(state) in TRANSITIONS[state]
    assert at_end(TaskState.WAITING) is TaskState.FAILED
    assert at_end(TaskState.INTERRUPTED) is TaskState.FINISHED


def test_what_the_table_does_not_allow() -> None:
    with pytest.raises(AssertionError):
        entered(TaskState.ARMED, TaskState.RECORDING)
    with pytest.raises(AssertionError):
        entered(TaskState.STOPPED, TaskState.RECORDING)

"""The states of a task, and every transition between them. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class TaskState(StrEnum):
    """Where a task is."""

    ARMED = "armed"  # its window has not begun
    WAITING = "waiting"  # in its window, nothing recorded yet
    RECORDING = "recording"
    INTERRUPTED = "interrupted"  # in its window, between two pushes
    FINISHED = "finished"
    FAILED = "failed"  # its window is over, and nothing was recorded
    STOPPED = "stopped"

    @property
    def is_over(self) -> bool:
        """Nothing becomes of it any more."""
        return not TRANSITIONS[self]

    @property
    def is_running(self) -> bool:
        """It is in its window."""
        return self in (TaskState.WAITING, TaskState.RECORDING, TaskState.INTERRUPTED)


TRANSITIONS: Mapping[TaskState, Mapping[TaskState, str]] = {
    TaskState.ARMED: {
        TaskState.WAITING: "its window begins",
        TaskState.STOPPED: "stopped or deleted",
    },
    TaskState.WAITING: {
        TaskState.RECORDING: "media is recorded",
        TaskState.FAILED: "its window ends",
        TaskState.STOPPED: "stopped or deleted",
    },
    TaskState.RECORDING: {
        TaskState.INTERRUPTED: "the push ends or breaks off",
        TaskState.FINISHED: "its window ends",
        TaskState.STOPPED: "stopped or deleted",
    },
    TaskState.INTERRUPTED: {
        TaskState.RECORDING: "media is recorded again",
        TaskState.FINISHED: "its window ends",
        TaskState.STOPPED: "stopped or deleted",
    },
    TaskState.FINISHED: {},
    TaskState.FAILED: {},
    TaskState.STOPPED: {},
}


def entered(state: TaskState, next_state: TaskState) -> TaskState:
    """The next state, which the table must allow."""
    assert next_state in TRANSITIONS[state], f"{state} -> {next_state}"
    return next_state


def at_end(state: TaskState) -> TaskState:
    """What a task that is not over becomes when its window ends."""
    return TaskState.FINISHED if TaskState.FINISHED in TRANSITIONS[state] else TaskState.FAILED


def draw() -> str:
    """The table as a Mermaid diagram."""
    lines = ["stateDiagram-v2", f"    [*] --> {TaskState.ARMED}"]
    for state, nexts in TRANSITIONS.items():
        lines += [f"    {state} --> {next_state}: {why}" for next_state, why in nexts.items()]
        if state.is_over:
            lines.append(f"    {state} --> [*]")
    return "\n".join(lines)

"""Processes under measurement: their CPU time and memory as the kernel counts them (proc(5))."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_PER_PROCESS_SCHED = 2  # CPUCLOCK_SCHED of Linux, without its bit for one thread


def with_children(pids: Iterable[int]) -> list[int]:
    """The processes and all their descendants that live now."""
    found: list[int] = []
    waiting = list(pids)
    while waiting:
        pid = waiting.pop()
        found.append(pid)
        for children in Path(f"/proc/{pid}/task").glob("*/children"):
            waiting += map(int, children.read_text().split())
    return found


def cpu_s(pid: int) -> float:
    """User and system time of a process so far, in seconds: all its threads, and its children that ended.

    Raises:
        OSError: there is no such process.
    """
    # Field 2 is the command in parentheses and may hold blanks; 16 and 17 are cutime and cstime.
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return time.clock_gettime(_cpu_clock(pid)) + sum(map(int, fields[13:15])) / _TICKS_PER_S


def _cpu_clock(pid: int) -> int:
    """The clock of a process's CPU time, as clock_getcpuclockid(3) gives it: what utime and stime add up to.

    They count in ticks of 10 ms, too coarse here: fifty recordings cost two dozen ticks in ten seconds.
    """
    return (~pid << 3) | _PER_PROCESS_SCHED


def pss_bytes(pid: int) -> int:
    """Proportional set size: a page shared by n processes counts as 1/n of a page in each."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    raise OSError(f"/proc/{pid}/smaps_rollup has no Pss line")


class Group:
    """Processes started together, measured together and stopped together.

    Their stderr goes to one log, whose end is shown when something is wrong.
    """

    def __init__(self, commands: Sequence[Sequence[str]], folder: Path, log: Path) -> None:
        self._log = log
        with log.open("wb") as stream:
            self._processes = [
                subprocess.Popen(
                    command, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=stream
                )
                for command in commands
            ]

    def require_alive(self) -> None:
        """Raise RuntimeError with the end of the log when one of the processes has ended."""
        for process in self._processes:
            if process.poll() is not None:
                raise RuntimeError(f"{process.args!r} ended with {process.returncode}:\n{self.log_end()}")

    def log_end(self) -> str:
        """The last lines that the processes wrote to stderr."""
        return "\n".join(self._log.read_text(errors="replace").splitlines()[-10:])

    def cpu_s(self) -> float:
        """CPU time of all processes and their children so far, in seconds."""
        return sum(map(cpu_s, with_children(process.pid for process in self._processes)))

    def pss_bytes(self) -> int:
        """Memory of all processes and their children."""
        return sum(map(pss_bytes, with_children(process.pid for process in self._processes)))

    def stop(self, timeout_s: float = 30.0) -> list[int]:
        """Interrupt the processes, wait for them, kill what stays; the exit codes."""
        for process in self._processes:
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
        return self.wait(timeout_s)

    def wait(self, timeout_s: float = 30.0) -> list[int]:
        """Wait for the processes, kill what stays; the exit codes."""
        for process in self._processes:
            try:
                process.wait(timeout_s)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        return [process.returncode for process in self._processes]

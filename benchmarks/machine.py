"""What a run was made on, and how busy it was."""

from __future__ import annotations

import os
import platform
from pathlib import Path

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_IDLE, _IOWAIT, _GUEST = 3, 4, 8  # columns of the first line of /proc/stat


def machine() -> dict[str, object]:
    """CPU model, cores, kernel, memory, Python."""
    return {
        "cpu": _cpu_model(),
        "cores": os.cpu_count(),
        "kernel": f"{platform.system()} {platform.release()}",
        "memory_mb": os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 1_000_000,
        "python": platform.python_version(),
    }


def busy_s() -> float:
    """CPU time that all cores have spent so far, by anybody, interrupts included."""
    columns = [int(word) for word in Path("/proc/stat").read_text().splitlines()[0].split()[1:]]
    return (sum(columns[:_GUEST]) - columns[_IDLE] - columns[_IOWAIT]) / _TICKS_PER_S


def load() -> float:
    """The load average of the last minute."""
    return os.getloadavg()[0]


def _cpu_model() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            return value.strip()
    return platform.machine()

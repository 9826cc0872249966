"""Memory that is free goes back to the system."""

from __future__ import annotations

from pathlib import Path

from engine.heap import trimmer

PAGE_BYTES = 4096


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE_BYTES


def test_holes_are_given_back() -> None:
    """Blocks below the size that glibc maps one by one; the last is kept, so that the top stays in use."""
    blocks = [bytes([1]) * 100_000 for _ in range(1000)]
    last = blocks[-1]
    blocks.clear()
    full = resident_bytes()
    trimmer()()
    assert full - resident_bytes() > 80_000_000
    assert len(last) == 100_000

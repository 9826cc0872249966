"""Memory that is free goes back to the system."""

from __future__ import annotations

from pathlib import Path

from engine.heap import trimmer

PAGE_BYTES = 4096


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE_BYTES


def test_holes_are_given_back() -> None:
    """Blocks below the size that glibc maps one by one, with every hundredth kept."""
    blocks = [bytes(100_000) for _ in range(1000)]
    full = resident_bytes()
    kept = blocks[::100]
    blocks.clear()
    trimmer()()
    assert full - resident_bytes() > 80_000_000
    assert len(kept) == 10

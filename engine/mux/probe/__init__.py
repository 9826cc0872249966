"""Reads finished files back: what is in them, and what is wrong with them."""

from __future__ import annotations

from pathlib import Path

from engine.mux.probe.report import Report

__all__ = ["Report", "probe"]


def probe(path: Path) -> Report:
    """Reads a whole file and says what it holds. Never raises for what is in the file.

    Raises:
        OSError: the file cannot be opened or read.
    """
    from engine.mux.probe.any_file import probe_any

    return probe_any(path)

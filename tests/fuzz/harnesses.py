"""The harnesses by name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from fuzz import inspecting, leftovers, repairing

HARNESSES: dict[str, Callable[[bytes, Path], object]] = {
    "inspect": inspecting.check,
    "repair": repairing.check,
    "leftovers": leftovers.check,
}

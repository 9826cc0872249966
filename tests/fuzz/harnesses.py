"""The harnesses by name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from fuzz import inspecting

HARNESSES: dict[str, Callable[[bytes, Path], object]] = {"inspect": inspecting.check}

"""Small file systems of their own, where that is allowed."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def tmpfs(folder: Path, options: str) -> Iterator[Path]:
    """A file system of its own; the test is skipped where one may not mount."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", options, "reel-test", str(folder)]
    if os.geteuid() or subprocess.run(command, capture_output=True, timeout=10, check=False).returncode:
        pytest.skip("mounting is not allowed here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True, timeout=10)

"""Programs that are not ours and that do not come as wheels: a test without its program is skipped by name.

`REEL_TEST_ALL=1` turns such a skip into a failure.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import NoReturn

import pytest

ALL = os.environ.get("REEL_TEST_ALL") == "1"


def need(program: str) -> str:
    """The path of a program on PATH; without it the test is skipped or failed."""
    return shutil.which(program) or missing(program)


def need_file(name: str, *candidates: str | Path) -> Path:
    """The first of the files that exists; without one the test is skipped or failed."""
    for candidate in map(Path, candidates):
        if candidate.exists():
            return candidate
    return missing(name)


def missing(name: str) -> NoReturn:
    """Skips the test, or fails it when all tests are wanted."""
    if ALL:
        pytest.fail(f"{name} is not installed, and REEL_TEST_ALL=1", pytrace=False)
    pytest.skip(f"{name} is not installed")


def modern_ffmpeg() -> str:
    """The FFmpeg of the imageio-ffmpeg wheel: enhanced FLV in and out."""
    import imageio_ffmpeg

    path: str = imageio_ffmpeg.get_ffmpeg_exe()
    return path

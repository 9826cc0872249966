"""Programs that are not ours and that do not come as wheels: a test without its program is skipped by name.

`REEL_TEST_ALL=1` turns such a skip into a failure.
"""

from __future__ import annotations

import os
import re
import shutil
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import NoReturn

import pytest

# Debian's packages of what tests ask for by name.
PACKAGES = {
    "PostgreSQL": "postgresql",
    "bash": "bash",
    "cc": "gcc",
    "chromium": "chromium",
    "curl": "curl",
    "ffmpeg": "ffmpeg",
    "ffprobe": "ffmpeg",
    "groff": "groff-base",
    "libnginx-mod-rtmp": "libnginx-mod-rtmp",
    "man": "man-db",
    "mkfs.ext4": "e2fsprogs",
    "nginx": "nginx",
    "node": "nodejs",
    "npm": "npm",
    "rtmpdump": "rtmpdump",
    "unshare": "util-linux",
}
NPM = "the npm package "
_REASON = re.compile(r"^Skipped: (.*) is not installed$")

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


def advice(reasons: Iterable[str]) -> list[str]:
    """One line that says what was missing and how to get it, from the reasons of skipped tests."""
    skipped = Counter(found[1] for reason in reasons if (found := _REASON.match(reason)))
    if not skipped:
        return []
    packages = sorted({PACKAGES[name] for name in skipped if name in PACKAGES})
    ways = [f"apt-get install {' '.join(packages)}"] if packages else []
    if any(name.startswith(NPM) for name in skipped):
        ways.append("python tests/npm.py")
    ways += sorted(name for name in skipped if name not in PACKAGES and not name.startswith(NPM))
    what = "1 program is" if len(skipped) == 1 else f"{len(skipped)} programs are"
    tests = "1 test was" if skipped.total() == 1 else f"{skipped.total()} tests were"
    return [f"{what} missing, {tests} skipped: {'; '.join(ways)}"]

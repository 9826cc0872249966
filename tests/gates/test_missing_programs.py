"""A test whose program is missing is skipped by name, and one last line says how to get all of them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from programs import PACKAGES, advice

ROOT = Path(__file__).resolve().parents[2]
PYTEST = (sys.executable, "-P", "-m", "pytest", "-q", "-n0", "-p", "no:cacheprovider")


def test_one_line_for_all_that_is_missing() -> None:
    reasons = [
        "Skipped: nginx is not installed",
        "Skipped: nginx is not installed",
        "Skipped: libnginx-mod-rtmp is not installed",
        "Skipped: the npm package hls.js is not installed",
        "Skipped: another reason",
    ]
    assert advice(reasons) == [
        "3 programs are missing, 4 tests were skipped: apt-get install libnginx-mod-rtmp nginx; "
        "python tests/npm.py"
    ]
    assert advice(["Skipped: ffprobe is not installed"]) == [
        "1 program is missing, 1 test was skipped: apt-get install ffmpeg"
    ]
    assert advice(["Skipped: another reason"]) == []


def test_pytest_ends_with_that_line(tmp_path: Path) -> None:
    """Of a test that needs rtmpdump, on a PATH that has nothing."""
    run = subprocess.run(
        [*PYTEST, "-k", "rtmpdump", "tests/origin/test_rtmp_serve_programs.py"],
        cwd=ROOT,
        env={**os.environ, "PATH": str(tmp_path), "REEL_TEST_ALL": "0"},
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert "rtmpdump is not installed" in run.stdout
    line = next(line for line in reversed(run.stdout.splitlines()) if "missing" in line)
    assert line.startswith("1 program is missing, "), run.stdout
    assert line.endswith(" skipped: apt-get install rtmpdump")


def test_every_program_that_a_test_needs_has_its_package() -> None:
    texts = [path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("*.py")]
    needed = {name for text in texts for name in re.findall(r"\bneed\(\"([\w.-]+)\"\)", text)}
    needed |= {
        name
        for page in (ROOT / "README.md", *(ROOT / "docs").rglob("*.md"))
        for name in re.findall(r"<!-- run:.*?\bneeds (\S+?)[, ]", page.read_text(encoding="utf-8"))
    }
    assert "chromium" in needed
    assert "curl" in needed
    assert needed <= set(PACKAGES)

"""S7: two hours of one file cost no more memory than one minute of it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from reel import environment

MOST_KIB = 1024
TESTS = Path(__file__).resolve().parent.parent


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="no /proc: resident memory is not known")
@pytest.mark.parametrize("name", ["flv", "mp4", "aac", "mp3", "hls-ts", "hls-fmp4"])
def test_two_hours_cost_no_more_than_a_minute(name, tmp_path):
    path = os.pathsep.join([str(TESTS), environment()["PYTHONPATH"]])
    done = subprocess.run(
        [sys.executable, Path(__file__).with_name("steady.py"), name, tmp_path],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    packets, since_minute_1_kib, since_minute_20_kib = map(int, done.stdout.split())
    assert packets >= 298_000
    assert since_minute_1_kib <= MOST_KIB
    assert since_minute_20_kib <= MOST_KIB

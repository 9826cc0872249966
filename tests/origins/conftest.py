"""What is pushed to origins that are not ours."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from programs import modern_ffmpeg

# A recorder that joins late on a busy machine needs seconds to start, and then a keyframe that is still to come.
SECONDS = 12


@pytest.fixture(scope="session")
def clip(shared_media: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first seconds of a real capture: H.264 with keyframes 1.1 to 3.4 s apart, and AAC."""
    path = tmp_path_factory.mktemp("clip") / "clip.flv"
    command = [modern_ffmpeg(), "-v", "error", "-nostdin", "-i", str(shared_media / "avatar.flv")]
    command += ["-t", str(SECONDS), "-c", "copy", str(path)]
    subprocess.run(command, check=True, timeout=30)
    return path

"""What is pushed to origins that are not ours."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from programs import modern_ffmpeg

# A recorder that joins late on a busy machine needs seconds to start, and then a keyframe that is still to
# come, before it has waited for the video long enough to begin with the audio alone (F4).
SECONDS = 10
_ENCODED = (
    *("-c:v", "libx264", "-preset", "veryfast", "-force_key_frames", "expr:gte(t,n_forced)"),
    *("-c:a", "copy"),
)


@pytest.fixture(scope="session")
def clip(shared_media: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A real capture as an encoder of live video sends it: H.264 with a keyframe every second, and AAC."""
    path = tmp_path_factory.mktemp("clip") / "clip.flv"
    command = [modern_ffmpeg(), "-v", "error", "-nostdin", "-i", str(shared_media / "avatar.flv")]
    command += ["-t", str(SECONDS), *_ENCODED, str(path)]
    subprocess.run(command, check=True, timeout=60)
    return path

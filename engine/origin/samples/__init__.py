"""The sample streams that are installed with the package: links to sample_streams/, files in the wheel."""

from __future__ import annotations

from pathlib import Path

NAMES = ("h264_aac_bframes", "h264_mp3")


def sample_path(name: str) -> Path:
    """The FLV file of an installed sample stream."""
    assert name in NAMES, f"{name} is not installed with the package"
    return Path(__file__).with_name(f"{name}.flv")

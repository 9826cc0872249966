"""The sample streams that are installed with the package, for `reel demo`.

In the repository they are links into sample_streams/; a wheel holds the files themselves.
"""

from pathlib import Path

SAMPLES = ("h264_aac_bframes", "h264_mp3")


def sample_path(name: str) -> Path:
    """The FLV file of one of SAMPLES."""
    return Path(__file__).with_name(f"{name}.flv")

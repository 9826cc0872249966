"""Who records: one `reel record` process for all streams, or one `ffmpeg -c copy` for each."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Format = Literal["flv", "mp4", "hls"]
FORMATS: tuple[Format, ...] = ("flv", "mp4", "hls")

# The tracks that a recording holds, without data and subtitles.
_FFMPEG_TRACKS = ("-map", "0:v?", "-map", "0:a?", "-c", "copy")
# The tracks that a recording holds, without data and subtitles.
_FFMPEG_TRACKS = ("-map", "0:v?", "-map", "0:a?", "-c", "copy")
# Like Reelkeeper's: an MP4 that survives a crash while it grows, an HLS playlist that keeps all its segments.
_FFMPEG_OUTPUT: dict[Format, tuple[str, ...]] = {
    "flv": ("-f", "flv", "recording.flv"),
    "mp4": ("-f", "mp4", "-movflags", "frag_keyframe+empty_moov+default_base_moof", "recording.mp4"),
    "hls": ("-f", "hls", "-hls_time", "6", "-hls_list_size", "0", "recording.m3u8"),
}


@dataclass(frozen=True, slots=True)
class Reel:
    """`reel record`: one process records all."""

    program: str
    name: str = "reel"

    def commands(self, urls: list[str], format: Format, folder: Path) -> list[list[str]]:
        """The one command, writing below `folder`; its URLs go through a file."""
        listing = folder / "urls.txt"
        listing.write_text("".join(f"{url}\n" for url in urls))
        pull = ["--urls", str(listing), "--format", format, "--output", str(folder / "out")]
        return [[self.program, "record", *pull]]


@dataclass(frozen=True, slots=True)
class Ffmpeg:
    """`ffmpeg -c copy`: a process for each stream, each in a folder of its own."""

    program: str
    name: str = "ffmpeg"

    def commands(self, urls: list[str], format: Format, folder: Path) -> list[list[str]]:
        """A command for each URL, writing below `folder`."""
        made = []
        for number, url in enumerate(urls):
            output = folder / "out" / str(number)
            output.mkdir(parents=True)
            *options, name = _FFMPEG_OUTPUT[format]
            pull = ["-nostdin", "-v", "error", "-i", url, *_FFMPEG_TRACKS]
            made.append([self.program, *pull, *options, str(output / name)])
        return made

    def version(self) -> str:
        """What it says of itself."""
        told = subprocess.run([self.program, "-version"], capture_output=True, text=True, timeout=20)
        return (told.stdout.splitlines() or ["unknown version"])[0]


Contender = Reel | Ffmpeg


def find_reel(program: str | None) -> Reel:
    """The named `reel`, else the one of this Python's environment, else the one on PATH."""
    beside = Path(sys.executable).with_name("reel")
    found = program or (str(beside) if beside.exists() else shutil.which("reel"))
    if found is None:
        raise FileNotFoundError(
            "no reel beside this Python or on PATH: pip install . (or name one with --reel)"
        )
    return Reel(found)


def find_ffmpeg(program: str | None) -> Ffmpeg:
    """The named `ffmpeg`, else the one of the imageio-ffmpeg wheel, else the one on PATH."""
    found = program or _wheel_ffmpeg() or shutil.which("ffmpeg")
    if found is None:
        raise FileNotFoundError("no ffmpeg: pip install '.[test]' (or name one with --ffmpeg)")
    return Ffmpeg(found)


def _wheel_ffmpeg() -> str | None:
    try:
        import imageio_ffmpeg
    except ImportError:
        return None
    return str(imageio_ffmpeg.get_ffmpeg_exe())

"""Small FLV files made by ffmpeg for a test run, and what is in them."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import numpy.typing as npt
from programs import modern_ffmpeg

from engine import _native
from engine.media.batch import TAG, Batch, Kind, Role

_MAKE_S = 60
_VIDEO = ("-f", "lavfi", "-i", "testsrc2=size=320x240:rate=25")
_AUDIO = ("-f", "lavfi", "-i", "sine=frequency=440:sample_rate=44100")
H264 = (
    "-c:v",
    "libx264",
    "-preset",
    "ultrafast",
    "-bf",
    "2",
    "-g",
    "25",
    "-keyint_min",
    "25",
    "-sc_threshold",
    "0",
)
H265 = (
    "-c:v",
    "libx265",
    "-preset",
    "ultrafast",
    "-x265-params",
    "log-level=error:info=0:keyint=25:min-keyint=25",
)
AAC = ("-c:a", "aac", "-b:a", "64k")


def make_flv(
    path: Path, video: tuple[str, ...] = H264, audio: tuple[str, ...] = AAC, seconds: float = 4
) -> Path:
    """A test picture and a tone, with a keyframe every second; an empty tuple leaves a track out."""
    inputs = [*(_VIDEO if video else ()), *(_AUDIO if audio else ())]
    command = [modern_ffmpeg(), "-v", "error", *inputs, "-t", str(seconds), *video, *audio, "-f", "flv", path]
    subprocess.run([str(part) for part in command], check=True, timeout=_MAKE_S, stdin=subprocess.DEVNULL)
    return path


def read_flv(data: bytes) -> Batch:
    """Every whole tag of FLV bytes, which must be sound up to a last, perhaps unfinished tag."""
    reader = _native.FlvReader()
    reader.feed(data)
    assert reader.fault is None, reader.fault
    taken = reader.take()
    return Batch.from_native(taken) if taken is not None else Batch(b"", np.zeros(0, TAG))


def media(batch: Batch) -> list[tuple[int, int, bytes]]:
    """(kind, timestamp, body) of the audio and video tags."""
    return [
        (int(tag["kind"]), int(tag["timestamp"]), batch.body(row))
        for row, tag in enumerate(batch.tags)
        if tag["kind"] != Kind.SCRIPT
    ]


def frames(batch: Batch) -> list[tuple[int, int, bytes]]:
    """The same of the frames alone, without decoder configurations and ends of sequence."""
    return media(batch.rows(batch.tags["role"] == Role.FRAME))


def rows(*fields: tuple[Kind, int, int], flags: int = 0) -> Batch:
    """Rows of (kind, role, timestamp) without bodies, for what looks at times alone."""
    tags: npt.NDArray[np.void] = np.zeros(len(fields), TAG)
    for row, (kind, role, timestamp) in enumerate(fields):
        tags[row]["kind"], tags[row]["role"], tags[row]["timestamp"] = kind, role, timestamp
        tags[row]["dts"], tags[row]["flags"] = timestamp, flags
    return Batch(b"", tags)

"""Real media, re-signalled, and read by an FFmpeg that knows both forms of H.265."""

from __future__ import annotations

import subprocess
from pathlib import Path

import imageio_ffmpeg
import pytest

from engine import _native
from engine.media.batch import Batch, Kind
from engine.media.codecs import Codec

FFMPEG = imageio_ffmpeg.get_ffmpeg_exe()


def run(*arguments: str | Path) -> str:
    """ffmpeg's standard output; it must say nothing else."""
    command = [FFMPEG, "-nostdin", "-v", "error", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert done.stderr == ""
    return done.stdout


@pytest.fixture(scope="module")
def enhanced_flv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """H.265 with B-frames and AAC, in the enhanced form that ffmpeg writes."""
    path = tmp_path_factory.mktemp("signalling") / "enhanced.flv"
    sources = ["-f", "lavfi", "-i", "testsrc2=s=128x96:r=25:d=1", "-f", "lavfi", "-i", "sine=d=1"]
    h265 = ["-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=none:bframes=3:pools=1"]
    run(*sources, *h265, "-c:a", "aac", "-f", "flv", path)
    return path


def test_h265_in_either_form_is_the_same_stream_to_ffmpeg(enhanced_flv: Path, tmp_path: Path) -> None:
    data = enhanced_flv.read_bytes()
    original = run("-i", enhanced_flv, "-c", "copy", "-f", "framemd5", "-")
    for signalling, bits in (("legacy", 0), ("enhanced", 2)):
        reader = _native.FlvReader()
        reader.feed(data)
        taken = reader.take()
        assert taken is not None
        batch = Batch.from_native(taken)
        tags, _ = _native.flv_tags(batch.arena, batch.tags, 0, signalling)  # type: ignore[arg-type]
        data = _native.flv_header(True, True) + tags
        path = tmp_path / f"{signalling}.flv"
        path.write_bytes(data)
        assert run("-i", path, "-c", "copy", "-f", "framemd5", "-") == original

        reader = _native.FlvReader()
        reader.feed(data)
        taken = reader.take()
        assert taken is not None
        video = (rows := Batch.from_native(taken).tags)[rows["kind"] == Kind.VIDEO]
        assert set(video["codec"].tolist()) == {Codec.H265}
        assert set((video["flags"] & 2).tolist()) == {bits}
        assert len(set(video["cts"].tolist())) > 1, "the stream should have composition times"

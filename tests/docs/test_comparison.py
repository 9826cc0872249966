"""What the README says of other recorders beside this one, seen on the programs themselves."""

from __future__ import annotations

import os
import signal
import subprocess
from contextlib import ExitStack
from pathlib import Path

import pytest
from oracle.samples import SAMPLE_STREAMS
from origins.nginx_rtmp import EndOfPublish, nginx_rtmp
from origins.process import running, wait_until
from origins.push import push
from programs import need
from reel import COMMAND, environment

SAMPLE = SAMPLE_STREAMS / "h264_aac_bframes.flv"
ENOUGH_BYTES = 100_000
ENDS_S = 60


def recorder(name: str, url: str, path: Path) -> list[str | Path]:
    if name == "ffmpeg":
        return [need("ffmpeg"), "-v", "error", "-i", url, "-c", "copy", path]
    return [need("rtmpdump"), "-q", "--live", "-r", url, "-o", path]


def duration_of(path: Path) -> str:
    """What ffprobe says, or its complaint."""
    command = [need("ffprobe"), "-v", "error", "-show_entries", "format=duration", "-of", "csv=p=0", path]
    shown = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    return shown.stdout.strip() or shown.stderr


@pytest.fixture
def nginx_folder(tmp_path: Path) -> Path:
    """A folder that nginx's worker, which is another user, can write to."""
    for folder in (tmp_path, recorded := tmp_path / "recorded"):
        folder.mkdir(exist_ok=True)
        folder.chmod(0o777)
    return recorded


def test_killed_in_the_middle(tmp_path: Path, nginx_folder: Path) -> None:
    """ffmpeg leaves an MP4 without tables, rtmpdump FLV without a duration, nginx-rtmp FLV; reel mends."""
    mp4, flv, growing = tmp_path / "ffmpeg.mp4", tmp_path / "rtmpdump.flv", tmp_path / "reel"
    record = [*COMMAND, "record", "-f", "mp4", "-o", growing]
    directives = (f"record all; record_path {nginx_folder}; record_unique on;",)
    with ExitStack() as stack:
        nginx = stack.enter_context(nginx_rtmp(tmp_path, directives=directives))
        url = nginx.rtmp_url("live/one")
        stack.enter_context(push(SAMPLE, url, tmp_path))
        commands = [recorder("ffmpeg", url, mp4), recorder("rtmpdump", url, flv), [*record, url]]
        log = tmp_path / "recorders.log"
        processes = [stack.enter_context(running(command, log, env=environment())) for command in commands]
        wait_until(lambda: size_of(flv) > ENOUGH_BYTES, processes[1], log, "rtmpdump")
        wait_until(lambda: size_of(*nginx_folder.glob("*.flv")) > ENOUGH_BYTES, processes[1], log, "nginx")
        wait_until(lambda: size_of(*growing.rglob("*.part")) > ENOUGH_BYTES, processes[2], log, "reel")
        for process in processes:
            os.killpg(process.pid, signal.SIGKILL)
        os.kill(int((tmp_path / "nginx.pid").read_text()), signal.SIGKILL)
    assert "moov atom not found" in duration_of(mp4)
    assert float(duration_of(flv)) == 0
    assert float(duration_of(*nginx_folder.glob("*.flv"))) > 0
    subprocess.run([*COMMAND, "repair", growing], env=environment(), check=True, timeout=60)
    (mended,) = growing.rglob("*.mp4")
    assert float(duration_of(mended)) > 1


@pytest.mark.parametrize("name", ["ffmpeg", "rtmpdump"])
def test_they_end_with_the_connection(name: str, tmp_path: Path) -> None:
    """Of a push that ends, from an origin that says so."""
    path, log = tmp_path / "recorded.flv", tmp_path / "recorder.log"
    with (
        nginx_rtmp(tmp_path, EndOfPublish.DISCONNECT) as nginx,
        push(SAMPLE, nginx.rtmp_url("live/one"), tmp_path) as pushed,
        running(recorder(name, nginx.rtmp_url("live/one"), path), log) as process,
    ):
        wait_until(lambda: size_of(path) > 0, process, log, name)
        pushed.end()
        process.wait(ENDS_S)


def test_nginx_begins_a_new_file(tmp_path: Path, nginx_folder: Path) -> None:
    directives = (f"record all; record_path {nginx_folder}; record_unique on; record_suffix -%M%S.flv;",)
    with nginx_rtmp(tmp_path, directives=directives) as nginx:
        for two_seconds in (("-c", "copy", "-t", "2"),) * 2:
            with push(SAMPLE, nginx.rtmp_url("live/one"), tmp_path, options=two_seconds) as pushed:
                assert pushed.wait(ENDS_S) == 0
    assert len(list(nginx_folder.iterdir())) == 2


def size_of(*paths: Path) -> int:
    return sum(path.stat().st_size for path in paths if path.exists())

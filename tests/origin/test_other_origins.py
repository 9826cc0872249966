"""The origins that are not ours, as the tests of the recorder use them."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from origins import nginx_rtmp as nginx
from origins import node_media_server as nms
from origins.footage import media, read_flv
from origins.push import push
from programs import modern_ffmpeg

END_S = 5
"""A real end comes in a tenth of a second; silence lasts for ever."""


@contextmanager
def copying(url: str, to: Path) -> Iterator[subprocess.Popen[bytes]]:
    """ffmpeg records `url` until it ends."""
    command = [modern_ffmpeg(), "-v", "error", "-nostdin", "-i", url, "-c", "copy", "-f", "flv", str(to)]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def ends(processes: Sequence[subprocess.Popen[bytes]], within_s: float) -> bool:
    """All of them end by themselves."""
    try:
        for process in processes:
            process.wait(within_s)
    except subprocess.TimeoutExpired:
        return False
    return True


def has_media(path: Path) -> bool:
    """Something was recorded."""
    return path.exists() and len(media(read_flv(path.read_bytes()))) > 0


def wait_for_media(path: Path, process: subprocess.Popen[bytes]) -> None:
    """Returns once there is media; the timeout of the test is the limit."""
    while not has_media(path):
        assert process.poll() is None
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.05)


@pytest.mark.parametrize("end", nginx.EndOfPublish)
def test_nginx_rtmp(footage: Path, tmp_path: Path, end: nginx.EndOfPublish) -> None:
    copy = tmp_path / "copy.flv"
    with nginx.nginx_rtmp(tmp_path, end) as origin:
        url = origin.rtmp_url("live/x")
        with push(footage, url, tmp_path, ffmpeg=modern_ffmpeg()) as pushing, copying(url, copy) as player:
            wait_for_media(copy, player)
            pushing.end()
            told = end is not nginx.EndOfPublish.SILENCE
            assert ends([player], END_S if told else 1) is told


@pytest.mark.parametrize("end", nms.EndOfPublish)
def test_node_media_server(footage: Path, tmp_path: Path, end: nms.EndOfPublish) -> None:
    copies = tmp_path / "rtmp.flv", tmp_path / "http.flv"
    with nms.node_media_server(tmp_path, end) as origin:
        url = origin.rtmp_url("live/x")
        with (
            push(footage, url, tmp_path, ffmpeg=modern_ffmpeg()) as pushing,
            copying(url, copies[0]) as by_rtmp,
            copying(origin.http_url("live/x"), copies[1]) as by_http,
        ):
            for copy, player in zip(copies, (by_rtmp, by_http), strict=True):
                wait_for_media(copy, player)
            pushing.end()
            told = end is nms.EndOfPublish.DISCONNECT
            assert ends([by_rtmp, by_http], END_S if told else 1) is told

"""What commands print is copied from: no line is cut or wrapped, however narrow the terminal."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from reel import reel

NARROW = {"COLUMNS": "40"}


async def test_inspect_prints_whole_lines(sample: Callable[[str], Path], tmp_path: Path) -> None:
    folder = tmp_path / ("a_long_name_" * 8)
    url = f"{sample('h264_aac_bframes').as_uri()}?speed=0"
    recorded = await reel("record", url, "-o", folder, "--json")
    recorded.assert_done()
    (path,) = recorded.files()
    done = await reel("inspect", path, env=NARROW)
    done.assert_done()
    first, head, video, audio, window, *_ = done.out.splitlines()
    assert first.startswith(f"{path}: FLV, ")
    assert first.endswith(", whole")
    assert head.split()[:3] == ["track", "codec", "parameters"]
    assert video.split()[0] == "video"
    assert audio.split()[0] == "audio"
    assert window.endswith("s missing")


async def test_the_demo_prints_each_path_in_one_line(tmp_path: Path) -> None:
    folder = tmp_path / ("a_long_name_" * 8)
    done = await reel("demo", "-o", folder, env=NARROW, timeout_s=110)
    done.assert_done()
    paths = [Path(line.split()[-1]) for line in done.out.splitlines()[2:]]
    assert sorted(path.suffix for path in paths) == [".aac", ".flv", ".m3u8", ".mp3", ".mp4"]
    assert all(path.is_file() and path.is_relative_to(folder) for path in paths)

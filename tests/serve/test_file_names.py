"""`[storage] tz`: the time zone of file names, of `[record]` and of rules."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from origins.process import in_thread
from origins.push import push
from programs import modern_ffmpeg
from serve.server import serving

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")


async def test_files_are_named_in_the_zone_of_the_settings(
    sample: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REEL_STORAGE__TZ", "Asia/Kolkata")
    record = 'formats = ["flv"]\nname = "{stream}/{local_date}/{local_time}_{start}-{seq}"'
    async with in_thread(serving(tmp_path, record=record)) as server:
        source = sample("h264_aac_bframes")
        async with in_thread(push(source, server.push_url("x"), tmp_path, ffmpeg=modern_ffmpeg())) as pushing:
            async with asyncio.timeout(60):
                while not list(server.root.glob("**/*.flv.part")):
                    await asyncio.sleep(0.05)
            await asyncio.to_thread(pushing.end)
        async with asyncio.timeout(60):
            while not (files := list(server.root.glob("**/*.flv"))):
                await asyncio.sleep(0.05)
    name = files[0].relative_to(server.root).as_posix()
    found = re.fullmatch(r"x/(\d{4}-\d\d-\d\d)/(\d{6})_(\d{8})T(\d{6})\+0530-001\.flv", name)
    assert found, name
    assert (found[1].replace("-", ""), found[2]) == (found[3], found[4])

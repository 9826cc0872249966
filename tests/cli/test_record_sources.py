"""What `reel record` takes as a source besides URLs, and what it answers at once."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from oracle.rules import assert_f1
from origins.scripted import Client, scripted
from reel import reel

Sample = Callable[[str], Path]

SAMPLE = "h264_aac_bframes"


@pytest.mark.parametrize("name", ["rec.flv", "./a b.flv", "sub/50%#1?.flv", "rtmp:x.flv", "{absolute}/é.flv"])
async def test_a_local_path_is_a_source(name: str, sample: Sample, tmp_path: Path) -> None:
    name = name.format(absolute=tmp_path)
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    shutil.copy(sample(SAMPLE), path)
    done = await reel("record", f"{name}?speed=0", "-o", "out", "--json", cwd=tmp_path)
    done.assert_done()
    assert_f1(sample(SAMPLE), [tmp_path / file for file in done.files()])


async def test_a_local_path_is_a_source_in_a_list_and_in_a_spec(sample: Sample, tmp_path: Path) -> None:
    shutil.copy(sample(SAMPLE), tmp_path / "rec.flv")
    (tmp_path / "urls").write_text("rec.flv?speed=0\n")
    (tmp_path / "spec.json").write_text(json.dumps({"url": "rec.flv?speed=0", "output": "spec"}))
    (tmp_path / "missing.json").write_text(json.dumps({"url": "gone.flv"}))
    for given, folder in ((("--urls", "urls", "-o", "list"), "list"), (("--spec", "spec.json"), "spec")):
        done = await reel("record", *given, "--json", cwd=tmp_path)
        done.assert_done()
        assert done.files()[0].is_relative_to(folder)
    missing = await reel("record", "--spec", "missing.json", cwd=tmp_path)
    missing.assert_fails(2, "--spec missing.json: urls: gone.flv: there is no such file")


async def test_nobody_asks_for_a_playlist(tmp_path: Path) -> None:
    """It is refused before the origin is dialled, however long a stream may be waited for."""

    async def nothing(client: Client) -> None:
        await client.gone()

    async with scripted(nothing) as origin:
        url = origin.url().rpartition("/")[0] + "/index.m3u8?token=hush"
        done = await reel("record", url, "--reconnect", "10h", "-o", tmp_path / "out")
    done.assert_fails(2, "/index.m3u8 is an HLS playlist")
    assert "hush" not in done.err
    assert origin.requests == []

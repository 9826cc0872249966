"""Names of files: time zones and titles."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest
from e2e.sources import tags_of, write
from oracle.rules import assert_f1
from reel import reel

from engine.media.events import FileFinished

Sample = Callable[[str], Path]

SAMPLE = "h264_aac_bframes"


@pytest.mark.parametrize(
    ("zone", "offset"), [("asia/kolkata", "+0530"), ("local", "+0900"), ("UTC", "Z"), (None, "Z")]
)
async def test_names_have_local_times(zone: str | None, offset: str, sample: Sample, tmp_path: Path) -> None:
    url = f"{sample(SAMPLE).as_uri()}?speed=0"
    options = () if zone is None else ("--tz", zone)
    name = "{start}_{date}_{time}_{local_date}_{local_time}-{seq}"
    done = await reel(
        "record", url, "-o", tmp_path, "--name", name, *options, "--json", env={"TZ": "Asia/Tokyo"}
    )
    done.assert_done()
    (file,) = done.of(FileFinished)
    start, date, time, local_date, local_time = Path(file.path).stem.removesuffix("-001").split("_")
    begun = file.started_at.replace(microsecond=0)
    assert datetime.strptime(f"{date} {time}Z", "%Y-%m-%d %H%M%S%z") == begun
    assert datetime.strptime(start, "%Y%m%dT%H%M%S%z") == begun
    assert start.endswith(offset)
    assert f"{local_date.replace('-', '')}T{local_time}{offset}" == start


TITLES = {
    "of the user": ("Evening: news", {"title": "theirs"}, "Evening~3A~20news"),
    "of the stream": (None, {"title": "At dawn/1"}, "At~20dawn~2F1"),
    "that is no text": (None, {"title": 5.0}, "titled"),
    "that is missing": (None, {}, "titled"),
}


@pytest.mark.parametrize("name", TITLES)
async def test_names_have_a_title(name: str, sample: Sample, tmp_path: Path) -> None:
    title, metadata, expected = TITLES[name]
    source = write(tmp_path / "titled.flv", tags_of(sample(SAMPLE)), metadata)
    options = () if title is None else ("--title", title)
    template = ("--name", "{title}/{seq}", "-f", "flv,hls")
    done = await reel("record", f"{source}?speed=0", "-o", tmp_path, *template, *options, "--json")
    done.assert_done()
    assert {path.parent.name for path in done.files()} == {expected}
    assert_f1(sample(SAMPLE), done.files("hls"))

"""S4: a disk that is full, below its floor, or gone costs what it cannot hold and nothing else; when it is
well again the recording goes on in a new file."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from e2e.live import assert_accounted
from e2e.recordings import Recorded, Recorder
from filesystems import detach, fill, mount, tmpfs
from oracle.ledger import gaps, stretches
from oracle.rules import assert_f3, assert_playlist
from origins.troubled import Picture, Stream, troubled
from reel import reel, running
from waiting import until

from engine.media.codecs import Format
from engine.media.events import GapClosed, GapOpened, Live, SegmentOpened
from engine.record import Recording

SLACK_S = 1.5  # a tick, the writer's gathering, and a busy machine
FULL_S = 10
CASES: dict[str, dict[str, Any]] = {
    "flv": {"format": "flv"},
    "ts": {"format": "hls", "hls_segment": "ts"},
    "fmp4": {"format": "hls", "hls_segment": "fmp4"},
    "mp4": {"format": "mp4"},
    "aac": {"format": "aac"},
    "mp3": {"format": "mp3"},
}
SEVERAL = "flv,hls,mp4,aac"
Sample = Callable[[str], Path]


def streams_of(sample: Sample) -> dict[str, Stream]:
    return {
        "aac": Stream(Picture.of(sample("h264_aac_bframes"))),
        "mp3": Stream(Picture.of(sample("h264_mp3"))),
    }


def format_gaps(recorder: Recorder, recording: Recording, kind: type[GapOpened | GapClosed]) -> list[Any]:
    """Gaps of single formats so far."""
    return [gap for gap in recorder.heard(recording, kind) if gap.format is not None]


def assert_one_gap(recorded: Recorded, format: Format, stream: Stream) -> None:
    """What there was before and after is there and plays; one gap of the disk's lies between."""
    files = recorded.paths(format)
    told = assert_accounted(stream, files, SLACK_S, beyond=beyond(files[0]))
    missing = [gap for gap in gaps(told, longer_than_s=0.1) if gap.reason != "not_live"]
    assert [gap.reason for gap in missing] == ["storage"], missing
    (closed,) = [gap for gap in recorded.of(GapClosed) if gap.format is format]
    (opened,) = [gap for gap in recorded.of(GapOpened) if gap.format is format]
    assert opened.reason == closed.reason == "storage"
    assert (missing[0].start, missing[0].end) == (closed.start, closed.end)
    assert closed.start <= opened.start  # more may turn out to be lost than was known then
    for path in files:
        assert_f3(path)
        if format is Format.HLS:
            assert_playlist(path)


@pytest.mark.parametrize("by", ["the recording", "somebody else"])
async def test_a_disk_that_fills_up_and_is_emptied(by: str, sample: Sample, tmp_path: Path) -> None:
    streams = streams_of(sample)
    async with AsyncExitStack() as stack:
        disks = [
            stack.enter_context(tmpfs(tmp_path / f"recorded-{number}", "size=4m"))
            for number in range(len(CASES))
        ]
        origin = await stack.enter_async_context(troubled(streams))
        recorder = await stack.enter_async_context(Recorder(tmp_path))
        if by == "the recording":
            for disk in disks:
                fill(disk / "ballast", but_bytes=60_000)
        recordings = [
            recorder.start(
                origin.url("mp3" if case == "mp3" else "aac"), **fields, hls_time=1, min_free=0, reconnect=600
            )
            for case, fields in CASES.items()
        ]
        await until(lambda: all(recorder.heard(one, Live) for one in recordings))
        if by == "somebody else":
            await asyncio.sleep(3)
            for disk in disks:
                fill(disk / "ballast")
        await until(lambda: all(format_gaps(recorder, one, GapOpened) for one in recordings))
        await asyncio.sleep(FULL_S)
        for disk, recording in zip(disks, recordings, strict=True):
            assert_no_storm(disk, recorder, recording)
            (disk / "ballast").unlink()
        await until(lambda: all(format_gaps(recorder, one, GapClosed) for one in recordings))
        await asyncio.sleep(3)
        for recording in recordings:
            recording.stop()
        for (case, fields), recorded in zip(CASES.items(), await recorder.ended(), strict=True):
            assert recorded.outcome.error is None
            format = Format(fields["format"])
            assert len(recorded.paths(format)) == 2, case
            assert "full" in recorded.warnings("storage")[0].message
            assert_one_gap(recorded, format, streams["mp3" if case == "mp3" else "aac"])


def assert_no_storm(disk: Path, recorder: Recorder, recording: Recording) -> None:
    """A full disk sees neither empty files nor one attempt after the other."""
    assert len(recorder.heard(recording, SegmentOpened)) == 1
    assert len(format_gaps(recorder, recording, GapOpened)) == 1
    begun = [path for path in disk.rglob("*.journal") if path.parent.name != ".reel"]
    assert len(begun) <= 1  # of the file that was cut short, as long as it has no manifest
    empty = [path for path in disk.rglob("*") if path.is_file() and not path.stat().st_size]
    assert not empty


async def test_a_disk_that_stays_full(sample: Sample, tmp_path: Path) -> None:
    streams = streams_of(sample)
    with tmpfs(tmp_path / "disk", "size=4m") as disk:
        async with troubled(streams) as origin:
            order = ("record", origin.url("aac"), "-o", disk, "-f", SEVERAL, "--hls-time", "1", "--json")
            async with running(*order, "--duration", "12") as command:
                await command.event(Live)
                await asyncio.sleep(3)
                fill(disk / "ballast")
                done = await command.end()
        assert done.code == 5
        assert "the disk is full" in done.err.splitlines()[-1]
        assert not [path for path in disk.rglob("*") if path.is_file() and not path.stat().st_size]
        for path in done.files():  # those that could be made final without any space
            assert_f3(path)
        (disk / "ballast").unlink()
        again = await reel("repair", disk, "--json")
        assert again.code == 0
        files = {path.suffix: path for path in (*done.files(), *again.files())}
        assert sorted(files) == [".aac", ".flv", ".m3u8", ".mp4"]
        assert len(done.files()) + len(again.files()) == len(files)  # each was told of once
        assert not [path for path in disk.rglob("*") if path.suffix in (".journal", ".part", ".tmp")]
        for path in files.values():
            assert_f3(path)
            assert_accounted(streams["aac"], [path], SLACK_S, beyond=beyond(path))


def beyond(path: Path) -> list[str]:
    """What a file's format does not hold."""
    return ["video"] if path.suffix in (".aac", ".mp3") else []


async def test_a_floor_below_which_no_file_begins(sample: Sample, tmp_path: Path) -> None:
    streams = streams_of(sample)
    async with AsyncExitStack() as stack:
        disk = stack.enter_context(tmpfs(tmp_path / "recorded-0", "size=8m"))
        fill(disk / "ballast", but_bytes=3 << 20)
        origin = await stack.enter_async_context(troubled(streams))
        recorder = await stack.enter_async_context(Recorder(tmp_path))
        recording = recorder.start(origin.url("aac"), format="flv,hls", hls_time=1, min_free=4, reconnect=600)
        await until(lambda: len(format_gaps(recorder, recording, GapOpened)) == 2)
        await asyncio.sleep(5)
        assert [path.name for path in disk.rglob("*")] == ["ballast"]
        (disk / "ballast").unlink()
        await until(lambda: len(format_gaps(recorder, recording, GapClosed)) == 2)
        await asyncio.sleep(2)
        recording.stop()
        (recorded,) = await recorder.ended()
        assert recorded.outcome.error is None
        assert {"4.00 MiB must be" in warning.message for warning in recorded.warnings("storage")} == {True}
        for format in (Format.FLV, Format.HLS):
            (path,) = recorded.paths(format)
            told = assert_accounted(streams["aac"], [path], SLACK_S)
            assert "storage" in {gap.reason for gap in gaps(told)}
            assert_f3(path)


def remove_folder(folder: Path) -> None:
    shutil.rmtree(folder)


def remove_growing(folder: Path) -> None:
    for path in folder.rglob("*.part"):
        path.unlink()


def move_folder(folder: Path) -> None:
    folder.rename(folder.with_name("elsewhere"))


@pytest.mark.parametrize("vanish", [remove_folder, remove_growing, move_folder])
async def test_files_that_vanish(vanish: Callable[[Path], None], sample: Sample, tmp_path: Path) -> None:
    """T30: a growing file that somebody removes is noticed, and what is lost with it is in the ledger."""
    streams = streams_of(sample)
    async with troubled(streams) as origin, Recorder(tmp_path) as recorder:
        recording = recorder.start(origin.url("aac"), format=SEVERAL, hls_time=1, reconnect=600)
        await until(lambda: bool(recorder.heard(recording, Live)))
        await asyncio.sleep(2)
        vanish(tmp_path / "recorded-0")
        await until(lambda: len(format_gaps(recorder, recording, GapClosed)) == len(SEVERAL.split(",")))
        await asyncio.sleep(2)
        recording.stop()
        (recorded,) = await recorder.ended()
    assert recorded.outcome.error is None
    for format in map(Format, SEVERAL.split(",")):
        assert_one_gap(recorded, format, streams["aac"])
        if format is not Format.HLS or vanish is not remove_growing:
            assert_lost_from_the_beginning(recorded, recorded.paths(format))


def assert_lost_from_the_beginning(recorded: Recorded, files: Sequence[Path]) -> None:
    (file,) = files
    lost = next(gap for gap in gaps(stretches([file])) if gap.reason == "storage")
    live = recorded.of(Live)[0]
    assert lost.start - live.at < timedelta(seconds=SLACK_S)


async def test_a_mount_that_vanishes(sample: Sample, tmp_path: Path) -> None:
    """Nothing is written to the file system below it, which is another disk."""
    streams = streams_of(sample)
    async with AsyncExitStack() as stack:
        disk = stack.enter_context(tmpfs(tmp_path / "recorded-0", "size=16m"))
        origin = await stack.enter_async_context(troubled(streams))
        recorder = await stack.enter_async_context(Recorder(tmp_path))
        recording = recorder.start(origin.url("aac"), format=SEVERAL, hls_time=1, reconnect=600)
        await until(lambda: bool(recorder.heard(recording, Live)))
        await asyncio.sleep(2)
        detach(disk)
        try:
            await until(lambda: len(format_gaps(recorder, recording, GapOpened)) == 4)
            await asyncio.sleep(4)
            left = list(disk.rglob("*"))
        finally:
            mount(disk, "size=17m")
        assert not left
        await until(lambda: len(format_gaps(recorder, recording, GapClosed)) == 4)
        await asyncio.sleep(2)
        recording.stop()
        (recorded,) = await recorder.ended()
        assert recorded.outcome.error is None
        assert {"it is gone" in warning.message for warning in recorded.warnings("storage")} == {True}
        for format in map(Format, SEVERAL.split(",")):
            assert_one_gap(recorded, format, streams["aac"])
            assert_lost_from_the_beginning(recorded, recorded.paths(format))

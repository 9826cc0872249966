"""S4: whatever a disk refuses, and whenever, what is written stays and plays, and the recording goes on when
the disk does."""

from __future__ import annotations

import asyncio
import errno
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from e2e.live import assert_accounted
from e2e.recordings import Recorded, Recorder
from faults import BROKEN, READ_ONLY, Call, instead_of_os
from oracle.ledger import gaps
from oracle.rules import assert_f3, assert_playlist
from origins.troubled import Picture, Stream, troubled
from waiting import until

from engine.media.codecs import Format
from engine.media.events import FileFinished, GapClosed, GapOpened, Live, Warned
from engine.record import RecordSpec, Revived, revive_all
from engine.worker import Worker

SLACK_S = 1.5
ERRORS = (READ_ONLY, BROKEN)
CASES: dict[str, dict[str, Any]] = {
    "flv": {"format": "flv"},
    "ts": {"format": "hls", "hls_segment": "ts"},
    "fmp4": {"format": "hls", "hls_segment": "fmp4"},
    "mp4": {"format": "mp4"},
    "aac": {"format": "aac"},
    "mp3": {"format": "mp3"},
}
Sample = Callable[[str], Path]


@dataclass(frozen=True)
class Moment:
    """Which calls a fault meets."""

    when: Callable[[Call], bool]
    cuts: bool = False
    """A file that grows cannot go on."""
    cases: tuple[str, ...] = tuple(CASES)


HLS = ("ts", "fmp4")
MOMENTS = {
    "everything": Moment(lambda call: True, cuts=True),
    "media": Moment(lambda call: call.name == "write" and call.path.endswith(".part"), cuts=True),
    "a segment's end": Moment(lambda call: call.name == "link" and "/0" in call.path, True, HLS),
    "the playlist": Moment(lambda call: call.name == "replace" and ".m3u8.tmp" in call.path, True, HLS),
    "the journal": Moment(lambda call: call.name == "write" and call.path.endswith(".journal"), True, HLS),
    "a sync": Moment(lambda call: call.name == "fsync" and not call.path.endswith(".tmp")),
    "the final name": Moment(lambda call: call.name == "link"),
    "patching": Moment(lambda call: call.name == "pwrite", cases=("flv",)),
    "the manifest": Moment(lambda call: ".json" in call.path),
}


def streams_of(sample: Sample) -> dict[str, Stream]:
    return {
        "aac": Stream(Picture.of(sample("h264_aac_bframes"))),
        "mp3": Stream(Picture.of(sample("h264_mp3"))),
    }


def name_of(case: str) -> str:
    return "mp3" if case == "mp3" else "aac"


def error_of(call: Call) -> int:
    """Every other recording meets a broken disk, the others one that became read-only."""
    found = re.search(r"/recorded-(\d+)", call.path)
    assert found, call
    return ERRORS[int(found[1]) % len(ERRORS)]


@pytest.mark.parametrize("moment", MOMENTS)
async def test_a_disk_that_refuses_for_a_while(
    moment: str, sample: Sample, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Files are cut every 2 s, so that every moment comes to pass; the disk is bad for 4 s, in both ways."""
    disk, streams, fault = instead_of_os(monkeypatch), streams_of(sample), MOMENTS[moment]
    met: set[int] = set()

    def meets(call: Call) -> bool:
        if "/recorded-" in call.path and fault.when(call):
            met.add(error_of(call))
            return True
        return False

    cases = [case for case in fault.cases for _ in ERRORS]
    async with troubled(streams) as origin, Recorder(tmp_path) as recorder:
        recordings = [
            recorder.start(origin.url(name_of(case)), **CASES[case], hls_time=1, interval=2, reconnect=600)
            for case in cases
        ]
        await until(lambda: all(recorder.heard(one, Live) for one in recordings))
        await asyncio.sleep(1)
        disk.refuse(error_of, meets)
        await asyncio.sleep(4)
        disk.relent()
        await asyncio.sleep(1)
        await until(lambda: all(is_well(recorder, one) for one in recordings))
        await asyncio.sleep(2.5)
        for recording in recordings:
            recording.stop()
        ended = await recorder.ended()
    assert met == set(ERRORS)
    for case, recorded in zip(cases, ended, strict=True):
        assert_kept(case, recorded, streams[name_of(case)])
        if fault.cuts:
            assert [gap for gap in recorded.of(GapOpened) if gap.format], case


def is_well(recorder: Recorder, recording: Any) -> bool:
    """No format's gap is open."""
    opened = [gap for gap in recorder.heard(recording, GapOpened) if gap.format]
    closed = [gap for gap in recorder.heard(recording, GapClosed) if gap.format]
    return len(opened) == len(closed)


def assert_kept(case: str, recorded: Recorded, stream: Stream) -> None:
    assert recorded.outcome.error is None, case
    format = Format(CASES[case]["format"])
    files = recorded.paths(format)
    beyond = ["video"] if format in (Format.AAC, Format.MP3) else []
    told = assert_accounted(stream, files, SLACK_S, beyond=beyond)
    assert {gap.reason for gap in gaps(told, longer_than_s=0.1)} <= {"not_live", "storage"}, case
    for path in files:
        if len(recorded.packets(path).packets) > 10:  # FFmpeg does not know what a file of a few frames is
            assert_f3(path)
        if format is Format.HLS:
            assert_playlist(path)
    assert len(recorded.of(Warned)) < 12, case  # no storm


@pytest.mark.parametrize("error", [READ_ONLY, errno.ENOSPC], ids=["EROFS", "ENOSPC"])
async def test_a_disk_that_refuses_at_the_end(
    error: int, sample: Sample, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing can be renamed any more: the recording fails, and a later start makes everything final."""
    disk, streams = instead_of_os(monkeypatch), streams_of(sample)
    heard: list[Any] = []
    async with troubled(streams) as origin, Worker(heard.append) as worker:
        for case, fields in CASES.items():
            url = origin.url(name_of(case))
            order = {**fields, "hls_time": 1, "urls": [url], "output": str(tmp_path / case)}
            worker.add(RecordSpec.parse(order), url)
        running = asyncio.create_task(worker.run_all())
        await until(lambda: sum(isinstance(event, Live) for event in heard) == len(CASES))
        await asyncio.sleep(3)
        disk.refuse(error, lambda call: call.name in ("fsync", "link", "pwrite"))
        worker.stop_all()
        outcomes = await running
    disk.relent()
    assert {outcome.exit_code for outcome in outcomes} == {5}
    told = {Path(event.path) for event in heard if isinstance(event, FileFinished)}
    assert all(path.suffix == ".m3u8" for path in told)  # a playlist needs no other name to be final
    revived: list[Revived] = []
    for case in CASES:
        revive_all(tmp_path / case, revived.append, complain)
    assert len(revived) + len(told) == len(CASES)
    for path in told | {one.path for one in revived}:
        beyond = ["video"] if path.suffix in (".aac", ".mp3") else []
        assert_accounted(streams[name_of(path.suffix[1:])], [path], SLACK_S, beyond=beyond)
        assert_f3(path)


def complain(path: Path, error: Exception) -> None:
    raise AssertionError(f"{path}: {error}")

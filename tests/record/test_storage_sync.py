"""S3: when what is synced, and in which order a file becomes final."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from e2e.recordings import Recorder
from faults import Call, Disk, instead_of_os
from origins.troubled import Picture, Stream, troubled
from waiting import until

from engine.media.codecs import Format
from engine.media.events import Event, FileFinished, Live
from engine.record import RecordSpec
from engine.worker import Worker

SAMPLE = "h264_aac_bframes"
FORMATS = "flv,hls,mp4,aac"
Sample = Callable[[str], Path]


def syncs(disk: Disk, ending: str) -> Counter[str]:
    """How often each file of such a name was synced."""
    calls = tuple(disk.calls)
    return Counter(call.path for call in calls if call.name == "fsync" and call.path.endswith(ending))


@pytest.mark.parametrize("sync", [1.0, None])
async def test_growing_files_are_synced_when_a_setting_says_so(
    sync: float | None, sample: Sample, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk, stream = instead_of_os(monkeypatch), Stream(Picture.of(sample(SAMPLE)))
    async with troubled({"x": stream}) as origin, Recorder(tmp_path) as recorder:
        recording = recorder.start(origin.url("x"), format=FORMATS, hls_time=1, sync=sync)
        await until(lambda: bool(recorder.heard(recording, Live)))
        await asyncio.sleep(7)
        while_it_grew = {ending: syncs(disk, ending) for ending in (".flv.part", ".mp4.part", ".aac.part")}
        segments = syncs(disk, ".ts.part")
        committed = [c for c in tuple(disk.calls) if c.name == "link" and c.path.endswith(".ts.part")]
        recording.stop()
        (recorded,) = await recorder.ended()
    assert recorded.outcome.error is None
    assert len(committed) >= 2
    if sync is None:
        assert not segments
        assert not any(while_it_grew.values())
    else:
        assert {call.path for call in committed} <= set(segments)
        for ending, found in while_it_grew.items():
            assert sum(found.values()) >= 4, f"{ending}: {found}"  # of about 7
    for path in recorded.paths(Format.HLS):  # and, either way, once everything is final
        segment_folder = path.with_suffix("")
        synced = set(syncs(disk, ""))
        assert {str(one) for one in segment_folder.iterdir()} <= synced
        assert {str(path), str(segment_folder), str(path.parent)} <= synced


async def test_the_order_in_which_a_file_becomes_final(
    sample: Sample, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Data, name, directory, manifest, and only then the event; the journal is there until it is out."""
    disk = instead_of_os(monkeypatch)
    journals: list[bool] = []

    def hear(event: Event) -> None:
        if isinstance(event, FileFinished):
            disk.calls.append(Call("event", event.path))
            journals.append(Path(event.path + ".journal").exists())

    url = f"{sample(SAMPLE).as_uri()}?speed=0"
    async with Worker(hear) as worker:
        order = {"urls": [url], "format": FORMATS, "output": str(tmp_path), "interval": 4, "hls_time": 1}
        worker.add(RecordSpec.parse(order), url)
        (outcome,) = await worker.run_all()
    assert outcome.error is None
    assert len(journals) >= 8
    assert all(journals)
    assert not list(tmp_path.rglob("*.journal"))
    for event in [call for call in disk.calls if call.name == "event"]:
        before = disk.calls[: disk.calls.index(event)]
        assert_in_order(before, wanted_before(Path(event.path)))


def wanted_before(path: Path) -> list[Call]:
    """What must have been done before a file is told of."""
    folder = str(path.parent)
    if path.suffix == ".m3u8":
        made = [
            Call("replace", f"{path}.tmp"),
            Call("fsync", str(path)),
            Call("fsync", str(path.with_suffix(""))),
            Call("fsync", folder),
        ]
    else:
        made = [Call("fsync", f"{path}.part"), Call("link", f"{path}.part"), Call("fsync", folder)]
    return [
        *made,
        Call("fsync", f"{path}.json.tmp"),
        Call("replace", f"{path}.json.tmp"),
        Call("fsync", folder),
    ]


def assert_in_order(calls: list[Call], wanted: list[Call]) -> None:
    at = 0
    for call in wanted:
        assert call in calls[at:], f"{call} is not done after {wanted[: wanted.index(call)]}"
        at = calls.index(call, at) + 1

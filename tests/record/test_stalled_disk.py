"""S5, S7: a disk that stalls costs nothing while there is room in memory, and other recordings nothing at
all; beyond that the origin is held, and what it does not keep is a gap. `REEL_STALL_S` says how long it
stalls (8)."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import pytest
from e2e.live import assert_accounted
from e2e.recordings import Recorder
from e2e.sources import VIDEO, Tag, media_of, write
from faults import Stall, instead_of_os
from oracle.ledger import gaps
from oracle.rules import assert_f1, assert_f3
from origins.scripted import Client, head, scripted
from origins.troubled import Picture, Stream, troubled
from waiting import until

from engine.media.codecs import Format
from engine.media.events import Connecting, Live

STALL_S = float(os.environ.get("REEL_STALL_S", "8"))
SLACK_S = 1.5
A_STEP = timedelta(milliseconds=10)  # media is placed by milliseconds
SAMPLE = "h264_aac_bframes"
PAGE_BYTES = 4096
QUEUED = 8 << 20
READ_AHEAD = 40 << 20  # what one tick reads, parses and writes, before the queue is looked at again
Sample = Callable[[str], Path]


def heavy(picture: Picture, bytes_a_second: int) -> Picture:
    """The same stream with filler data (H.264 NAL units of type 12) in every picture."""
    videos = [tag for tag in picture.frames if tag.kind == VIDEO]
    each = bytes_a_second * picture.period_ms // 1000 // len(videos)
    chance = Random(1)

    def filled(tag: Tag) -> Tag:
        if tag.kind != VIDEO or media_of(tag).role != "frame":
            return tag
        unit = b"\x0c" + bytes(chance.choices(range(1, 256), k=64)) * (each // 64) + b"\x80"
        return replace(tag, body=tag.body + len(unit).to_bytes(4, "big") + unit)

    return Picture(picture.headers, tuple(map(filled, picture.frames)), picture.period_ms)


def resident_bytes() -> int:
    """Of this process, now."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE_BYTES


async def test_a_disk_that_stalls_loses_nothing(
    sample: Sample, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """T27: the recording beside it is written all the while, and both are read."""
    disk = instead_of_os(monkeypatch)
    streams = {name: Stream(Picture.of(sample(SAMPLE))) for name in ("slow", "quick")}
    stall = Stall(str(tmp_path / "recorded-0"))
    async with troubled(streams) as origin, Recorder(tmp_path) as recorder:
        slow, quick = (
            recorder.start(origin.url(name), format="flv,hls,mp4", hls_time=1, reconnect=600)
            for name in streams
        )
        await until(lambda: bool(recorder.heard(slow, Live) and recorder.heard(quick, Live)))
        disk.before = stall
        try:
            await until(stall.waiting.is_set)
            read, written = (slow.status.packets, quick.status.packets), size_of(tmp_path / "recorded-1")
            kept = size_of(tmp_path / "recorded-0")
            await asyncio.sleep(STALL_S)
            assert size_of(tmp_path / "recorded-0") == kept
            assert size_of(tmp_path / "recorded-1") > written
            assert (slow.status.packets, quick.status.packets) > read
            assert slow.status.packets > read[0]
        finally:
            stall.over.set()
        await asyncio.sleep(2)
        for recording in (slow, quick):
            recording.stop()
        ended = await recorder.ended()
    for recorded, stream in zip(ended, streams.values(), strict=True):
        assert recorded.outcome.error is None
        assert len(recorded.of(Connecting)) == 1
        for format in (Format.FLV, Format.HLS, Format.MP4):
            (path,) = recorded.paths(format)
            told = assert_accounted(stream, [path], SLACK_S)
            assert {gap.reason for gap in gaps(told, longer_than_s=0.1)} <= {"not_live"}
            assert_f3(path)


def size_of(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize("gives_up", [False, True])
async def test_a_queue_that_is_full_holds_the_origin(
    gives_up: bool, sample: Sample, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Longer than a silent origin is waited for: it is not the origin that is silent. One that hangs up loses
    what it did not keep, and that is the disk's fault."""
    monkeypatch.setattr("engine.worker.writers.QUEUED_BYTES", 20_000)
    monkeypatch.setattr("engine.ingest.network.NO_DATA_TIMEOUT_S", 3.0)
    disk, stream = instead_of_os(monkeypatch), Stream(Picture.of(sample(SAMPLE)))
    stall = Stall(str(tmp_path / "recorded-0"))
    async with troubled({"x": stream}) as origin, Recorder(tmp_path) as recorder:
        recording = recorder.start(origin.url("x"), format="flv,mp4", reconnect=600)
        await until(lambda: bool(recorder.heard(recording, Live)))
        await asyncio.sleep(2)
        disk.before = stall
        try:
            await until(stall.waiting.is_set)
            await until(lambda: recording._held_back)
            packets = recording.status.packets
            if gives_up:
                gave_up = datetime.now(UTC)
                stream.reset()  # what the kernel still holds is gone with it
            await asyncio.sleep(STALL_S)
            assert recording.status.packets == packets
        finally:
            stall.over.set()
        if gives_up:
            await until(lambda: len(recorder.heard(recording, Live)) == 2)
        await asyncio.sleep(3)
        recording.stop()
        (recorded,) = await recorder.ended()
    assert recorded.outcome.error is None
    assert not recorded.warnings("stalled")
    assert len(recorded.of(Connecting)) == 1 + gives_up
    for format in (Format.FLV, Format.MP4):
        files = recorded.paths(format)
        told = assert_accounted(stream, files, SLACK_S)
        missing = [gap for gap in gaps(told, longer_than_s=0.1) if gap.reason != "not_live"]
        assert [gap.reason for gap in missing] == ["storage"] * gives_up
        if gives_up:
            assert missing[0].start <= gave_up + A_STEP  # what came last was made up to then
            assert gave_up <= missing[0].end
        for path in files:
            assert_f3(path)


async def test_memory_holds_what_is_queued_and_no_more(
    sample: Sample, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """S7: 3 Mb/s against a stalled disk."""
    monkeypatch.setattr("engine.heap._SPARE_BYTES", 4 << 20)  # less than is asked about
    disk = instead_of_os(monkeypatch)
    stream = Stream(heavy(Picture.of(sample(SAMPLE)), 3_000_000 // 8))
    stall = Stall(str(tmp_path / "recorded-0"))
    async with troubled({"x": stream}) as origin, Recorder(tmp_path) as recorder:
        recording = recorder.start(origin.url("x"), format="flv,hls", hls_time=1)
        await until(lambda: bool(recorder.heard(recording, Live)))
        await asyncio.sleep(5)
        before, media_bytes = resident_bytes(), recording.status.media_bytes
        disk.before = stall
        await asyncio.sleep(STALL_S)
        queued = recording.status.media_bytes - media_bytes
        grown = resident_bytes() - before
        stall.over.set()
        await asyncio.sleep(5)
        left = resident_bytes() - before
        recording.stop()
        (recorded,) = await recorder.ended()
    assert queued > 1 << 20
    assert grown < 2 * queued + (6 << 20)
    assert left < 8 << 20
    assert_accounted(stream, recorded.paths(Format.FLV), SLACK_S)


async def test_a_source_that_floods(sample: Sample, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """S7: 90 MB as fast as loopback carries them, to a disk that is slower."""
    monkeypatch.setattr("engine.worker.writers.QUEUED_BYTES", QUEUED)
    instead_of_os(monkeypatch).before = lambda call: time.sleep(0.02 * (call.name == "write"))
    flood = heavy(Picture.of(sample(SAMPLE)), 12 << 20)
    source = write(tmp_path / "flood.flv", [*flood.headers, *flood.frames])
    data = source.read_bytes()

    async def answer(client: Client) -> None:
        await client.send(head(f"Content-Length: {len(data)}"))
        for at in range(0, len(data), 1 << 18):
            await client.send(data[at : at + (1 << 18)])

    grown: list[int] = []

    async def watch() -> None:
        before = resident_bytes()
        while True:
            grown.append(resident_bytes() - before)
            await asyncio.sleep(0.02)

    async with scripted(answer) as origin, Recorder(tmp_path) as recorder:
        watching = asyncio.create_task(watch())
        recorder.start(origin.url("/live/x.flv"), format="flv")
        (recorded,) = await recorder.ended()
        watching.cancel()
    assert recorded.outcome.error is None
    assert len(data) > 80 << 20
    assert max(grown) < QUEUED + READ_AHEAD
    assert_f1(source, recorded.paths(Format.FLV))

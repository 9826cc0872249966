"""S1: whatever a stream is called, whoever else records it, and whatever the clock does, a file lies below
the recording root and never takes the place of another."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from e2e.recordings import Recorder
from oracle.packets import source_packets
from oracle.rules import assert_f1, assert_f3, assert_playlist
from origins.troubled import Picture, Stream, troubled
from waiting import until

from engine.clock import SteadyClock
from engine.media.codecs import Format
from engine.media.events import Event, FileFinished, Live
from engine.record import Recording, RecordSpec
from engine.worker import Worker

SAMPLE = "h264_aac_bframes"
FORMATS = "flv,hls,mp4"
Sample = Callable[[str], Path]


def contents(folder: Path) -> dict[Path, bytes]:
    """Every file below a folder."""
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


async def record_all(urls: list[str], folder: Path, **fields: Any) -> list[Path]:
    """Record side by side into one folder; what was announced."""
    heard: list[Event] = []
    async with Worker(heard.append) as worker:
        for url in urls:
            order = {"format": FORMATS, "reconnect": 0, **fields, "urls": [url], "output": str(folder)}
            worker.add(RecordSpec.parse(order), url)
        outcomes = await worker.run_all()
        assert not any(worker._slots._taken)  # their places are free again
    assert [outcome.error for outcome in outcomes] == [None] * len(urls)
    return [Path(event.path) for event in heard if isinstance(event, FileFinished)]


def assert_whole(files: list[Path], times: int, source: Path) -> None:
    """The source was recorded so many times, and every recording is whole: as many packets in all, and each
    file has a name of its own."""
    assert len(set(files)) == len(files)
    wanted = source_packets(source)
    for ending in (".flv", ".m3u8", ".mp4"):
        found = [path for path in files if path.suffix == ending]
        assert len(found) == times
        for path in found:
            assert_f1(wanted, path)
            assert_f3(path)


async def test_recordings_of_one_stream_in_one_second(sample: Sample, tmp_path: Path) -> None:
    """Four recordings on two threads and, at the same time, four in another worker."""
    urls = [f"{sample(SAMPLE).as_uri()}?speed=0"] * 4
    both = await asyncio.gather(*(record_all(urls, tmp_path, name="{stream}-{seq}") for _ in range(2)))
    assert_whole(both[0] + both[1], 8, sample(SAMPLE))


async def test_a_name_without_a_time_is_taken_once(sample: Sample, tmp_path: Path) -> None:
    urls = [f"{sample(SAMPLE).as_uri()}?speed=0"]
    first = await record_all(urls, tmp_path, name="{stream}-{seq}")
    before = contents(tmp_path)
    second = await record_all(urls, tmp_path, name="{stream}-{seq}")
    assert_whole(first + second, 2, sample(SAMPLE))
    after = contents(tmp_path)
    assert {path: after[path] for path in before} == before


def stepping_clock(back: timedelta, after_s: float) -> Callable[[], datetime]:
    """A clock that is set back once, a while after it was first looked at."""
    first = datetime.now(UTC)

    def now() -> datetime:
        real = datetime.now(UTC)
        return real - back if (real - first).total_seconds() > after_s else real

    return now


@pytest.mark.parametrize("back_s", [2, 3600])
async def test_a_clock_that_steps_back(
    back_s: int, sample: Sample, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Files that begin in an hour that was recorded already (DST as local time has it, or NTP)."""
    stream = Stream(Picture.of(sample(SAMPLE)))
    # Beneath the recording's own clock, which takes no step: names must not depend on that.
    stepping = stepping_clock(timedelta(seconds=back_s), 4)
    monkeypatch.setattr(SteadyClock, "now", lambda _: stepping())
    async with troubled({"x": stream}) as origin, Recorder(tmp_path) as recorder:
        recording = recorder.start(
            origin.url("x"), format=FORMATS, hls_time=1, interval=1, name="{time}-{seq}"
        )
        kept: dict[Path, bytes] = {}
        for _ in range(6):
            count = len(recorder.heard(recording, FileFinished))
            await until(lambda count=count: len(recorder.heard(recording, FileFinished)) > count)  # type: ignore[misc]
            for path in finished(recorder, recording):
                if path.suffix != ".m3u8":  # a manifest beside it may yet say more
                    assert kept.setdefault(path, path.read_bytes()) == path.read_bytes()
        recording.stop()
        (recorded,) = await recorder.ended()
    assert recorded.outcome.error is None
    for path, data in kept.items():
        assert path.read_bytes() == data
    told = [event for event in recorded.of(FileFinished) if event.format is Format.FLV]
    assert_joined([recorded.packets(Path(event.path)) for event in told], stream)


def finished(recorder: Recorder, recording: Recording) -> Iterator[Path]:
    for event in recorder.heard(recording, FileFinished):
        yield Path(event.path)


def assert_joined(files: list[Any], stream: Stream) -> None:
    """No frame between the first and the last is missing."""
    times = [int(packet.dts_ms) for file in files for packet in file.video]
    made = [one.dts_ms for one in stream.made if one.kind == 9]
    assert times == made[made.index(times[0]) :][: len(times)]


async def test_a_push_that_returns_leaves_the_playlist_alone(sample: Sample, tmp_path: Path) -> None:
    """T21: the VOD playlist of the push before."""
    stream = Stream(Picture.of(sample(SAMPLE)))
    async with troubled({"x": stream}) as origin, Recorder(tmp_path) as recorder:
        recording = recorder.start(
            origin.url("x"), format="hls", hls_time=1, reconnect=600, name="{stream}-{seq}"
        )
        before: dict[Path, bytes] = {}
        for push in range(3):
            await until(lambda push=push: len(recorder.heard(recording, Live)) > push)  # type: ignore[misc]
            await asyncio.sleep(2)
            stream.unpublish()
            await until(lambda push=push: len(recorder.heard(recording, FileFinished)) > push)  # type: ignore[misc]
            playlists = set(finished(recorder, recording))
            assert {path: path.read_bytes() for path in before} == before
            before = {path: path.read_bytes() for path in playlists}
            stream.publish()
        recording.stop()
        (recorded,) = await recorder.ended()
    assert {path: path.read_bytes() for path in before} == before
    assert len(before) == 3
    for path in recorded.paths(Format.HLS):
        assert_playlist(path)
        assert b"#EXT-X-ENDLIST" in path.read_bytes()


HOSTILE = (
    "/live/%2e%2e",
    "/live/..%2f..%2f..%2fetc%2fpasswd",
    "/live/%2e%2e%2f%2e%2e%2foutside",
    "/..%2f..%2foutside/x",
    "/%2e%2e/%2e%2e/y",
    "/../../z",
    "/live/%2Fetc%2Fpasswd",
    "/live/a%00b",
    "/live/%00",
    "/live/.hidden",
    "/live/~",
    "/live/%0a%0d%1b%5b2J",
    "/live/" + "x" * 1000,
    "/live/" + "x" * 999 + "y",
    "/live/" + "%E2%98%83" * 100,
    "/live/%F0%9F%8E%A5",
    "/live/%ff%fe",
    "/live/con%3Aaux%7C%3F%2A%22%3C%3E",
    "/live/%23EXTM3U",
    "/live/%2e",
    "/live/x.flv.part",
    "/live/x.m3u8.journal",
    "/.reel/x",
)


async def test_names_of_hostile_streams(sample: Sample, tmp_path: Path) -> None:
    """T08, T35: through HTTP, the URL, the names of files and the URIs of playlists."""
    root = tmp_path / "one" / "two" / "three" / "root"
    picture = Picture.of(sample(SAMPLE))
    streams = {path.removeprefix("/live/"): Stream(picture) for path in HOSTILE}
    async with troubled(streams) as origin:
        urls = [f"http://127.0.0.1:{origin.port}{path}.flv" for path in HOSTILE]
        files = await record_all(urls, root, duration=2, hls_time=1, format="flv,hls")
    assert len(set(files)) == len(files) == 2 * len(HOSTILE)
    everything = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert all(path.is_relative_to(root / "127.0.0.1") for path in everything)
    for path in files:
        assert path.is_file()
        assert path.name.isascii()
        assert path.name.isprintable()
        assert not any(part.startswith(".") for part in path.relative_to(root).parts)
    for path in files[:6]:
        assert_f3(path)
    for path in files:
        if path.suffix == ".m3u8":
            assert_playlist(path)

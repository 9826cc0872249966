"""Whole recordings for tests: an origin, a worker, files on disk, and what the events said about them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import uvloop
from oracle import playlist
from oracle.packets import Recording, output_packets
from oracle.rules import assert_f1, assert_f2, assert_f3, assert_playlist

from engine.media.codecs import Format
from engine.media.events import Event, Failed, FileFinished, Finished, Warned
from engine.origin import Origin
from engine.record import Outcome, RecordSpec
from engine.worker import Worker

T = TypeVar("T")

HLS_TIME_S = 2.0
PROTOCOLS = ("rtmp", "http-flv", "file")


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run on the event loop that `reel` runs on."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(main)


@dataclass
class Recorded:
    """One recording that has ended."""

    folder: Path
    outcome: Outcome
    events: list[Event]
    _read: dict[Path, Recording] = field(default_factory=dict)

    @property
    def finished(self) -> list[FileFinished]:
        """What was said of each finished file."""
        return [event for event in self.events if isinstance(event, FileFinished)]

    @property
    def formats(self) -> set[Format]:
        """The formats that left files."""
        return {event.format for event in self.finished}

    def paths(self, format: Format) -> list[Path]:
        """The files of a format, in order."""
        return sorted(Path(event.path) for event in self.finished if event.format is format)

    def files(self, format: Format) -> list[Recording]:
        """The packets of each file of a format, in order."""
        return [self.packets(path) for path in self.paths(format)]

    def packets(self, path: Path) -> Recording:
        """The packets of a file; read once."""
        if path not in self._read:
            self._read[path] = output_packets(path)
        return self._read[path]

    def warnings(self, code: str) -> list[Warned]:
        """Warnings of one kind."""
        return [event for event in self.events if isinstance(event, Warned) and event.code == code]

    def of(self, kind: type[T]) -> list[T]:
        """The events of one class."""
        return [event for event in self.events if isinstance(event, kind)]

    def on_disk(self) -> set[Path]:
        """Every file and every folder that holds none, below the output folder."""
        found = [path for path in self.folder.rglob("*") if path.is_file() or not any(path.iterdir())]
        return set(found)

    def assert_tidy(self) -> None:
        """Disk and events agree: nothing unfinished, nothing unsaid, nothing of another size."""
        listed = {Path(event.path) for event in self.finished}
        for path in tuple(listed):
            if path.suffix == ".m3u8":
                segments = playlist.read(path).segments
                uris = {s.uri for s in segments} | {s.map_uri for s in segments if s.map_uri}
                listed |= {path.parent / uri for uri in uris}
        assert self.on_disk() == listed
        for event in self.finished:
            packets = self.packets(Path(event.path))
            assert (event.video_packets, event.audio_packets) == (len(packets.video), len(packets.audio))
            if event.format is not Format.HLS:
                assert event.size_bytes == Path(event.path).stat().st_size
        last = self.events[-1]
        assert isinstance(last, Finished if self.outcome.error is None else Failed)
        assert last.files == self.outcome.files == len(self.finished)

    def assert_correct(
        self,
        source: Recording,
        format: Format,
        *,
        timestamps: str = "original",
        plays: bool = True,
        **how: Any,
    ) -> None:
        """F1, F2, F3 and C5 of a format's files, which together hold the source. `how`: see `assert_f1`."""
        files = self.files(format)
        assert files, f"no {format.value} file"
        assert_f1(source, files, **how)
        zero = format is Format.MP4 or timestamps == "zero"
        assert_f2(source, files, timestamps="zero" if zero else "original", **how)
        for path in self.paths(format):
            if format is Format.HLS:
                assert_playlist(path)
            if plays:
                assert_f3(path)


async def record(folder: Path, *urls: str, **fields: Any) -> list[Recorded]:
    """Record URLs side by side in one worker, each into a folder of its own; `fields` are those of
    `RecordSpec`."""
    recorded: list[Recorded] = []
    streams: dict[str, list[Event]] = {}

    def emit(event: Event) -> None:
        streams.setdefault(event.recording, []).append(event)

    folders = [folder / f"recorded-{number}" for number in range(len(urls))]
    async with Worker(emit) as worker:
        for url, output in zip(urls, folders, strict=True):
            order = {"reconnect": 0, "hls_time": HLS_TIME_S, **fields, "urls": [url], "output": str(output)}
            worker.add(RecordSpec.parse(order), url)
        outcomes = await worker.run_all()
    for recording, outcome, output in zip(worker.recordings, outcomes, folders, strict=True):
        recorded.append(Recorded(output, outcome, streams[recording.id]))
    for one in recorded:
        one.assert_tidy()
    return recorded


async def pull_all(sources: Iterable[Path], protocol: str, folder: Path, **fields: Any) -> list[Recorded]:
    """Record each file whole, over one protocol, from an origin of its own (`file`: from the file)."""
    paths = [Path(source) for source in sources]
    if protocol == "file":
        return await record(folder, *(f"{path.as_uri()}?speed=0" for path in paths), **fields)
    async with Origin(paths, once=True, speed=0, wait_for_reader=True) as origin:
        url = origin.rtmp_url if protocol == "rtmp" else origin.http_url
        return await record(folder, *map(url, origin.streams), **fields)


def pull(source: Path, protocol: str, folder: Path, **fields: Any) -> Recorded:
    """Record one file whole, over one protocol."""
    return run(pull_all([source], protocol, folder, **fields))[0]


def every_format(formats: Callable[[Format], bool] | None = None) -> str:
    """The names of all formats, as an order has them."""
    return ",".join(format.value for format in Format if formats is None or formats(format))

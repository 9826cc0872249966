"""Whole recordings for tests: an origin, a worker, files on disk, and what the events said about them."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import uvloop
from oracle import playlist
from oracle.packets import Recording as Packets
from oracle.packets import output_packets
from oracle.rules import assert_f1, assert_f2, assert_f3, assert_playlist

from engine.media.codecs import Format
from engine.media.events import Event, Failed, FileFinished, Finished, Warned
from engine.origin import Origin
from engine.record import Outcome, Recording, RecordSpec
from engine.worker import Worker

T = TypeVar("T")

HLS_TIME_S = 2.0
PROTOCOLS = ("rtmp", "http-flv", "file")
EVERY_FORMAT = ",".join(format.value for format in Format)


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
    _read: dict[Path, Packets] = field(default_factory=dict)

    def of(self, kind: type[T]) -> list[T]:
        """The events of one class."""
        return [event for event in self.events if isinstance(event, kind)]

    def warnings(self, code: str) -> list[Warned]:
        """Warnings of one kind."""
        return [event for event in self.of(Warned) if event.code == code]

    @property
    def formats(self) -> set[Format]:
        """The formats that left files."""
        return {event.format for event in self.of(FileFinished)}

    def paths(self, format: Format) -> list[Path]:
        """The files of a format, in order."""
        return sorted(Path(event.path) for event in self.of(FileFinished) if event.format is format)

    def files(self, format: Format) -> list[Packets]:
        """The packets of each file of a format, in order."""
        return [self.packets(path) for path in self.paths(format)]

    def packets(self, path: Path) -> Packets:
        """The packets of a file; read once."""
        if path not in self._read:
            self._read[path] = output_packets(path)
        return self._read[path]

    def on_disk(self) -> set[Path]:
        """Every file, and every folder with nothing in it, below the output folder."""
        return {path for path in self.folder.rglob("*") if path.is_file() or not any(path.iterdir())}

    def assert_tidy(self) -> None:
        """Disk and events agree: nothing unfinished, nothing unsaid, no wrong counts or sizes."""
        listed = {Path(event.path) for event in self.of(FileFinished)}
        for path in tuple(listed):
            listed.add(path.with_name(path.name + ".json"))
            if path.suffix == ".m3u8":
                segments = playlist.read(path).segments
                uris = {s.uri for s in segments} | {s.map_uri for s in segments if s.map_uri}
                listed |= {path.parent / uri for uri in uris}
        assert self.on_disk() == listed
        for event in self.of(FileFinished):
            packets = self.packets(Path(event.path))
            counts = len(packets.video), len(packets.audio)
            assert (event.video_packets, event.audio_packets) == counts, event
            if event.format is not Format.HLS:
                assert event.size_bytes == Path(event.path).stat().st_size
        last = self.events[-1]
        assert isinstance(last, Finished if self.outcome.error is None else Failed)
        assert last.files == self.outcome.files == len(self.of(FileFinished))

    def assert_correct(
        self, source: Packets, format: Format, *, timestamps: str = "original", plays: bool = True, **how: Any
    ) -> None:
        """F1, F2, F3 and C5 of a format's files, which together hold the source. `how`: see `assert_f1`."""
        files = self.files(format)
        assert files, f"there is no {format.value} file"
        zero = format is Format.MP4 or timestamps == "zero"
        assert_f1(source, files, **how)
        assert_f2(source, files, timestamps="zero" if zero else "original", **how)
        for path in self.paths(format):
            if format is Format.HLS:
                assert_playlist(path)
            if plays:
                assert_f3(path)


class Recorder:
    """A worker whose recordings start one by one; each writes into a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._events: dict[str, list[Event]] = {}
        self._worker = Worker(lambda event: self._events.setdefault(event.recording, []).append(event))
        self._running: list[tuple[Recording, Path, asyncio.Task[Outcome]]] = []

    async def __aenter__(self) -> Self:
        await self._worker.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for _, _, task in self._running:
            task.cancel()
        await asyncio.gather(*(task for _, _, task in self._running), return_exceptions=True)
        await self._worker.__aexit__(kind, error, trace)

    def start(self, url: str, **fields: Any) -> Recording:
        """Start recording a URL; `fields` are those of `RecordSpec`."""
        output = self._folder / f"recorded-{len(self._running)}"
        order = {"reconnect": 0, "hls_time": HLS_TIME_S, **fields, "urls": [url], "output": str(output)}
        recording = self._worker.add(RecordSpec.parse(order), url)
        self._running.append((recording, output, asyncio.create_task(recording.run())))
        return recording

    def heard(self, recording: Recording, kind: type[T]) -> list[T]:
        """The events of one class so far."""
        return [event for event in self._events.get(recording.id, []) if isinstance(event, kind)]

    async def ended(self) -> list[Recorded]:
        """Wait for the end of all recordings."""
        recorded = [
            Recorded(output, await task, self._events[recording.id])
            for recording, output, task in self._running
        ]
        for one in recorded:
            one.assert_tidy()
        return recorded


async def pull_all(sources: Iterable[Path], protocol: str, folder: Path, **fields: Any) -> list[Recorded]:
    """Record files whole and side by side, over one protocol, from an origin that plays each once, as fast as
    it is taken (`file`: without an origin)."""
    paths = list(sources)
    async with Recorder(folder) as recorder:
        if protocol == "file":
            for path in paths:
                recorder.start(f"{path.as_uri()}?speed=0", **fields)
            return await recorder.ended()
        async with Origin(paths, once=True, speed=0, wait_for_reader=True) as origin:
            for stream in origin.streams:
                recorder.start(url_of(origin, protocol, stream), **fields)
            return await recorder.ended()


def pull(source: Path, protocol: str, folder: Path, **fields: Any) -> Recorded:
    """Record one file whole, over one protocol."""
    return run(pull_all([source], protocol, folder, **fields))[0]


def url_of(origin: Origin, protocol: str, stream: str) -> str:
    """Where a stream of an origin is pulled from."""
    return origin.rtmp_url(stream) if protocol == "rtmp" else origin.http_url(stream)

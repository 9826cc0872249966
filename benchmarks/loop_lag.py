"""`python -m benchmarks.loop_lag URLS FOLDER FORMAT RESULT`: records as `reel record` does, and probes it.

The probe sleeps 10 ms and notes how late it wakes; at SIGINT its lags, in ms, are written to RESULT as JSON.
Those of the first seconds, while everything connects, are left out. `--neighbour URL` is recorded beside the
others, to a folder of its own in FOLDER; `--hangs` says that its disk does, as soon as the probe begins.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import threading
import time
from pathlib import Path

from engine._native import AppendFile, Pieces
from engine.cli.running import run, stopping
from engine.record import RecordSpec
from engine.store import file as store
from engine.worker import Worker

SETTLE_S = 5.0
NEIGHBOUR = "neighbour"  # its folder
_PROBE_S = 0.01


class _Hang:
    """A disk below one folder that hangs between `begin` and `end`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._well = threading.Event()
        self._well.set()
        self.begin, self.end = self._well.clear, self._well.set

    def file(self, path: Path) -> _HangingFile | AppendFile:
        """In place of `AppendFile`."""
        return _HangingFile(path, self._well) if path.is_relative_to(self._folder) else AppendFile(path)


class _HangingFile:
    def __init__(self, path: Path, well: threading.Event) -> None:
        self._file, self._well = AppendFile(path), well
        self.fileno, self.close = self._file.fileno, self._file.close

    def write(self, data: bytes | Pieces) -> None:
        self._well.wait()
        self._file.write(data)


async def _probe(lags_ms: list[float], hang: _Hang | None) -> None:
    await asyncio.sleep(SETTLE_S)
    if hang is not None:
        hang.begin()
    while True:
        due_s = time.monotonic() + _PROBE_S
        await asyncio.sleep(_PROBE_S)
        lags_ms.append(max(0.0, time.monotonic() - due_s) * 1000)


def _spec(url: str, folder: Path, format: str) -> RecordSpec:
    return RecordSpec.parse({"urls": [url], "output": folder, "format": format, "insecure": True})


async def _record(arguments: argparse.Namespace, hang: _Hang | None) -> list[float]:
    lags_ms: list[float] = []
    folder, format = arguments.folder, arguments.format
    async with Worker(lambda event: None) as worker:
        for url in arguments.urls.read_text().split():
            worker.add(_spec(url, folder, format), url)
        if arguments.neighbour:
            worker.add(_spec(arguments.neighbour, folder / NEIGHBOUR, format), arguments.neighbour)
        probe = asyncio.create_task(_probe(lags_ms, hang))

        def stop() -> None:
            probe.cancel()
            if hang is not None:
                hang.end()
            worker.stop_all()

        with stopping(stop):
            await worker.run_all()
    return lags_ms


def _main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.loop_lag", description=__doc__)
    for name, kind in (("urls", Path), ("folder", Path), ("format", str), ("result", Path)):
        parser.add_argument(name, type=kind)
    parser.add_argument("--neighbour")
    parser.add_argument("--hangs", action="store_true")
    arguments = parser.parse_args()
    hang = None
    if arguments.hangs:
        hang = _Hang(arguments.folder / NEIGHBOUR)
        store.AppendFile = hang.file  # type: ignore[assignment, misc]
    arguments.result.write_text(json.dumps(run(_record(arguments, hang))))


if __name__ == "__main__":
    _main()

"""`python -m benchmarks.tapped_origin FILE URL_FILE SENT`: the embedded origin, noting what is sent first.

The HTTP-FLV URL is written to URL_FILE. For each reader one line goes to SENT: the first keyframe it was
sent, as `benchmarks.keyframe` knows it again.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import TextIO
from weakref import WeakSet

from benchmarks.keyframe import sent_first
from engine.cli.running import run, stopping
from engine.origin import Origin
from engine.origin.reader import TransportReader


def _tap(sent: TextIO) -> None:
    begun: WeakSet[TransportReader] = WeakSet()
    send = TransportReader.send

    def noted(reader: TransportReader, data: bytes) -> None:
        if reader not in begun:
            begun.add(reader)
            keyframe = sent_first(data[data.index(b"FLV\1") :])
            sent.write(f"{keyframe}\n")
            sent.flush()
        send(reader, data)

    TransportReader.send = noted  # type: ignore[method-assign]


async def _serve(file: Path, url_file: Path) -> None:
    stopped = asyncio.Event()
    with stopping(stopped.set):
        async with Origin([file], rtmp=None) as origin:
            growing = url_file.with_suffix(".tmp")
            growing.write_text(origin.http_url(origin.streams[0]))
            growing.rename(url_file)
            await stopped.wait()


if __name__ == "__main__":
    with Path(sys.argv[3]).open("w") as log:
        _tap(log)
        run(_serve(Path(sys.argv[1]), Path(sys.argv[2])))

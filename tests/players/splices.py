"""A playlist of several pushes: what `reel record --splice` leaves when the stream comes back in time."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from e2e.recordings import Recorder
from origins.scripted import Client, chunk, head, scripted

from engine.media.codecs import Format

SEGMENT_S = 2.0
_CHUNKED = head("Transfer-Encoding: chunked")
_NOT_FOUND = head("Content-Length: 0", status="404 Not Found")


async def record_spliced(pushes: Sequence[Path], folder: Path, segment: Literal["ts", "fmp4"]) -> Path:
    """Record FLV files, one push each and each on its own clock, into one playlist."""

    async def answer(client: Client) -> None:
        if client.number < len(pushes):
            await client.send(_CHUNKED + chunk(pushes[client.number].read_bytes()) + chunk(b""))
        else:
            await client.send(_NOT_FOUND)

    async with scripted(answer) as origin, Recorder(folder) as recorder:
        recorder.start(
            origin.url(), format="hls", hls_segment=segment, hls_time=SEGMENT_S, splice=4, reconnect=0
        )
        (recorded,) = await recorder.ended()
    assert recorded.outcome.error is None
    (path,) = recorded.paths(Format.HLS)
    return path

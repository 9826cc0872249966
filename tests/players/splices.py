"""A playlist of several pushes: what `reel record --splice` leaves when the stream comes back in time."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from muxing import read_stream

from engine.media.codecs import Format
from engine.mux import MuxOptions, open_muxer
from engine.store.folder import SegmentFolder

SEGMENT_S = 2.0


def record_spliced(pushes: Sequence[Path], folder: Path, segment: Literal["ts", "fmp4"]) -> Path:
    """Record FLV files, one push each and each on its own clock, into one playlist."""
    store = SegmentFolder(folder / "spliced.m3u8")
    streams = [read_stream(push) for push in pushes]
    options = MuxOptions(hls_segment=segment, hls_time_s=SEGMENT_S)
    muxer = open_muxer(Format.HLS, streams[0].tracks, store, options)
    for number, stream in enumerate(streams):
        if number:
            muxer.restart(stream.tracks)
        for batch in stream.batches():
            muxer.write(batch)
    muxer.close()
    store.finish()
    return store.final

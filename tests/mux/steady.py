"""`python steady.py FORMAT FOLDER`: muxes two hours in a hurry, prints how the process grew, in KiB.

Run in a process of its own by test_memory_flat.py: the growth from the end of minute 1, and of minute 20 where
caches and index are full, to the end of minute 120.
"""

from __future__ import annotations

import ctypes
import gc
import json
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from batches import AAC_CONFIG, AVC_CONFIG, audio, audio_config, batch, video, video_config

from engine.media.batch import Batch
from engine.media.codecs import Codec, Format
from engine.media.track import Track
from engine.mux import MuxOptions, open_muxer
from engine.store import GrowingFile, SegmentFolder

MINUTES = 120
SECONDS_PER_BATCH = 2
_MP3_FRAME = bytes.fromhex("fffb3264") + bytes(100)  # 48 kHz, 48 kb/s: 144 bytes


def resident_kib() -> int:
    """Resident memory, without what the allocator keeps for later."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4


def one_piece(mp3: bool) -> Batch:
    """Two seconds: 25 frames a second with a keyframe at the start, and the audio of 48 kHz."""
    tags = [
        video(at, key=at == 0, payload=b"\0\0\0\2" + (b"e" if at == 0 else b"A") + b"\x88")
        for at in range(0, 2000, 40)
    ]
    for number in range(94 if not mp3 else 83):
        at = number * 1024 // 48 if not mp3 else number * 24
        payload = (b"\x2f" + _MP3_FRAME + bytes(40)) if mp3 else None
        tags.append((8, at, payload) if payload else audio(at))
    return batch(*sorted(tags, key=lambda tag: tag[1]))


def main() -> None:
    """Feeds and measures."""
    name, folder = sys.argv[1], Path(sys.argv[2])
    format = Format(name.partition("-")[0])
    mp3 = format is Format.MP3
    piece = one_piece(mp3)
    sound = (
        Track(Codec.MP3, sample_rate=48_000, channels=2) if mp3 else Track.from_config(Codec.AAC, AAC_CONFIG)
    )
    tracks = [Track.from_config(Codec.H264, AVC_CONFIG), sound]
    if format.audio_only:
        tracks = tracks[1:]
        piece = piece.rows(piece.tags["kind"] == 8)
    options = MuxOptions(
        hls_segment="fmp4" if name.endswith("fmp4") else "ts",
        expected_duration_s=60.0 * MINUTES,
        headers=[batch(video_config(), audio_config())],
        started_at=datetime(2026, 1, 1, tzinfo=UTC),
    )
    notes = open(folder / "notes", "w")  # noqa: SIM115
    keep = lambda note: notes.write(json.dumps(note) + "\n")  # noqa: E731
    store = SegmentFolder(folder / "out.m3u8", keep) if format is Format.HLS else GrowingFile(folder / "out")
    muxer = open_muxer(format, tracks, store, options)
    kib = {}
    for number in range(60 * MINUTES // SECONDS_PER_BATCH):
        tags = piece.tags.copy()
        tags["dts"] += np.int64(number * SECONDS_PER_BATCH * 1000)
        muxer.write(replace(piece, tags=tags))
        seconds = (number + 1) * SECONDS_PER_BATCH
        if seconds in (60, 60 * 20, 60 * MINUTES):
            kib[seconds // 60] = resident_kib()
    stats = muxer.stats
    print(stats.video_packets + stats.audio_packets, kib[MINUTES] - kib[1], kib[MINUTES] - kib[20])
    notes.close()
    muxer.close()
    store.discard()


if __name__ == "__main__":
    main()

"""`python steady.py FORMAT FOLDER`: muxes two hours in a hurry, prints how the process grew, in KiB.

Run in a process of its own by test_memory_flat.py. Three numbers: packets, the growth from the end of minute
1 to that of minute 120, and from that of minute 20, when caches are full.
"""

from __future__ import annotations

import ctypes
import gc
import json
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from batches import AAC_CONFIG, AVC_CONFIG, audio, audio_config, batch, video, video_config

from engine.media.batch import Batch
from engine.media.codecs import Codec, Format
from engine.media.track import Track
from engine.mux import Muxer, MuxOptions, open_muxer
from engine.store import GrowingFile, SegmentFolder

MINUTES = 120
SECONDS_PER_BATCH = 2
_MP3_FRAME = bytes.fromhex("fffb3464") + bytes(140)  # 48 kHz, 48 kb/s: 144 bytes


def resident_kib() -> int:
    """Resident memory, without what the allocator keeps for later."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4


def settle_interned_names() -> None:
    """pathlib interns names: the interpreter's one table of them is resized after so many, by a megabyte, and
    then not again. A process that has recorded for a day is past that."""
    for number in range(50_000):
        Path(f"{number}.part")


def one_piece(mp3: bool) -> Batch:
    """Two seconds: 25 frames a second with a keyframe at the start, and the audio of 48 kHz."""
    tags = [
        video(at, key=not at, payload=b"\0\0\0\2" + (b"A" if at else b"e") + b"\x88")
        for at in range(0, 2000, 40)
    ]
    if mp3:
        tags += [(8, at, b"\x2f" + _MP3_FRAME) for at in range(0, 1992, 24)]
    else:
        tags += [audio(number * 1024 // 48) for number in range(94)]
    return batch(*sorted(tags, key=lambda tag: tag[1]))


def main() -> None:
    """Feeds and measures."""
    name, folder = sys.argv[1], Path(sys.argv[2])
    format = Format(name.partition("-")[0])
    mp3 = format is Format.MP3
    piece = one_piece(mp3)
    settle_interned_names()
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
    with (folder / "notes").open("w") as journal:

        def keep(note: Mapping[str, object]) -> None:
            journal.write(json.dumps(note) + "\n")

        store = (
            SegmentFolder(folder / "out.m3u8", keep) if format is Format.HLS else GrowingFile(folder / "out")
        )
        muxer = open_muxer(format, tracks, store, options)
        kib = feed(muxer, piece)
        stats = muxer.stats
        muxer.close()
    store.discard()
    numbers = stats.video_packets + stats.audio_packets, kib[MINUTES] - kib[1], kib[MINUTES] - kib[20]
    sys.stdout.write(" ".join(map(str, numbers)))


def feed(muxer: Muxer, piece: Batch) -> dict[int, int]:
    """Two hours of the piece: resident memory at the end of some minutes."""
    kib = {}
    for number in range(60 * MINUTES // SECONDS_PER_BATCH):
        tags = piece.tags.copy()
        tags["dts"] += np.int64(number * SECONDS_PER_BATCH * 1000)
        muxer.write(Batch(piece.arena, tags))
        seconds = (number + 1) * SECONDS_PER_BATCH
        if seconds in (60, 60 * 20, 60 * MINUTES):
            kib[seconds // 60] = resident_kib()
    return kib


if __name__ == "__main__":
    main()

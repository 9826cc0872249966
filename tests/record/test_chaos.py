"""Ten streams through an origin that drops, resets, stalls, falls silent, wraps, glues and republishes: at
the end every rule holds. `REEL_CHAOS_S` says how long it goes on (60)."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random

import pytest
from e2e.live import EDGE
from e2e.recordings import Recorded, Recorder
from oracle import flv
from oracle.ledger import Stretch, is_missing, stretches
from oracle.rules import assert_f3, assert_playlist
from origins.troubled import Made, Picture, Stream, Troubled, troubled
from waiting import until

from engine.media.codecs import Format
from engine.media.events import SegmentOpened, Warned

CHAOS_S = float(os.environ.get("REEL_CHAOS_S", "60"))
STREAMS = 10
SLACK_S = 1.5  # ten recordings, their origin and its troubles share a small machine
INTERVAL_S = 12.0  # with no keyframe for as long, files are cut without one, and do not play alone
LONGEST_GOP = 100  # frames, of either kind
SAMPLES = ("h264_aac_bframes", "h264_mp3", "h264_aac_enhanced", "h265_id12_aac", "h264_opus")
STARTS_MS = (0, (1 << 32) - 20_000, (1 << 31) - 15_000, (1 << 24) - 10_000, 500_000)
KINDS = {flv.VIDEO: "video", flv.AUDIO: "audio"}
Sample = Callable[[str], Path]


@pytest.mark.timeout(CHAOS_S + 300)
async def test_chaos(sample: Sample, tmp_path: Path) -> None:
    streams = {
        f"s{number}": Stream(
            Picture.of(sample(SAMPLES[number % len(SAMPLES)])), start_ms=STARTS_MS[number // 2], goes_on=True
        )
        for number in range(STREAMS)
    }
    async with troubled(streams) as origin, Recorder(tmp_path) as recorder:
        recordings = [
            recorder.start(
                origin.url(name),
                format="flv,hls,mp4",
                hls_time=2,
                interval=(None, INTERVAL_S)[number % 2],
                splice=(0.0, 5.0)[number // 2 % 2],
                jump="discontinuity",
                reconnect=600,
            )
            for number, name in enumerate(streams)
        ]
        async with asyncio.TaskGroup() as troubles:
            for number, stream in enumerate(streams.values()):
                troubles.create_task(trouble(stream, origin, Random(number)))
        for recording in recordings:
            recording.stop()
        ended = await recorder.ended()
    for stream, recorded in zip(streams.values(), ended, strict=True):
        assert recorded.outcome.error is None
        assert_nothing_lost(stream, recorded)


async def trouble(stream: Stream, origin: Troubled, chance: Random) -> None:
    """One trouble after the other, with some peace in between and at both ends."""
    loop = asyncio.get_running_loop()
    ends_s = loop.time() + CHAOS_S
    await asyncio.sleep(chance.uniform(2, 4))
    while loop.time() < ends_s - 6:
        match chance.choice(("drop", "reset", "stall", "hush", "republish", "glue", "both")):
            case "drop":
                stream.drop()
            case "reset":
                stream.reset()
            case "stall":
                await stream.stall(asyncio.sleep(chance.uniform(0.5, 3)))
            case "hush":
                silence_s = chance.uniform(1, 5)
                stream.hush(silence_s)
                await asyncio.sleep(silence_s)
            case "republish":
                stream.unpublish()
                await asyncio.sleep(chance.uniform(0.2, 4))
                stream.publish()
            case "glue" if not stream.looks_wrapping:
                stream.glue()
            case "both":
                await stream.stall(asyncio.sleep(chance.uniform(0.5, 1.5)))
                stream.reset()
        # Who joins a silent stream cannot know when that was made which it is sent first.
        await until(lambda: stream.is_played)
        await asyncio.sleep(chance.uniform(1.5, 5))
    await asyncio.sleep(max(ends_s - loop.time(), 0))


def assert_nothing_lost(stream: Stream, recorded: Recorded) -> None:
    files = recorded.paths(Format.FLV)
    told = stretches(files)
    again = begin_again(recorded)
    for kind in KINDS:
        assert_all_there([made for made in stream.made if made.kind == kind], files, kind, told, again)
    for format in (Format.HLS, Format.MP4):
        for kind in KINDS.values():
            ours = [packet.digest for file in recorded.files(format) for packet in file.track(kind)]
            assert ours == [p.digest for file in recorded.files(Format.FLV) for p in file.track(kind)], format
        stretches(recorded.paths(format))
    for path in recorded.paths(Format.HLS):
        assert_playlist(path)
    for format in (Format.FLV, Format.HLS, Format.MP4):
        for path in recorded.paths(format):
            assert_f3(path, apart=format is Format.HLS)


def begin_again(recorded: Recorded) -> set[Path]:
    """The files that begin with what the one before them ended with, as the recorder says."""
    paths: set[Path] = set()
    is_next = False
    for event in recorded.events:
        if isinstance(event, Warned) and event.code == "duplicate_media":
            is_next |= "begin the new file" in event.message
        elif isinstance(event, SegmentOpened) and event.format is Format.FLV and is_next:
            paths.add(Path(event.path))
            is_next = False
    return paths


def assert_all_there(
    made: Sequence[Made], files: Sequence[Path], kind: int, told: Sequence[Stretch], again: set[Path]
) -> None:
    """What is in the files was made, in this order, and each frame once; what is not is in a gap."""
    next_ = 0
    missing: list[Made] = []
    for path in files:
        frames = frames_of(path, kind)
        if path in again:
            next_ = begun_again(made, next_, frames)
        for number, frame in enumerate(frames):
            # The picture is a loop, and each push begins it anew: what was made in a gap begins no file.
            gaps = told if number == 0 else ()
            while next_ < len(made) and not is_same(made[next_], frame, gaps):
                missing.append(made[next_])
                next_ += 1
            what = f"{path.name}: {KINDS[kind]} at {frame[0]} ms"
            assert next_ < len(made), f"{what} comes twice, or late"
            assert not is_missing(told, made[next_].at, -SLACK_S), f"{what}: {made[next_]} is in a gap"
            next_ += 1
    for frame_lost in (*missing, *made[next_:]):
        outside = not told[0].start <= frame_lost.at <= told[-1].end - EDGE
        assert outside or is_missing(told, frame_lost.at, SLACK_S), (
            f"{frame_lost} is lost, and no gap says so"
        )


def frames_of(path: Path, kind: int) -> list[tuple[int, str]]:
    """Wire time and digest of the frames of a kind in a file."""
    tags = [tag for tag in flv.read(path).tags if tag.kind == kind and flv.main_media(tag).role == "frame"]
    return [(tag.timestamp, hashlib.sha256(tag.body).hexdigest()[:16]) for tag in tags]


def begun_again(made: Sequence[Made], next_: int, frames: Sequence[tuple[int, str]]) -> int:
    """Where a file begins that repeats what the one before it ended with, and goes on from there."""
    for at in range(max(next_ - LONGEST_GOP, 0), next_):
        again = [(one.wire_ms, one.digest) for one in made[at : next_ + 1]]
        if again[: len(frames)] == list(frames[: len(again)]):
            return at
    return next_


def is_same(made: Made, frame: tuple[int, str], told: Sequence[Stretch]) -> bool:
    return (made.wire_ms, made.digest) == frame and not is_missing(told, made.at, -SLACK_S)

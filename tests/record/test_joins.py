"""What comes between a broken connection and the one that goes on: breaks without media, breaks within the
replay, ends while files wait, and a splice."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from e2e.recordings import Recorder
from oracle import playlist
from oracle.packets import source_packets
from oracle.rules import assert_f1, assert_f3, assert_playlist
from origins.breaking import PROTOCOLS, Groups, Line, breaking

from engine.media import events
from engine.media.batch import Batch, Role
from engine.media.codecs import Format

SAMPLE = "h264_aac_bframes"
Sample = Callable[[str], Path]

over_both = pytest.mark.parametrize("protocol", PROTOCOLS)


@pytest.fixture
def groups(sample: Sample) -> Groups:
    """Eight groups of pictures of a second each."""
    return Groups.of(sample(SAMPLE))


def first(batch: Batch, count: int) -> Batch:
    """The first rows."""
    return batch.rows(slice(0, count))


def headers(groups: Groups) -> Batch:
    """The configurations alone."""
    return groups.whole.rows(groups.whole.tags["role"] == int(Role.CONFIG))


def without_its_keyframe(groups: Groups, number: int) -> Batch:
    """A part of a group, behind the headers."""
    some = first(groups.some(number), 40)
    keep = np.ones(len(some), dtype=np.bool_)
    keep[2] = False
    return some.rows(keep)


@over_both
@pytest.mark.parametrize("how", ["close", "reset"])
async def test_breaks_before_the_first_keyframe(
    how: str, protocol: str, groups: Groups, tmp_path: Path
) -> None:
    """They leave nothing behind, and the recording begins when there is one."""

    async def script(line: Line) -> None:
        if line.number > 3:
            await line.refuse()
            return
        await line.accept()
        if line.number < 3:
            await line.media(headers(groups) if line.number == 1 else without_its_keyframe(groups, 2))
            await line.end(how)
        else:
            await line.media(groups.some(0))
            await line.end("unpublish")

    async with breaking(protocol, script) as origin, Recorder(tmp_path) as recorder:
        recorder.start(origin.url, format="flv,mp4,hls", reconnect=5)
        (recorded,) = await recorder.ended()
    for format in recorded.formats:
        assert len(recorded.paths(format)) == 1
        recorded.assert_correct(source_packets(groups.whole_file), format)
    assert len(recorded.of(events.Live)) == 1
    assert [gap.reason for gap in recorded.of(events.GapOpened)] == ["not_live", "interrupted"]
    assert len(recorded.of(events.GapClosed)) == 2


PIECES: dict[str, Callable[[Groups], Batch]] = {
    "headers": headers,
    "the middle of a group": lambda groups: without_its_keyframe(groups, 3),
    "a part of the replay": lambda groups: first(groups.some(2, 4), 100),
}


@over_both
@pytest.mark.parametrize("piece", PIECES)
async def test_a_break_while_it_is_not_known_what_comes(
    piece: str, protocol: str, groups: Groups, tmp_path: Path
) -> None:
    """It costs nothing: the next connection goes on where the one before it broke off. As long as there are
    replays the stream is live, and files wait anew each time."""
    breaks = 16 if piece == "a part of the replay" else 1
    pieces = [groups.some(0, 4), *[PIECES[piece](groups)] * breaks, groups.some(1)]

    async def script(line: Line) -> None:
        if line.number >= len(pieces):
            await line.refuse()
            return
        await line.accept()
        await line.media(pieces[line.number])
        await line.end("close" if line.number < len(pieces) - 1 else "unpublish")

    async with breaking(protocol, script) as origin, Recorder(tmp_path) as recorder:
        recorder.start(origin.url, format="flv,mp4,hls", reconnect=3)
        (recorded,) = await recorder.ended()
    for format in recorded.formats:
        assert len(recorded.paths(format)) == 1
        recorded.assert_correct(source_packets(groups.whole_file), format)
    assert len(recorded.warnings("duplicate_media")) == (17 if piece == "a part of the replay" else 1)


@over_both
@pytest.mark.parametrize("end", ["stopped", "duration"])
async def test_an_end_while_files_wait_for_a_reconnect(
    end: str, protocol: str, groups: Groups, tmp_path: Path
) -> None:
    async def script(line: Line) -> None:
        if line.number:
            await line.refuse()
            return
        await line.accept()
        await line.play(groups.some(0, 1))
        await line.end("reset")

    duration = 2.5 if end == "duration" else None
    async with breaking(protocol, script) as origin, Recorder(tmp_path) as recorder:
        recording = recorder.start(
            origin.url, format="flv,mp4,hls", reconnect=3600, splice=30, duration=duration
        )
        async with asyncio.timeout(60):
            while len(recorder.heard(recording, events.GapOpened)) < 2:
                await asyncio.sleep(0.02)
        assert not recorder.heard(recording, events.FileFinished)
        if end == "stopped":
            recording.stop()
        (recorded,) = await recorder.ended()
    (finished,) = recorded.of(events.Finished)
    assert finished.reason == end
    for format in (Format.FLV, Format.MP4, Format.HLS):
        (path,) = recorded.paths(format)
        assert_f1(groups.whole_file, path, cut_short=True)
        assert len(recorded.packets(path).video) == 25
        assert_f3(path)
    assert len(recorded.of(events.FileFinished)) == 3


@over_both
@pytest.mark.parametrize("replays", [True, False], ids=["it goes on", "another push"])
@pytest.mark.parametrize("splice", [1, 30], ids=["ran out", "open"])
async def test_a_splice_and_the_wait_for_a_reconnect(
    splice: float, replays: bool, protocol: str, groups: Groups, tmp_path: Path
) -> None:
    """A connection that goes on where the last one broke off goes on in its files, whatever the splice; for
    another push it is the splice that counts."""
    missed = asyncio.Event()

    async def script(line: Line) -> None:
        if not line.number:
            await line.accept()
            await line.media(groups.some(0, 1))
            await line.end("reset")
        elif not missed.is_set():
            await line.refuse()
        else:
            await line.accept()
            await line.media(groups.some(0) if replays else groups.some(5, 6))
            await line.end("silence")

    async with breaking(protocol, script) as origin, Recorder(tmp_path) as recorder:
        recording = recorder.start(origin.url, format="flv,hls", reconnect=60, splice=splice)
        async with asyncio.timeout(60):
            while len(recorder.heard(recording, events.GapOpened)) < 2:
                await asyncio.sleep(0.02)
            await asyncio.sleep(1.3)
            assert not recorder.heard(recording, events.FileFinished)
            missed.set()
            while len(recorder.heard(recording, events.GapClosed)) < 2:
                await asyncio.sleep(0.02)
        recording.stop()
        (recorded,) = await recorder.ended()
    if replays:
        for format in (Format.FLV, Format.HLS):
            assert len(recorded.paths(format)) == 1
            recorded.assert_correct(source_packets(groups.whole_file), format)
        return
    assert len(recorded.paths(Format.FLV)) == 2
    lists = recorded.paths(Format.HLS)
    assert len(lists) == (1 if splice == 30 else 2)
    for path in lists:
        assert_playlist(path)
        assert_f3(path, apart=True)
    assert playlist.read(lists[-1]).segments[-1].run == (1 if splice == 30 else 0)
    digests = [packet.digest for file in recorded.files(Format.FLV) for packet in file.video]
    assert [packet.digest for file in recorded.files(Format.HLS) for packet in file.video] == digests

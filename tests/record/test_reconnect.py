"""Streams that break off, end, return or never begin: new files, gaps with their reasons, and patience."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from e2e.recordings import Recorder
from oracle.packets import source_packets
from oracle.rules import assert_f1, assert_f2, assert_f3
from origins.footage import read_flv
from origins.scripted import Client, head, says, scripted

from engine import _native
from engine.errors import AccessDenied, ConnectFailed, NotFlv, StreamNotFound
from engine.media import events
from engine.media.batch import Batch, Role
from engine.media.codecs import Format
from engine.origin import Origin
from engine.record.state import TRANSITIONS, State, Status

SAMPLE, OTHER = "h264_aac_bframes", "h265_id12_aac"
NOT_FOUND = head("Content-Length: 0", status="404 Not Found")
Sample = Callable[[str], Path]


class Watched(Status):
    """Remembers every state that a recording enters."""

    def __init__(self) -> None:
        self.states: list[State] = []
        super().__init__()

    def __setattr__(self, name: str, value: object) -> None:
        if name == "state":
            assert isinstance(value, State)
            self.states.append(value)
        super().__setattr__(name, value)


def test_the_table_of_states() -> None:
    """Every state is reached, all but the last can end, and the end is final."""
    assert set(TRANSITIONS) == set(State)
    reached: set[State] = set()
    border = {State.CONNECTING}
    while border:
        reached |= border
        border = {after for state in border for after in TRANSITIONS[state]} - reached
    assert reached == set(State)
    assert TRANSITIONS[State.ENDED] == frozenset()
    for state in set(State) - {State.ENDING, State.ENDED}:
        assert State.ENDING in TRANSITIONS[state]


async def test_a_stream_that_breaks_off_and_returns(
    sample: Sample, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.record.recording.Status", Watched)
    data, other = sample(SAMPLE).read_bytes(), sample(OTHER).read_bytes()

    async def answer(client: Client) -> None:
        if client.number == 0:
            await client.send(head(f"Content-Length: {len(data)}") + data[: len(data) // 2])
            await asyncio.sleep(0.3)  # or the reset overtakes what it should come behind
            client.reset()
        elif client.number == 2:
            await client.send(head(f"Content-Length: {len(other)}") + other)
        else:
            await client.send(NOT_FOUND)

    async with scripted(answer) as origin, Recorder(tmp_path) as recorder:
        url = origin.url("/live/x.flv?sign=secret")
        recording = recorder.start(url, format="flv,mp4,hls", reconnect=1.5)
        status = recording.status
        assert isinstance(status, Watched)
        (recorded,) = await recorder.ended()
    assert recorded.outcome.error is None

    source = source_packets(sample(SAMPLE))
    for format in (Format.FLV, Format.MP4, Format.HLS):
        first, second = recorded.paths(format)
        assert_f1(source, first, cut_short=True)
        assert_f2(source, first, cut_short=True)
        assert_f1(sample(OTHER), second)
        assert_f2(sample(OTHER), second)
        assert_f3(first)
        assert_f3(second)
    assert 80 < len(recorded.files(Format.FLV)[0].video) < 120

    # The end of the second push opened a gap that lasted to the end: the stream might have returned.
    gaps = recorded.of(events.GapClosed)
    assert [gap.reason for gap in gaps] == ["not_live", "interrupted", "interrupted"]
    assert [gap.start for gap in gaps] == [gap.start for gap in recorded.of(events.GapOpened)]
    assert all(before.end <= after.start for before, after in pairwise(gaps))
    lives = recorded.of(events.Live)
    assert [gap.end <= live.at for gap, live in zip(gaps, lives, strict=False)] == [True, True]

    dialled = recorded.of(events.Connecting)
    assert [event.attempt for event in dialled] == list(range(1, len(origin.requests) + 1))
    assert {event.url for event in dialled} == {origin.url("/live/x.flv")}
    (warning,) = recorded.warnings("connect_failed")
    assert "broke" in warning.message
    last = recorded.of(events.Finished)[0]
    assert (last.reason, last.gaps) == ("stream_ended", sum(gap.end > gap.start for gap in gaps))

    once = [State.CONNECTING, State.OPENING, State.LIVE, State.WAITING]
    assert status.states[:8] == [*once, State.CONNECTING, State.WAITING, State.CONNECTING, State.OPENING]
    assert status.states[-2:] == [State.ENDING, State.ENDED]
    for before, after in pairwise(status.states):
        assert after in TRANSITIONS[before]


@pytest.mark.parametrize("how", ["reset", "closed", "declared and cut"])
async def test_a_connection_that_goes_on_where_it_broke_off(how: str, sample: Sample, tmp_path: Path) -> None:
    """T20: what the origin sends again is left out, the files go on, and nothing is missing."""
    data = sample(SAMPLE).read_bytes()
    whole = read_flv(data)
    keys = [row for row in range(len(whole)) if whole.tags["flags"][row] & 1 and whole.tags["kind"][row] == 9]
    kept = [row for row in range(len(whole)) if whole.tags["role"][row] == Role.CONFIG] + list(
        range(keys[2], len(whole))
    )
    again = flv_of(whole, kept)  # from the last keyframe but one on

    async def answer(client: Client) -> None:
        if client.number == 0:
            half = data[: len(data) // 2]
            await client.send(
                head(*([f"Content-Length: {len(data)}"] if how == "declared and cut" else [])) + half
            )
            await asyncio.sleep(0.3)
            if how == "reset":
                client.reset()
        elif client.number == 1:
            await client.send(head(f"Content-Length: {len(again)}") + again)
        else:
            await client.send(NOT_FOUND)

    async with scripted(answer) as origin, Recorder(tmp_path) as recorder:
        recorder.start(origin.url(), format="flv,mp4,hls,aac", reconnect=1.5)
        (recorded,) = await recorder.ended()
    assert recorded.outcome.error is None
    source = source_packets(sample(SAMPLE))
    for format in recorded.formats:
        assert len(recorded.paths(format)) == 1
        recorded.assert_correct(source, format)
    (warning,) = recorded.warnings("duplicate_media")
    assert "recorded already" in warning.message
    broken = [gap for gap in recorded.of(events.GapClosed) if gap.reason == "interrupted"]
    assert broken[0].start == broken[0].end


def flv_of(batch: Batch, rows: list[int]) -> bytes:
    """Rows as a stream of their own."""
    some = batch.rows(np.asarray(rows))
    return _native.flv_header(True, True) + _native.flv_tags(some.arena, some.tags.tobytes(), 0, "source")[0]


async def test_a_publisher_that_returns(sample: Sample, tmp_path: Path) -> None:
    """Over RTMP and HTTP-FLV, from our own origin."""
    whole = read_flv(sample(SAMPLE).read_bytes())
    keys = [row for row in range(len(whole)) if whole.tags["flags"][row] & 1 and whole.tags["kind"][row] == 9]
    half = keys[len(keys) // 2]

    async def publish(batch: Batch) -> None:
        publisher = origin.hub.publish("live/x")
        assert publisher is not None
        while len(publisher.readers) < 2:
            await asyncio.sleep(0.01)
        publisher.push(batch)
        while publisher.backlog_bytes:
            await asyncio.sleep(0.01)
        publisher.close()

    async with Origin() as origin, Recorder(tmp_path) as recorder:
        urls = (origin.rtmp_url("live/x"), origin.http_url("live/x"))
        recordings = [recorder.start(url, format="flv,hls", reconnect=1.5) for url in urls]
        await publish(whole.rows(slice(0, half)))
        await publish(whole)
        assert len({recording.id for recording in recordings}) == 2
        for recorded in await recorder.ended():
            assert recorded.outcome.error is None
            for format in (Format.FLV, Format.HLS):
                first, second = recorded.paths(format)
                assert_f1(sample(SAMPLE), first, cut_short=True)
                assert_f1(sample(SAMPLE), second)
                assert_f3(first)
                assert_f3(second)
            assert [gap.reason for gap in recorded.of(events.GapClosed)] == [
                "not_live",
                "interrupted",
                "interrupted",
            ]


async def test_the_last_try_is_when_patience_ends(tmp_path: Path) -> None:
    async with scripted(says(NOT_FOUND)) as origin, Recorder(tmp_path) as recorder:
        recorder.start(origin.url(), reconnect=0.7)
        (recorded,) = await recorder.ended()
    assert isinstance(recorded.outcome.error, StreamNotFound)
    dialled = recorded.of(events.Connecting)
    assert dialled[-1].at - dialled[0].at >= timedelta(seconds=0.68)  # the second wait alone may be longer
    assert [gap.reason for gap in recorded.of(events.GapClosed)] == ["not_live"]
    assert recorded.on_disk() == set()


@pytest.mark.parametrize("broken", [True, False])
async def test_without_patience_the_first_end_is_the_end(
    broken: bool, sample: Sample, tmp_path: Path
) -> None:
    data = sample(SAMPLE).read_bytes()

    async def answer(client: Client) -> None:
        await client.send(head() + data)
        if broken:
            await asyncio.sleep(0.3)
            client.reset()

    async with scripted(answer) as origin, Recorder(tmp_path) as recorder:
        recorder.start(origin.url(), reconnect=0)
        (recorded,) = await recorder.ended()
    assert recorded.outcome.error is None
    assert len(origin.requests) == 1
    assert_f1(sample(SAMPLE), recorded.paths(Format.FLV))
    assert [gap.reason for gap in recorded.of(events.GapClosed)] == ["not_live"]


@pytest.mark.parametrize(
    ("answer", "kind"),
    [(head(status="403 Forbidden"), AccessDenied), (head() + b"<html>", NotFlv)],
    ids=["forbidden", "web page"],
)
async def test_what_waiting_does_not_mend_is_not_tried_again(
    answer: bytes, kind: type[Exception], tmp_path: Path
) -> None:
    async with scripted(says(answer)) as origin, Recorder(tmp_path) as recorder:
        recorder.start(origin.url(), reconnect=3600)
        (recorded,) = await recorder.ended()
    assert type(recorded.outcome.error) is kind
    assert len(origin.requests) == 1


async def test_waiting_ends_with_the_window(sample: Sample, tmp_path: Path) -> None:
    """The stream breaks off, and the duration is over before patience is."""
    data = sample(SAMPLE).read_bytes()

    async def answer(client: Client) -> None:
        if client.number:
            await client.send(NOT_FOUND)
        else:
            await client.send(head() + data[: len(data) // 8])

    async with scripted(answer) as origin, Recorder(tmp_path) as recorder:
        recorder.start(origin.url(), reconnect=3600, duration=2)
        (recorded,) = await recorder.ended()
    assert recorded.outcome.error is None
    assert len(origin.requests) > 1
    assert_f1(sample(SAMPLE), recorded.paths(Format.FLV), cut_short=True)


async def test_an_origin_that_is_gone(tmp_path: Path) -> None:
    """It refuses; the error is that of the last try."""
    async with scripted(says(NOT_FOUND)) as origin:
        url = origin.url()
    async with Recorder(tmp_path) as recorder:
        recorder.start(url, reconnect=0.8)
        (recorded,) = await recorder.ended()
    assert isinstance(recorded.outcome.error, ConnectFailed)
    assert len(recorded.of(events.Connecting)) >= 2
